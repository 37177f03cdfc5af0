//! Logging in to servers, and to some that are none: every method, TLS, several hosts, time limits, impostors.

use super::{copy, endpoint, options, server, shared, tcp};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};
use pgpassage::demo::cluster::{Cluster, ClusterOptions, ServerCertificate};
use pgpassage::model::endpoint::{
    ChannelBinding, Endpoint, Host, HostSpec, RootCert, SslMode, TargetSessionAttrs, TlsVersion,
};
use pgpassage::model::passwords::Passwords;
use pgpassage::model::secret::Secret;
use pgpassage::pg::connect::Server;
use pgpassage::pg::error::{Error, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub(super) fn with_password(endpoint: Endpoint, password: &str) -> Server {
    let passwords = Passwords { explicit: Some(Secret::new(password)), ..Passwords::default() };
    Server::new(endpoint, passwords, "pgpassage/test".to_owned())
}

async fn failure(server: &Server) -> Error {
    let wire = server.connect_wire("postgres", &[]).await.map(|_| ()).unwrap_err();
    let session = server.connect("postgres", &[]).await.map(|_| ()).unwrap_err();
    assert_eq!(wire.kind, session.kind, "both clients say the same: {wire} / {session}");
    wire
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_in_by_every_method() {
    let cluster = Cluster::start(
        options()
            .hba("host all old 127.0.0.1/32 md5")
            .hba("host all plain 127.0.0.1/32 password")
            .hba("host all scram 127.0.0.1/32 scram-sha-256")
            .hba("host all shut 127.0.0.1/32 reject"),
    )
    .unwrap();
    let roles = "SET password_encryption = md5; CREATE ROLE old LOGIN PASSWORD 'pass wörd'; \
                 SET password_encryption = 'scram-sha-256'; CREATE ROLE plain LOGIN PASSWORD 'pass wörd'; \
                 CREATE ROLE scram LOGIN PASSWORD 'pass wörd'; CREATE ROLE shut LOGIN; CREATE ROLE off;";
    cluster.psql("postgres", roles).unwrap();
    let at = |user: &str| Endpoint { user: user.to_owned(), ..endpoint(cluster.port()) };
    for user in ["old", "plain", "scram"] {
        let good = with_password(at(user), "pass wörd");
        assert!(good.connect_wire("postgres", &[]).await.unwrap().is_usable());
        good.connect("postgres", &[]).await.unwrap().batch("SELECT 1").await.unwrap();
        let wrong = failure(&with_password(at(user), "hunter2")).await;
        assert_eq!(wrong.kind, ErrorKind::WrongPassword);
        assert_eq!(wrong.to_string(), format!("password authentication failed for user \"{user}\""));
        assert!(!format!("{wrong:?}").contains("hunter2"));
        assert_eq!(failure(&server(at(user))).await.kind, ErrorKind::PasswordMissing);
        let bound = Endpoint { channel_binding: ChannelBinding::Require, ..at(user) };
        assert_eq!(failure(&with_password(bound, "pass wörd")).await.kind, ErrorKind::Tls);
    }
    let shut = failure(&server(at("shut"))).await;
    assert_eq!(shut.kind, ErrorKind::HbaRejected);
    assert!(shut.message.contains("pg_hba.conf"), "{shut}");
    assert_eq!(failure(&server(at("nobody"))).await.kind, ErrorKind::NoRole);
    let nowhere = server(at("postgres")).connect("nowhere", &[]).await.map(|_| ()).unwrap_err();
    assert_eq!(
        (nowhere.kind, nowhere.to_string().as_str()),
        (ErrorKind::NoDatabase, "database \"nowhere\" does not exist")
    );
    let socket = Endpoint::new(Host::Unix(cluster.socket_dir().into()), cluster.port(), "postgres");
    assert!(server(socket).connect_wire("postgres", &[]).await.unwrap().is_usable());
}

/// A certificate for `names`, signed by `authority` or by itself, and its key.
fn certificate(names: &[&str], authority: Option<&(X509, PKey<Private>)>) -> (X509, PKey<Private>) {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", names.first().unwrap_or(&"authority")).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(authority.map_or(&subject, |(ca, _)| ca.subject_name())).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
    if names.is_empty() {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    } else {
        let mut san = SubjectAlternativeName::new();
        for name in names {
            san.dns(name);
        }
        let san = san.build(&builder.x509v3_context(authority.map(|(ca, _)| &**ca), None)).unwrap();
        builder.append_extension(san).unwrap();
    }
    builder.sign(authority.map_or(&key, |(_, k)| k), MessageDigest::sha384()).unwrap();
    (builder.build(), key)
}

/// A server with TLS for `localhost`; its authority in `ca.pem`, another one in `other.pem`, and `client.pem` with
/// the encrypted `client.key` for role `card`.
pub(super) fn encrypted_cluster(folder: &Path) -> Cluster {
    let write = |name: &str, pem: Vec<u8>| std::fs::write(folder.join(name), pem).unwrap();
    let authority = certificate(&[], None);
    let (cert, key) = certificate(&["localhost"], Some(&authority));
    let (client, client_key) = certificate(&["card"], Some(&authority));
    write("ca.pem", authority.0.to_pem().unwrap());
    write("ca.key", authority.1.private_key_to_pem_pkcs8().unwrap());
    write("other.pem", certificate(&[], None).0.to_pem().unwrap());
    write("cert.pem", cert.to_pem().unwrap());
    write("key.pem", key.private_key_to_pem_pkcs8().unwrap());
    write("client.pem", client.to_pem().unwrap());
    let encrypted = client_key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"open sesame");
    write("client.key", encrypted.unwrap());
    let ca = Some(folder.join("ca.pem"));
    let ssl = ServerCertificate { cert: folder.join("cert.pem"), key: folder.join("key.pem"), client_ca: ca };
    let rules = [
        "hostnossl all bare 127.0.0.1/32 trust",
        "hostssl all bare 127.0.0.1/32 reject",
        "hostnossl all postgres 127.0.0.1/32 reject",
        "hostssl all card 127.0.0.1/32 cert",
        "hostssl all all 127.0.0.1/32 scram-sha-256",
    ];
    let options = rules.into_iter().fold(options(), ClusterOptions::hba);
    let cluster = Cluster::start(options.ssl(ssl).password("s3cret")).unwrap();
    cluster.psql("postgres", "CREATE ROLE bare LOGIN; CREATE ROLE card LOGIN").unwrap();
    cluster
}

fn encrypted(cluster: &Cluster, mode: SslMode, root: &Path) -> Endpoint {
    let mut endpoint = Endpoint::new(tcp("localhost"), cluster.port(), "postgres");
    endpoint.ssl.mode = mode;
    endpoint.ssl.root_cert = Some(RootCert::File(root.to_owned()));
    endpoint
}

/// The authority's list of revoked certificates, with `revoked` on it.
fn revocation_list(folder: &Path, revoked: Option<&str>) {
    let openssl = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        command.current_dir(folder).args(["ca", "-config", "ca.cnf"]).args(arguments);
        assert!(command.output().unwrap().status.success(), "{arguments:?}");
    };
    let settings = "[ca]\ndefault_ca=a\n[a]\ndatabase=index\ncertificate=ca.pem\nprivate_key=ca.key\n\
                    default_md=sha256\ndefault_crl_days=9\n";
    std::fs::write(folder.join("ca.cnf"), settings).unwrap();
    std::fs::write(folder.join("index"), "").unwrap();
    if let Some(certificate) = revoked {
        openssl(&["-revoke", certificate]);
    }
    openssl(&["-gencrl", "-out", "crl.pem"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_clients_and_revoked_ones() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = encrypted_cluster(folder.path());
    let mut endpoint = encrypted(&cluster, SslMode::VerifyFull, &folder.path().join("ca.pem"));
    endpoint.user = "card".to_owned();
    endpoint.ssl.min_protocol = Some(TlsVersion::Tls13);
    assert_eq!(failure(&server(endpoint.clone())).await.kind, ErrorKind::HbaRejected);
    let key = folder.path().join("client.key");
    endpoint.ssl.cert = Some(folder.path().join("client.pem"));
    endpoint.ssl.key = Some(key.clone());
    let opened = |endpoint: &Endpoint, passphrase: Option<&str>| {
        let passwords = Passwords { ssl_key: passphrase.map(Secret::new), ..Passwords::default() };
        Server::new(endpoint.clone(), passwords, "pgpassage/test".to_owned())
    };
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let open_to_all = failure(&opened(&endpoint, Some("open sesame"))).await;
    assert!(open_to_all.message.contains("can be read by others"), "{open_to_all}");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    for (passphrase, advice) in [(None, "give its passphrase"), (Some("wrong"), "check sslpassword")] {
        let locked = failure(&opened(&endpoint, passphrase)).await;
        assert!(locked.advice().is_some_and(|a| a.contains(advice)), "{locked:?}");
    }
    opened(&endpoint, Some("open sesame")).connect("postgres", &[]).await.unwrap();

    endpoint.ssl.crl = Some(folder.path().join("crl.pem"));
    revocation_list(folder.path(), None);
    opened(&endpoint, Some("open sesame")).connect_wire("postgres", &[]).await.unwrap();
    revocation_list(folder.path(), Some("cert.pem"));
    let revoked = failure(&opened(&endpoint, Some("open sesame"))).await;
    assert!(revoked.message.contains("revoked"), "{revoked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_verified_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = encrypted_cluster(folder.path());
    let at = |name: &str, mode: SslMode, root: Option<&str>| {
        let mut endpoint = Endpoint::new(tcp(name), cluster.port(), "postgres");
        endpoint.ssl.mode = mode;
        endpoint.ssl.root_cert = root.map(|file| RootCert::File(folder.path().join(file)));
        endpoint
    };
    let mut bound = at("localhost", SslMode::VerifyFull, Some("ca.pem"));
    bound.channel_binding = ChannelBinding::Require;
    for good in [
        bound,
        at("127.0.0.1", SslMode::VerifyCa, Some("ca.pem")),
        at("127.0.0.1", SslMode::Require, None),
        at("127.0.0.1", SslMode::Require, Some("ca.pem")),
        at("127.0.0.1", SslMode::Prefer, None),
        at("127.0.0.1", SslMode::Allow, None),
    ] {
        let server = with_password(good, "s3cret");
        let mut wire = server.connect_wire("postgres", &[]).await.unwrap();
        let encrypted = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert_eq!(wire.value(encrypted).await.unwrap().as_deref(), Some("true"));
        let session = server.connect("postgres", &[]).await.unwrap();
        let stop = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            session.canceller().cancel().await.unwrap();
        };
        let (slept, ()) = tokio::join!(session.batch("SELECT pg_sleep(60)"), stop);
        assert_eq!(slept.unwrap_err().kind, ErrorKind::Cancelled);
        let mut other = server.connect_wire("postgres", &[]).await.unwrap();
        other.command("CREATE TEMP TABLE t (v text)").await.unwrap();
        let rows = "(SELECT repeat('x', 1000) FROM generate_series(1, 30000))";
        assert_eq!(copy(&mut wire, rows, &mut other, "t").await.unwrap().rows_in, 30_000);
    }
    for (bad, why) in [
        (at("127.0.0.1", SslMode::VerifyFull, Some("ca.pem")), "mismatch"),
        (
            at("localhost", SslMode::VerifyFull, Some("other.pem")),
            "self-signed|unable to get|signature failure",
        ),
        (at("localhost", SslMode::Require, Some("other.pem")), "self-signed|unable to get|signature failure"),
        (at("localhost", SslMode::VerifyCa, None), "no root certificate"),
        (at("localhost", SslMode::VerifyCa, Some("missing.pem")), "no such file"),
    ] {
        let error = failure(&with_password(bad, "s3cret")).await;
        assert_eq!(error.kind, ErrorKind::Tls);
        assert!(why.split('|').any(|part| error.message.contains(part)), "{error}");
        assert!(error.advice().is_some());
    }
    let mut system = at("localhost", SslMode::VerifyFull, None);
    system.ssl.root_cert = Some(RootCert::System);
    assert_eq!(failure(&with_password(system, "s3cret")).await.kind, ErrorKind::Tls);
    let none = Endpoint { user: "bare".to_owned(), ..at("127.0.0.1", SslMode::Require, None) };
    assert_eq!(failure(&server(none)).await.kind, ErrorKind::HbaRejected);
    let fallen_back = Endpoint { user: "bare".to_owned(), ..at("127.0.0.1", SslMode::Prefer, None) };
    server(fallen_back).connect("postgres", &[]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_where_it_is_required() {
    let mut required = endpoint(shared().port());
    required.ssl.mode = SslMode::Require;
    let error = failure(&server(required)).await;
    assert_eq!(error.message, "server does not support SSL, but SSL was required");
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_do_not_answer() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut waiting = endpoint(silent.local_addr().unwrap().port());
    waiting.connect_timeout_s = Some(1);
    for mode in [SslMode::Disable, SslMode::Prefer] {
        waiting.ssl.mode = mode;
        let begun = Instant::now();
        let error = server(waiting.clone()).connect("postgres", &[]).await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
        assert!(error.to_string().contains("no answer within 1 s"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let refused = failure(&server(endpoint(closed))).await;
    assert_eq!(refused.kind, ErrorKind::Refused);
    assert_eq!(refused.to_string(), format!("cannot connect to 127.0.0.1:{closed}: connection refused"));
    let unknown = failure(&server(Endpoint::new(tcp("db.invalid"), 5432, "postgres"))).await;
    assert_eq!(unknown.kind, ErrorKind::NameNotFound);
    let no_socket = failure(&server(Endpoint::new(Host::Unix("/nowhere".into()), 1, "postgres"))).await;
    assert_eq!(no_socket.kind, ErrorKind::Unreachable);
    // The others are tried all the same; which of them will do is asked of the server.
    let mut several = waiting.clone();
    several.hosts.push(HostSpec { host: tcp("127.0.0.1"), port: closed });
    several.hosts.push(HostSpec { host: tcp("localhost"), port: shared().port() });
    several.target_session_attrs = TargetSessionAttrs::Primary;
    let session = server(several.clone()).connect("postgres", &[]).await.unwrap();
    assert!(
        matches!(session.host(), HostSpec { host: Host::Tcp { addr: Some(_), .. }, port } if *port == shared().port())
    );
    several.target_session_attrs = TargetSessionAttrs::Standby;
    let error = server(several.clone()).connect("postgres", &[]).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::WrongSessionKind);
    assert!(error.detail.as_deref().is_some_and(|d| d.contains("connection refused")), "{error:?}");
    several.target_session_attrs = TargetSessionAttrs::PreferStandby;
    several.load_balance_hosts = true;
    server(several).connect_wire("postgres", &[]).await.unwrap();
}

/// Answers every connection with the same bytes, and then stays silent.
async fn impostor(answer: Vec<u8>) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut said = [0; 1024];
                if socket.read(&mut said).await.is_ok() && socket.write_all(&answer).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        }
    });
    endpoint(port)
}

#[tokio::test(flavor = "multi_thread")]
async fn impostors_get_nowhere() {
    for (answer, mode, kind) in [
        (b"SN\0\0\0".to_vec(), SslMode::Require, ErrorKind::Protocol),
        (b"S".to_vec(), SslMode::Require, ErrorKind::Tls),
        (b"E\0\0\0\x10Mno\0\0".to_vec(), SslMode::Require, ErrorKind::Tls),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), SslMode::Require, ErrorKind::Protocol),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), SslMode::Disable, ErrorKind::Protocol),
        (b"R\x7f\xff\xff\xff\0\0\0\0".to_vec(), SslMode::Disable, ErrorKind::Protocol),
        (b"E\xff\xff\xff\xff".to_vec(), SslMode::Disable, ErrorKind::Protocol),
        (b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05?".to_vec(), SslMode::Disable, ErrorKind::Protocol),
        (b"R\0\0\0\x08\0\0\0\x07".to_vec(), SslMode::Disable, ErrorKind::Unsupported),
        (b"R\0\0\0\x0c\0\0\0\x0cv=x=".to_vec(), SslMode::Disable, ErrorKind::Protocol),
        (b"R\0\0\0\x08\0\0".to_vec(), SslMode::Disable, ErrorKind::ConnectionLost),
        (Vec::new(), SslMode::Prefer, ErrorKind::ConnectionLost),
    ] {
        let mut endpoint = impostor(answer.clone()).await;
        endpoint.ssl.mode = mode;
        let error =
            with_password(endpoint, "pw").connect_wire("postgres", &[]).await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind, kind, "{}: {error}", answer.escape_ascii());
    }
    for seed in 0..200_u32 {
        let noise: Vec<u8> =
            (0..8).flat_map(|n| openssl::sha::sha256(&[seed.to_be_bytes(), [n; 4]].concat())).collect();
        let mut endpoint = impostor([&b"R\0\0\0\x08\0\0\0\0"[..], &noise].concat()).await;
        endpoint.ssl.mode = SslMode::Disable;
        server(endpoint).connect_wire("postgres", &[]).await.map(|_| ()).unwrap_err();
    }
}
