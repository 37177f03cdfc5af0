//! Connection strings and password files, read back from every way to write them.

use pgpassage::model::conninfo::{ConninfoError, Params, parse, quote};
use pgpassage::model::endpoint::{Host, HostSpec};
use pgpassage::model::passwords::{Field, PassLine, Passwords, parse_passfile};
use pgpassage::model::secret::Secret;
use proptest::prelude::*;

/// Marks a password, so that a trace of it is found in any text.
const MARK: &str = "Zx9qT7";

fn value() -> impl Strategy<Value = String> {
    let nasty = "['\"\\\\ %:/?#@&=,\\[\\]+\t\na-cé漢]{1,12}";
    prop_oneof![nasty.prop_map(String::from), "[^\0]{1,8}".prop_map(String::from)]
}

fn params() -> impl Strategy<Value = Params> {
    let keyword = prop::sample::select(vec![
        "user",
        "password",
        "dbname",
        "options",
        "sslrootcert",
        "application_name",
    ]);
    let place = prop_oneof![
        Just((None, None)),
        Just((Some("db.example".to_owned()), Some("5433".to_owned()))),
        Just((Some("::1,b,fe80::2".to_owned()), Some("1,,3".to_owned()))),
        value().prop_map(|host| (Some(host.replace(',', "")).filter(|host| !host.is_empty()), None)),
    ];
    (prop::collection::btree_map(keyword, value(), 0..6), place).prop_map(|(settings, (host, port))| {
        let mut params = Params::default();
        for (keyword, value) in settings {
            assert_eq!(params.set(keyword, value), Ok(()));
        }
        for (keyword, value) in [("host", host), ("port", port)] {
            if let Some(value) = value {
                assert_eq!(params.set(keyword, value), Ok(()));
            }
        }
        params
    })
}

fn percent(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// A URI with everything in its usual place, and what has none in the query.
fn to_uri(params: &Params) -> String {
    let part = |keyword: &str| percent(params.get(keyword).unwrap_or_default());
    let mut uri = "postgresql://".to_owned();
    if params.get("user").is_some() || params.get("password").is_some() {
        uri += &format!("{}:{}@", part("user"), part("password"));
    }
    let ports: Vec<_> = params.get("port").unwrap_or_default().split(',').collect();
    for (n, host) in params.get("host").unwrap_or_default().split(',').enumerate() {
        let comma = if n > 0 { "," } else { "" };
        let ipv6 = host.parse::<std::net::Ipv6Addr>().is_ok();
        let host = if ipv6 { format!("[{host}]") } else { percent(host) };
        let port =
            ports.get(n).filter(|port| !port.is_empty()).map(|port| format!(":{port}")).unwrap_or_default();
        uri += &format!("{comma}{host}{port}");
    }
    uri += &format!("/{}?", part("dbname"));
    let placed = ["user", "password", "host", "port", "dbname"];
    let others = params.iter().filter(|(keyword, _)| !placed.contains(keyword));
    uri + &others
        .map(|(keyword, value)| format!("{keyword}={}", percent(value)))
        .collect::<Vec<_>>()
        .join("&")
}

fn to_list(params: &Params) -> String {
    params.iter().map(|(keyword, value)| format!("{keyword}={}", quote(value))).collect::<Vec<_>>().join(" ")
}

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![
        Just(Field::Any),
        "[^\0\r\n]{0,8}".prop_map(Field::Exactly),
        "[*#:\\\\]{1,3}".prop_map(Field::Exactly)
    ]
}

proptest! {
    #[test]
    fn a_uri_reads_back(params in params()) {
        prop_assert_eq!(parse(&to_uri(&params)), Ok(params));
    }

    #[test]
    fn a_list_reads_back(params in params()) {
        let wanted = if params == Params::default() { Err(ConninfoError::Empty) } else { Ok(params.clone()) };
        prop_assert_eq!(parse(&to_list(&params)), wanted);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), tail in "[a-z:@/?%=&,\\[\\]' \\\\é]{0,30}") {
        let _ = parse(&text);
        let _ = parse(&format!("postgres://{tail}"));
        let _ = parse(&format!("host={tail}"));
    }

    #[test]
    fn no_password_is_told(before in "[a-z:/?%=&,\\[\\]' \\\\]{0,12}", after in "[a-z:@/?%=&,\\[\\]' \\\\]{0,20}") {
        // However broken the rest is, and even if the password itself breaks it.
        for text in [
            format!("postgres://u:{before}{MARK}@h{after}"),
            format!("postgres://u:{before}{MARK}{after}@h"),
            format!("password={before}{MARK}{after}"),
            format!("password='{MARK}' {after}"),
        ] {
            match parse(&text) {
                // Where the text is valid by accident, the mark may be a name instead.
                Ok(params) if params.get("password").is_some_and(|password| password.contains(MARK)) => {
                    let shown = format!("{params:?}");
                    prop_assert!(!shown.contains(MARK), "{}", shown);
                }
                Ok(_) => {}
                Err(problem) => {
                    let shown = format!("{problem} {problem:?}");
                    prop_assert!(!shown.contains(MARK), "{}", text);
                }
            }
        }
    }

    #[test]
    fn a_password_file_reads_back(
        host in field(), port in field(), dbname in field(), user in field(), password in "[^\0\r\n]{0,12}",
    ) {
        let line = PassLine { host, port, dbname, user, password: Secret::new(password) };
        let text = line.to_line().unwrap();
        prop_assert_eq!(parse_passfile(&format!("# comment\n\n{}", text.expose())), vec![line]);
    }

    #[test]
    fn a_childs_line_fits_every_login(password in "[^\0\r\n]{1,12}", name in "[a-z]{1,5}", dbname in value()) {
        let line = PassLine::for_any_login(Secret::new(password.clone())).to_line().unwrap();
        let passwords = Passwords { lines: parse_passfile(line.expose()), ..Passwords::default() };
        let spec = HostSpec { host: Host::Tcp { name, addr: None }, port: 1 };
        prop_assert_eq!(passwords.find(&spec, &dbname, "u").map(Secret::expose), Some(password.as_str()));
    }
}
