//! TLS as libpq does it: which certificates are trusted, what is checked, and words for what went wrong.
//!
//! Rules: PostgreSQL documentation, chapter 34.19 "SSL Support"; whether TLS is tried at all is decided in
//! [`super::dial`].

use super::error::{Error, ErrorKind};
use crate::model::endpoint::{RootCert, Ssl, SslMode, SslNegotiation, TlsVersion};
use crate::model::secret::Secret;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    SslContext, SslContextBuilder, SslFiletype, SslMethod, SslMode as Mode, SslOptions, SslRef,
    SslVerifyMode, SslVersion,
};
use openssl::x509::X509VerifyResult;
use openssl::x509::store::{X509Lookup, X509StoreBuilder};
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags};
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::pin::Pin;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

/// An encrypted socket. postgres-openssl's stream would not tell our own client the data for channel binding.
pub(crate) type TlsStream = SslStream<BufReader<TcpStream>>;

/// OpenSSL reads a record of at most 16 KB in two calls; through this buffer several come with one system call.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// The protocol's name in ALPN, with its length before it (protocol chapter 55.2.10).
const ALPN: &[u8] = b"\x0apostgresql";

/// The openssl crate's own choice for clients (its `SslConnector`).
const CIPHERS: &str = "DEFAULT:!aNULL:!eNULL:!MD5:!3DES:!DES:!RC4:!IDEA:!SEED:!aDSS:!SRP:!PSK";

/// How much of the server's certificate is believed without proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// Anything goes: encrypted, but to whom is unknown.
    None,
    /// Signed by an authority that we trust.
    Chain,
    /// Signed so, and made out to the host that was asked for.
    ChainAndName,
}

impl Proof {
    /// What a mode demands. With a root certificate at hand libpq checks the chain in every mode; the system's
    /// authorities sign for everybody, so with them the name must be right too.
    fn of(ssl: &Ssl) -> Self {
        match (ssl.mode, &ssl.root_cert) {
            (SslMode::VerifyFull, _) | (_, Some(RootCert::System)) => Self::ChainAndName,
            (SslMode::VerifyCa, _) | (_, Some(RootCert::File(_))) => Self::Chain,
            _ => Self::None,
        }
    }
}

/// The TLS settings of one server with all files read; handshakes with any of its hosts.
#[derive(Clone)]
pub(crate) struct Tls {
    context: SslContext,
    proof: Proof,
    sni: bool,
    negotiation: SslNegotiation,
}

impl Tls {
    /// Reads certificates and keys. Blocks on files: the system's store alone is some 200 KB of PEM, and only read where
    /// it is asked for.
    ///
    /// # Errors
    /// [`ErrorKind::Tls`] when a file is missing, unreadable or of no use.
    pub(crate) fn read(ssl: &Ssl, passphrase: Option<&Secret>) -> Result<Self, Error> {
        let mut builder = context().map_err(|e| stack("set up TLS", &e))?;
        let proof = Proof::of(ssl);
        set_versions(&mut builder, ssl)?;
        set_roots(&mut builder, ssl, proof)?;
        if let Some(crl) = &ssl.crl {
            set_crl(&mut builder, crl)?;
        }
        if let Some(cert) = &ssl.cert {
            set_client_certificate(&mut builder, (cert, ssl.key.as_deref()), passphrase)?;
        }
        if ssl.negotiation == SslNegotiation::Direct {
            builder.set_alpn_protos(ALPN).map_err(|e| stack("set ALPN", &e))?;
        }
        Ok(Self { context: builder.build(), proof, sni: ssl.sni, negotiation: ssl.negotiation })
    }

    /// What one handshake needs. An IP address is never sent as SNI, as RFC 6066 section 3 demands.
    fn session(&self, name: &str) -> Result<openssl::ssl::Ssl, ErrorStack> {
        let mut ssl = openssl::ssl::Ssl::new(&self.context)?;
        let address: Option<IpAddr> = name.parse().ok();
        if self.sni && address.is_none() {
            ssl.set_hostname(name)?;
        }
        if self.proof == Proof::ChainAndName {
            let asked_for = ssl.param_mut();
            asked_for.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
            match address {
                Some(address) => asked_for.set_ip(address)?,
                None => asked_for.set_host(name)?,
            }
        }
        Ok(ssl)
    }

    /// Negotiates TLS on a socket whose server is ready for it. `name` is the host as the operator wrote it.
    pub(crate) async fn handshake(&self, socket: TcpStream, name: &str) -> Result<TlsStream, Error> {
        let ssl = self.session(name).map_err(|e| stack("set up TLS", &e))?;
        let socket = BufReader::with_capacity(READ_BUFFER_BYTES, socket);
        let mut stream = SslStream::new(ssl, socket).map_err(|e| stack("set up TLS", &e))?;
        if let Err(error) = Pin::new(&mut stream).connect().await {
            // Without proof OpenSSL notes what it found all the same, but did not fail for it.
            let verified = stream.ssl().verify_result();
            let verified = Some(verified).filter(|v| self.proof != Proof::None && *v != X509VerifyResult::OK);
            return Err(handshake_error(&error, verified, name));
        }
        let spoke_postgresql = stream.ssl().selected_alpn_protocol() == ALPN.get(1..);
        if self.negotiation == SslNegotiation::Direct && !spoke_postgresql {
            // Without it another protocol's server might be tricked into answering (libpq refuses likewise).
            let text = "direct TLS connection was established without the protocol's name (ALPN)";
            return Err(
                Error::new(ErrorKind::Tls, text).with_hint("use sslnegotiation=postgres for this server")
            );
        }
        Ok(stream)
    }
}

