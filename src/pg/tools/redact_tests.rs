//! Tests of the redaction: what must go, and what may stay.

use proptest::prelude::*;

use super::redact;

#[test]
fn what_follows_a_secret_name_goes() {
    let cases = [
        ("ALTER ROLE a PASSWORD 'tiger';", "ALTER ROLE a PASSWORD '***';"),
        (
            "create role a encrypted password E'ti\\'ger' login",
            "create role a encrypted password '***' login",
        ),
        ("PASSWORD 'ti''ger' x 'y'", "PASSWORD '***' x 'y'"),
        ("PASSWORD /* it's */ U&'tiger' UESCAPE '!'", "PASSWORD /* it's */ '***' UESCAPE '!'"),
        ("PASSWORD $a$tiger$$'$a$ VALID", "PASSWORD '***' VALID"),
        ("PASSWORD 'ti'\n  'ger' x", "PASSWORD '***'\n  '***' x"),
        (
            "CREATE SUBSCRIPTION s CONNECTION 'host=h password=tiger' PUBLICATION p",
            "CREATE SUBSCRIPTION s CONNECTION '***' PUBLICATION p",
        ),
        ("OPTIONS (SET \"Password\" 'tiger', dbname 'x')", "OPTIONS (SET \"Password\" '***', dbname 'x')"),
        ("SET app.secret_value TO 'tiger'", "SET app.secret_value TO '***'"),
    ];
    for (text, wanted) in cases {
        assert_eq!(redact(text), wanted);
    }
}

#[test]
fn user_mappings_lose_all_values_and_only_they() {
    let text = "CREATE USER MAPPING FOR alice SERVER s OPTIONS (\n    \"user\" 'bob',\n    x 'y'\n);\nCREATE TABLE t (a text DEFAULT 'z');";
    let wanted = "CREATE USER MAPPING FOR alice SERVER s OPTIONS (\n    \"user\" '***',\n    x '***'\n);\nCREATE TABLE t (a text DEFAULT 'z');";
    assert_eq!(redact(text), wanted);
}

#[test]
fn doubt_hides_the_rest() {
    // Under standard_conforming_strings = off the first literal goes on.
    assert_eq!(redact(r"PASSWORD 'a\', secret 'tiger'"), "PASSWORD '***'");
    assert_eq!(redact("PASSWORD 'tiger"), "PASSWORD '***'");
    assert_eq!(redact("can't go on: user mapping option x 'tiger'"), "can'***'");
    assert_eq!(redact("don't PASSWORD 'tiger'"), "don'***'");
    assert_eq!(redact("-- PASSWORD 'tiger'\n'tiger'"), "***\n'***'");
    assert_eq!(redact("an odd \" PASSWORD 'tiger' \""), "an odd \" PASSWORD '***' \"");
    assert_eq!(redact("it doesn't exist"), "it doesn't exist");
    assert_eq!(redact("SELECT dblink('password=tiger')"), "SELECT dblink('***'");
}

#[test]
fn excerpts_of_a_server_stand_for_themselves() {
    let text = "ERROR:  syntax error\nLINE 1: ...ger', host 'h' x\n                ^\nrole \"a\" 'b'";
    assert_eq!(redact(text), "ERROR:  syntax error\nLINE 1: ***\n                ^\nrole \"a\" 'b'");
    assert_eq!(redact("LINE 2: PASSWORD 'tig...\nx 'y'"), "LINE 2: ***\nx 'y'");
    assert_eq!(redact("LINE 1: ALTER ROLE a PASSWORD 'tiger' x"), "LINE 1: ALTER ROLE a PASSWORD '***' x");
    assert_eq!(redact("for user mapping\nLINE 3:   x 'tiger'"), "for user mapping\nLINE 3:   x '***'");
}

#[test]
fn connection_strings_lose_their_passwords() {
    let cases = [
        ("host=h password=tiger dbname=d", "host=h password=*** dbname=d"),
        ("host=h password = ti\\ ger dbname=d", "host=h password = *** dbname=d"),
        ("postgres://u:tiger@h/d?sslpassword=tiger&x=y", "postgres://u:***@h/d?sslpassword=***&x=y"),
        ("postgres://u:ti@ger@h/d", "postgres://u:***@h/d"),
        ("OPTIONS (url 'http://u:tiger@h', x 'y')", "OPTIONS (url '***', x 'y')"),
    ];
    for (text, wanted) in cases {
        assert_eq!(redact(text), wanted);
    }
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "FATAL:  password authentication failed for user \"app\"",
        "connection to server at \"db\" (10.0.0.1), port 5432 failed: Connection refused",
        "CREATE TABLE \"a'b\" (c text DEFAULT 'x', d text DEFAULT E'\\'y');",
        "SELECT $1, $2, a$b$ FROM t -- it's",
        "relation \"x\" does not exist",
        "",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn hostile_text_takes_no_longer_than_its_length() {
    let begun = std::time::Instant::now();
    for piece in ["://", "'\\'", "$", "\"", "password=", "a='x'", "--", "/*", "= ", "\"password'"] {
        redact_all(&piece.repeat((1 << 20) / piece.len()));
    }
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

fn redact_all(text: &str) {
    assert!(redact(text).len() <= 8 * text.len());
}

proptest! {
    #[test]
    fn no_way_of_quoting_shows_a_secret(
        before in "[ a-z'\"\\\\$,=();*/-]{0,12}",
        left in "[ a-z\\\\]{0,4}",
        right in "[ a-z\\\\]{0,4}",
        form in 0_usize..6,
        name in 0_usize..4,
    ) {
        let secret = "S3CR3T";
        let quoted = match form {
            0 => format!("'{left}{secret}{right}'"),
            1 => format!("'{left}''{secret}{right}'"),
            2 => format!("E'{}\\'{secret}{}'", left.replace('\\', ""), right.replace('\\', "")),
            3 => format!("$q${left}'{secret}{right}$q$"),
            4 => format!("U&'{left}{secret}{right}'"),
            _ => format!("'{left}'\n'{secret}{right}'"),
        };
        let name = ["PASSWORD ", "password=", "CREATE USER MAPPING FOR a OPTIONS (x ", "CONNECTION\n"][name];
        let text = format!("{before} {name}{quoted}, password 'S3CR3T'");
        prop_assert!(!redact(&text).contains(secret), "{text:?} -> {:?}", redact(&text));
    }

    #[test]
    fn any_text_is_survived(text in "\\PC{0,60}") {
        prop_assert!(redact(&text).len() <= 8 * text.len() + 8);
    }
}
