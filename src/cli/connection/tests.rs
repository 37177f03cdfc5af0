//! Every source of settings, in a temporary home.

use super::*;
use crate::model::endpoint::{Host, HostSpec, RootCert, SslMode, TlsVersion};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A home directory that goes away with the test.
struct Home(PathBuf);

impl Home {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name =
            format!("pgpassage-conninfo-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join(".postgresql")).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, mode: u32, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }

    fn env(&self, variables: &[(&str, &str)]) -> Env {
        Env {
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            home: Some(self.0.clone()),
            user: Some("me".to_owned()),
            directory: self.0.clone(),
            socket_directory: "/run/sock".into(),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn with(text: &str, variables: &[(&str, &str)]) -> Result<Resolved, String> {
    resolve(text, &Home::new().env(variables)).map_err(|e| e.to_string())
}

fn endpoint(text: &str) -> Endpoint {
    with(text, &[]).unwrap().endpoint
}

fn error(text: &str) -> String {
    with(text, &[]).unwrap_err()
}

#[test]
fn defaults() {
    let resolved = with("postgres://", &[]).unwrap();
    let socket = Host::Unix("/run/sock".into());
    let mut wanted = Endpoint::new(socket, 5432, "me");
    wanted.ssl.mode = SslMode::Disable;
    assert_eq!(resolved.endpoint, wanted);
    assert!(!resolved.password_in_text && resolved.warnings.is_empty());
    let host = Host::Tcp { name: "db".to_owned(), addr: None };
    assert_eq!(endpoint("host=db user=app"), Endpoint::new(host, 5432, "app"));
}

#[test]
fn the_string_beats_the_service_and_that_the_environment() {
    let home = Home::new();
    home.file(
        ".pg_service.conf",
        0o644,
        "[other]\nhost=no\n# c\n[svc]\nhost=service\nport=1111\nuser=svc\nuser=twice\n[svc]\nport=2\n",
    );
    let variables = [("PGHOST", "env"), ("PGPORT", "2222"), ("PGUSER", "env"), ("PGDATABASE", "env")];
    let mut env = home.env(&variables);
    let shown = |text: &str, env: &Env| {
        let endpoint = resolve(text, env).unwrap().endpoint;
        format!("{endpoint}/{}", endpoint.dbname.as_deref().unwrap_or_default())
    };
    assert_eq!(shown("postgres://", &env), "env@env:2222/env");
    assert_eq!(shown("service=svc host=text", &env), "svc@text:1111/env");
    env.variables.insert("PGSERVICE".to_owned(), "svc".to_owned());
    assert_eq!(shown("user=text", &env), "text@service:1111/env");
    assert!(resolve("service=none", &env).unwrap_err().to_string().contains("\"none\" not found"));
    env.variables.insert("PGSERVICEFILE".to_owned(), "elsewhere.conf".to_owned());
    assert!(resolve("user=text", &env).unwrap_err().to_string().contains("elsewhere.conf"));
    home.file("elsewhere.conf", 0o644, "[svc]\nsslmode=verify\n");
    assert!(resolve("user=u", &env).unwrap_err().to_string().starts_with("service \"svc\": sslmode must be"));
    home.file("elsewhere.conf", 0o644, "[svc]\n\nservice=x\n");
    assert!(resolve("user=u", &env).unwrap_err().to_string().ends_with("elsewhere.conf\", line 3"));
}

#[test]
fn the_systems_service_file_comes_last() {
    let home = Home::new();
    home.file("pg_service.conf", 0o644, "[sys]\nhost=system\n");
    let env = home.env(&[("PGSYSCONFDIR", &home.0.display().to_string())]);
    assert_eq!(resolve("service=sys", &env).unwrap().endpoint.to_string(), "me@system:5432");
}

#[test]
fn lists_of_hosts() {
    assert_eq!(endpoint("host=a,b port=1").to_string(), "me@a:1,b:1");
    assert_eq!(endpoint("host=a,,/s port=1,,3").to_string(), "me@a:1,/run/sock:5432,/s:3");
    assert_eq!(endpoint("postgres://a:1,[::1]/x").to_string(), "me@a:1,[::1]:5432");
    let both = endpoint("host=a,b hostaddr=10.0.0.1,::1");
    let host = Host::Tcp { name: "b".to_owned(), addr: Some("::1".parse().unwrap()) };
    assert_eq!(both.hosts[1], HostSpec { host, port: 5432 });
    assert_eq!(endpoint("hostaddr=10.0.0.1").to_string(), "me@10.0.0.1:5432");
    for (text, wanted) in [
        ("host=a,b hostaddr=::1", "host has 2 items"),
        ("host=a,b,c port=1,2", "port has 2 items for 3"),
        ("host=a port=1,2", "port has 2 items for 1"),
        ("port=0", "port must be"),
        ("port=70000", "port must be"),
        ("hostaddr=db", "hostaddr must be an IP address"),
        ("host=@sock", "host begins with"),
    ] {
        let prefix = "Invalid source or target connection string: ";
        assert!(error(text).starts_with(&format!("{prefix}{wanted}")), "{text}: {}", error(text));
    }
    let leaky = error("postgres://u:pa/ss@h/d");
    assert!(leaky.contains("%2F") && !leaky.contains("pa/") && !leaky.contains("ss@"), "{leaky}");
}

#[test]
fn numbers_and_words() {
    let all = endpoint(
        "host=h connect_timeout=1 keepalives=0 keepalives_idle=9 tcp_user_timeout=-1 load_balance_hosts=random \
         target_session_attrs=prefer-standby channel_binding=require ssl_min_protocol_version=tlsv1.3 sslsni=0",
    );
    assert_eq!((all.connect_timeout_s, all.tcp_user_timeout_ms), (Some(1), None));
    assert_eq!(all.keepalives, Keepalives { enabled: false, idle_s: Some(9), interval_s: None, count: None });
    assert!(all.load_balance_hosts && !all.ssl.sni);
    assert_eq!(all.target_session_attrs, TargetSessionAttrs::PreferStandby);
    assert_eq!(all.ssl.min_protocol, Some(TlsVersion::Tls13));
    assert_eq!(endpoint("host=h ssl_min_protocol_version=''").ssl.min_protocol, None);
    assert_eq!(endpoint("connect_timeout=-5").connect_timeout_s, None);
    for text in [
        "connect_timeout=soon",
        "sslmode=''",
        "channel_binding=no",
        "sslsni=yes",
        "host=h ssl_max_protocol_version=TLSv1.1",
        "host=h sslnegotiation=direct",
    ] {
        error(text);
    }
    let problem = with("host=h", &[("PGSSLMODE", "tiger")]).unwrap_err();
    assert!(
        problem.starts_with("environment variable PGSSLMODE: sslmode must be one of: disable"),
        "{problem}"
    );
    assert_eq!(with("host=h", &[("PGREQUIRESSL", "1")]).unwrap().endpoint.ssl.mode, SslMode::Require);
}

#[test]
fn demands_that_cannot_be_kept_are_refused() {
    for text in [
        "gssencmode=require",
        "sslcertmode=require",
        "scram_client_key=eA==",
        "min_protocol_version=3.2",
        "sslcrldir=/x",
        "requirepeer=postgres",
        "require_auth=scram-sha-256",
        "require_auth=!password",
        "require_auth=!gss,md5",
        "require_auth=magic",
        "host=h hostaddr='' sslrootcert=system sslmode=require",
    ] {
        error(text);
    }
    for text in [
        "gssencmode=prefer krbsrvname=x sslcompression=1 client_encoding=auto gssdelegation=1",
        "require_auth=!gss,!sspi",
        "require_auth=scram-sha-256 channel_binding=require",
        "host=h requirepeer=postgres max_protocol_version=3.2 sslcertmode=allow",
    ] {
        assert!(with(text, &[]).unwrap().warnings.is_empty(), "{text}");
    }
    assert!(with("user=u", &[("PGREQUIREAUTH", "md5")]).unwrap_err().contains("PGREQUIREAUTH"));
    assert_eq!(with("replication=database", &[]).unwrap().warnings.len(), 1);
}

#[test]
fn certificates() {
    let home = Home::new();
    let ssl =
        |text: &str| resolve(text, &home.env(&[])).map(|resolved| (resolved.endpoint.ssl, resolved.warnings));
    let problem = ssl("host=h sslmode=verify-ca").unwrap_err().to_string();
    assert!(problem.contains(".postgresql/root.crt"), "{problem}");
    assert!(ssl("sslmode=verify-ca").is_ok(), "no TLS over a Unix socket");
    let (system, _) = ssl("host=h sslrootcert=system").unwrap();
    assert_eq!((system.mode, system.root_cert), (SslMode::VerifyFull, Some(RootCert::System)));
    assert!(ssl("hostaddr=::1 sslrootcert=system").is_err(), "verify-full needs a name");
    assert_eq!(ssl("host=h sslrootcert=ca.pem sslcert=c.pem").unwrap().1.len(), 2);
    assert!(ssl("host=h sslcrl=crl.pem").is_err());

    let root = home.file(".postgresql/root.crt", 0o644, "");
    assert_eq!(ssl("host=h").unwrap().0.root_cert, Some(RootCert::File(root.into())));
    let cert = home.file(".postgresql/postgresql.crt", 0o644, "");
    assert!(ssl("host=h").unwrap_err().to_string().starts_with("certificate present, but not private key"));
    let (none, _) = ssl("host=h sslcertmode=disable").unwrap();
    assert_eq!((none.cert, none.key), (None, None));
    let key = home.file(".postgresql/postgresql.key", 0o666, "");
    assert!(ssl("host=h").unwrap_err().to_string().contains("has group or world access"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let (both, _) = ssl("host=h").unwrap();
    assert_eq!((both.cert, both.key), (Some(cert.into()), Some(key.into())));
    assert_eq!(ssl("host=h sslmode=disable").unwrap().0.cert, None);
    let relative = ssl("host=h sslrootcert=.postgresql/root.crt").unwrap().0.root_cert;
    assert!(matches!(relative, Some(RootCert::File(path)) if path.is_absolute()));
}

#[test]
fn passwords_from_everywhere() {
    let home = Home::new();
    let file = home.file(".pgpass", 0o600, "db:*:*:me:from file\n");
    let found = |text: &str, variables: &[(&str, &str)]| {
        let resolved = resolve(text, &home.env(variables)).unwrap();
        let endpoint = &resolved.endpoint;
        let secret = resolved.passwords.find(&endpoint.hosts[0], "any", &endpoint.user);
        (secret.map(|secret| secret.expose().to_owned()), resolved.password_in_text, resolved.warnings.len())
    };
    let secret = |text: &str| Some(text.to_owned());
    assert_eq!(found("host=db", &[]), (secret("from file"), false, 0));
    assert_eq!(found("host=db", &[("PGPASSWORD", "env")]), (secret("env"), false, 0));
    assert_eq!(found("host=db password=text", &[("PGPASSWORD", "env")]), (secret("text"), true, 0));
    assert_eq!(found("host=db password=''", &[("PGPASSWORD", "env")]), (secret("from file"), false, 0));
    assert_eq!(found("host=db passfile=none", &[]), (None, false, 0));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(found("host=db", &[]), (None, false, 1));
    let resolved = with("host=db password=tiger", &[]).unwrap();
    assert!(!format!("{resolved:?}").contains("tiger"));
}
