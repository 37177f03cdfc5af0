//! What is typed and pasted, and what is wrong with it.

use super::*;

#[test]
fn a_pasted_address_fills_the_form_and_loses_nothing() {
    let mut server = Server::default();
    let uri = "postgres://app:p%40w@db9:6432/shop?sslmode=verify-ca&connect_timeout=3";
    assert_eq!(server.fill(uri), Ok(true));
    assert_eq!((server.host.value(), server.port.value()), ("db9", "6432"));
    assert_eq!(server.password.secret().unwrap().expose(), "p@w");
    assert_eq!(server.ssl_mode(), SslMode::VerifyCa);
    assert_eq!(
        server.conninfo(),
        "host=db9 port=6432 dbname=shop user=app sslmode=verify-ca connect_timeout=3"
    );
    assert_eq!(server.fill("host=a user='b c'"), Ok(true));
    assert!(server.password.is_empty() && server.more.is_empty());
    assert_eq!(server.conninfo(), "host=a port=5432 user='b c' sslmode=require");
    assert_eq!(server.fill("db1.example.net"), Ok(false));
    let error = server.fill("postgres://u:secret@h:1:2/x y").unwrap_err();
    assert!(!error.contains("secret"), "{error}");
    assert!(server.fill("host=a sslpassword=x").is_err());
}

#[test]
fn a_certificate_is_compared_once_it_is_named() {
    let mut server = Server::default();
    assert_eq!(server.ssl_mode(), SslMode::Require);
    server.ca.set("/etc/ca.pem");
    assert_eq!(server.ssl_mode(), SslMode::VerifyFull);
    server.toggle_encryption();
    assert!(!server.encrypts());
    server.turn_mode(Turn::Forward);
    assert_eq!(server.ssl_mode(), SslMode::Require);
}

#[test]
fn names_to_leave_out_are_words() {
    let mut form = Form::default();
    form.exclude.set(" one,two  \"odd \"\"name\" ");
    assert_eq!(form.excluded(), ["one", "two", "odd \"name"]);
    for name in ["plain", "with space", "a\"b", ""] {
        assert_eq!(words(&as_word(name)), [name]);
    }
}

#[test]
fn what_is_wrong_is_said_at_its_field() {
    let mut form = Form::default();
    form.source.port.set("54320000");
    form.name.set("Not A Name");
    form.exclude.set("\"not closed other");
    let fields = [Field::Name, Field::Source(Part::Host), Field::Source(Part::Port), Field::Exclude];
    let wrong: Vec<_> = form.check(&fields).into_iter().map(|error| error.field).collect();
    assert_eq!(wrong, fields);
}