/// What the openssl crate's `SslConnector` sets up for clients, without the system's store, which that one always reads:
/// 25 ms of processor time for each server, a tenth of what moving a small database takes us.
fn context() -> Result<SslContextBuilder, ErrorStack> {
    let mut context = SslContextBuilder::new(SslMethod::tls_client())?;
    let options = SslOptions::ALL | SslOptions::NO_COMPRESSION | SslOptions::NO_SSLV2 | SslOptions::NO_SSLV3;
    context.set_options(options & !SslOptions::DONT_INSERT_EMPTY_FRAGMENTS);
    context.set_mode(
        Mode::AUTO_RETRY
            | Mode::ACCEPT_MOVING_WRITE_BUFFER
            | Mode::ENABLE_PARTIAL_WRITE
            | Mode::RELEASE_BUFFERS,
    );
    context.set_cipher_list(CIPHERS)?;
    Ok(context)
}

/// The server certificate's hash for SCRAM channel binding (RFC 5929 section 4.1): its signature's own hash
/// function, SHA-256 in place of the broken ones. `None` where the signature has no hash function.
pub(crate) fn server_end_point(ssl: &SslRef) -> Option<Vec<u8>> {
    let certificate = ssl.peer_certificate()?;
    let signature = certificate.signature_algorithm().object().nid().signature_algorithms()?;
    let digest = match signature.digest {
        Nid::MD5 | Nid::SHA1 => MessageDigest::sha256(),
        other => MessageDigest::from_nid(other)?,
    };
    certificate.digest(digest).ok().map(|hash| hash.to_vec())
}

fn set_versions(builder: &mut SslContextBuilder, ssl: &Ssl) -> Result<(), Error> {
    let version = |v: TlsVersion| match v {
        TlsVersion::Tls10 => SslVersion::TLS1,
        TlsVersion::Tls11 => SslVersion::TLS1_1,
        TlsVersion::Tls12 => SslVersion::TLS1_2,
        TlsVersion::Tls13 => SslVersion::TLS1_3,
    };
    let min = ssl.min_protocol.map(version);
    builder.set_min_proto_version(min).map_err(|e| stack("set ssl_min_protocol_version", &e))?;
    let max = ssl.max_protocol.map(version);
    builder.set_max_proto_version(max).map_err(|e| stack("set ssl_max_protocol_version", &e))
}

/// Trusts the named file and nothing else, or the system's store.
fn set_roots(builder: &mut SslContextBuilder, ssl: &Ssl, proof: Proof) -> Result<(), Error> {
    if proof == Proof::None {
        builder.set_verify(SslVerifyMode::NONE);
        return Ok(());
    }
    builder.set_verify(SslVerifyMode::PEER);
    match &ssl.root_cert {
        // SSL_CERT_FILE and SSL_CERT_DIR are honoured.
        Some(RootCert::System) => {
            builder.set_default_verify_paths().map_err(|e| stack("read the system's root certificates", &e))
        }
        Some(RootCert::File(path)) => {
            let file = readable("root certificate file (sslrootcert)", path)?;
            let empty = X509StoreBuilder::new().map_err(|e| stack("set up TLS", &e))?;
            builder.set_cert_store(empty.build());
            builder
                .set_ca_file(file)
                .map_err(|e| stack(&format!("read root certificate file {}", path.display()), &e))
        }
        None => Err(Error::new(ErrorKind::Tls, "no root certificate to check the server's certificate against")
            .with_hint(
                "name the file with sslrootcert, use the system's trusted roots with sslrootcert=system, or change \
                 sslmode to do without the check",
            )),
    }
}

fn set_crl(builder: &mut SslContextBuilder, path: &Path) -> Result<(), Error> {
    let file = readable("certificate revocation list (sslcrl)", path)?;
    let failed = |e: ErrorStack| stack(&format!("read certificate revocation list {}", path.display()), &e);
    let store = builder.cert_store_mut();
    store
        .add_lookup(X509Lookup::file())
        .map_err(failed)?
        .load_crl_file(file, SslFiletype::PEM)
        .map_err(failed)?;
    store.set_flags(X509VerifyFlags::CRL_CHECK | X509VerifyFlags::CRL_CHECK_ALL).map_err(failed)
}

/// Loads the client's certificate (with its chain) and key; without a key file both are in one.
fn set_client_certificate(
    builder: &mut SslContextBuilder,
    (cert, key): (&Path, Option<&Path>),
    passphrase: Option<&Secret>,
) -> Result<(), Error> {
    let file = readable("certificate file (sslcert)", cert)?;
    builder
        .set_certificate_chain_file(file)
        .map_err(|e| stack(&format!("read certificate file {}", cert.display()), &e))?;
    let path = key.unwrap_or(cert);
    let key = read_key(path, passphrase)?;
    builder
        .set_private_key(&key)
        .and_then(|()| builder.check_private_key())
        .map_err(|e| stack(&format!("use private key file {} with {}", path.display(), cert.display()), &e))
}

/// Reads a private key, PEM or DER; refuses one that others can read, by libpq's rule (0600, or root's own 0640).
fn read_key(path: &Path, passphrase: Option<&Secret>) -> Result<PKey<Private>, Error> {
    readable("private key file (sslkey)", path)?;
    let unreadable =
        |e: std::io::Error| Error::new(ErrorKind::Tls, format!("private key file {}: {e}", path.display()));
    let meta = std::fs::metadata(path).map_err(unreadable)?;
    let allowed = if meta.uid() == 0 { 0o740 } else { 0o700 };
    if meta.permissions().mode() & 0o777 & !allowed != 0 {
        let text = format!("private key file {} can be read by others", path.display());
        return Err(Error::new(ErrorKind::Tls, text).with_hint(format!("chmod 0600 {}", path.display())));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    // OpenSSL would ask on the terminal if it were given no callback.
    let mut asked = false;
    let pem = PKey::private_key_from_pem_callback(&bytes, |buffer| {
        asked = true;
        let Some(secret) = passphrase else { return Ok(0) };
        let secret = secret.expose().as_bytes();
        let Some(place) = buffer.get_mut(..secret.len()) else { return Ok(0) };
        place.copy_from_slice(secret);
        Ok(secret.len())
    });
    pem.or_else(|error| PKey::private_key_from_der(&bytes).map_err(|_| error)).map_err(|error| {
        let error = stack(&format!("read private key file {}", path.display()), &error);
        match (asked, passphrase) {
            (true, None) => error.with_hint("the key is encrypted: give its passphrase as sslpassword"),
            (true, Some(_)) => error.with_hint("check sslpassword, the passphrase of the key"),
            _ => error,
        }
    })
}

/// A file that exists, as the text that the openssl crate wants (it panics on other paths).
fn readable<'a>(what: &str, path: &'a Path) -> Result<&'a str, Error> {
    let error = |why: &str| Error::new(ErrorKind::Tls, format!("{what} {}: {why}", path.display()));
    let text =
        path.to_str().filter(|t| !t.contains('\0')).ok_or_else(|| error("the path is not plain text"))?;
    match std::fs::File::open(path) {
        Ok(_) => Ok(text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err(error("no such file").with_hint("correct the path, or change sslmode to do without it"))
        }
        Err(e) => Err(error(&e.to_string())),
    }
}

/// The first reason in OpenSSL's queue, which is the one closest to the cause.
fn reason(stack: &ErrorStack) -> String {
    let first = stack.errors().first();
    let text = first.and_then(|e| e.reason().map(str::to_owned));
    let text = text.or_else(|| first.map(ToString::to_string));
    text.unwrap_or_else(|| "unknown reason".to_owned())
}

fn stack(doing: &str, error: &ErrorStack) -> Error {
    Error::new(ErrorKind::Tls, format!("cannot {doing}: {}", reason(error)))
}

/// Words for a failed handshake.
fn handshake_error(error: &openssl::ssl::Error, untrusted: Option<X509VerifyResult>, name: &str) -> Error {
    if let (Some(verified), Some(_)) = (untrusted, error.ssl_error()) {
        let why = verified.error_string();
        let text = format!("the server's certificate is not trusted: {why}");
        return Error::new(ErrorKind::Tls, text).with_hint(certificate_advice(why, name));
    }
    let words = match (error.ssl_error(), error.io_error()) {
        (Some(stack), _) => reason(stack),
        (None, Some(io)) => Error::io(io).message.clone(),
        (None, None) => "the server closed the connection unexpectedly".to_owned(),
    };
    Error::new(ErrorKind::Tls, format!("TLS handshake failed: {words}"))
}

fn certificate_advice(why: &str, name: &str) -> String {
    let why = why.to_lowercase();
    if why.contains("hostname mismatch") || why.contains("ip address mismatch") {
        format!(
            "the certificate is made out to another name than {name}: connect by that name, or use sslmode=verify-ca"
        )
    } else if why.contains("expired") || why.contains("not yet valid") {
        "renew the server's certificate, and check the clocks of both machines".to_owned()
    } else if why.contains("revoked") {
        "the certificate has been withdrawn: do not trust this server".to_owned()
    } else if why.contains("crl") {
        "give a current revocation list of that authority as sslcrl, or none".to_owned()
    } else {
        "give the certificate of the authority that signed it as sslrootcert (managed services offer it for download)"
            .to_owned()
    }
}
