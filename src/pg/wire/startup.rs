//! The start-up packet and authentication (protocol chapters 55.2.1 "Start-up" and 55.3 "SASL Authentication").

use super::connection::{Connection, unexpected};
use super::frame::Frame;
use crate::model::endpoint::ChannelBinding;
use crate::pg::connect::{Login, Mode};
use crate::pg::error::{Error, ErrorKind};
use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{self, ScramSha256};
use postgres_protocol::message::frontend;
use std::io;

/// Process id and secret key in BackendKeyData; protocol 3.2 allows keys of 4 to 256 bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 8..=260;

/// What a server asks for, by the number in its Authentication message.
#[derive(Debug, PartialEq, Eq)]
enum Demand<'a> {
    Nothing,
    Cleartext,
    Md5([u8; 4]),
    /// The names of the mechanisms that it offers.
    Sasl(&'a [u8]),
    SaslContinue(&'a [u8]),
    SaslFinal(&'a [u8]),
}

impl<'a> Demand<'a> {
    fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let broken = || Error::protocol("an authentication request that is too short");
        let (code, rest) = body.split_first_chunk::<4>().ok_or_else(broken)?;
        let method = match u32::from_be_bytes(*code) {
            0 => return Ok(Self::Nothing),
            3 => return Ok(Self::Cleartext),
            5 => return rest.first_chunk().map(|salt| Self::Md5(*salt)).ok_or_else(broken),
            10 => return Ok(Self::Sasl(rest)),
            11 => return Ok(Self::SaslContinue(rest)),
            12 => return Ok(Self::SaslFinal(rest)),
            2 => "Kerberos V5",
            6 => "SCM credential",
            7 | 8 => "GSSAPI",
            9 => "SSPI",
            other => return Err(Error::protocol(format!("an unknown authentication request {other}"))),
        };
        let text = format!("the server asks for {method} authentication, which this program does not have");
        let hint = "allow scram-sha-256 for this user and host in the server's pg_hba.conf";
        Err(Error::new(ErrorKind::Unsupported, text).with_hint(hint))
    }
}

impl Connection {
    /// Sends the start-up packet, proves who we are and waits until the server is ready. Returns the body of
    /// BackendKeyData.
    ///
    /// # Errors
    /// The server's reason, or ours for not answering what it asks.
    pub(super) async fn log_in(&mut self, login: &Login<'_>) -> Result<Vec<u8>, Error> {
        let parameters = [
            ("user", login.user),
            ("database", login.dbname),
            ("client_encoding", "UTF8"),
            ("application_name", login.application_name),
            ("options", login.options),
            // Left out where it is empty.
            ("replication", if login.mode == Mode::Replication { "database" } else { "" }),
        ];
        let given = parameters.into_iter().filter(|(_, value)| !value.is_empty());
        let mut packet = BytesMut::new();
        frontend::startup_message(given, &mut packet).map_err(|e| encoding(&e))?;
        self.send(&packet).await?;
        self.authenticate(login).await?;
        self.wait_until_ready().await
    }

    async fn authenticate(&mut self, login: &Login<'_>) -> Result<(), Error> {
        let request = self.authentication().await?;
        let mut answer = BytesMut::new();
        match Demand::parse(&request.body)? {
            Demand::Sasl(mechanisms) => {
                self.sasl(mechanisms, login).await?;
                return self.expect_ok().await;
            }
            // Anything else proves nothing about who listens.
            _ if login.channel_binding == ChannelBinding::Require => {
                let text = "channel binding required, but the server authenticated us without it";
                return Err(Error::new(ErrorKind::Tls, text));
            }
            Demand::Nothing => return Ok(()),
            Demand::Cleartext => frontend::password_message(password(login)?, &mut answer),
            Demand::Md5(salt) => {
                let hash = md5_hash(login.user.as_bytes(), password(login)?, salt);
                frontend::password_message(hash.as_bytes(), &mut answer)
            }
            Demand::SaslContinue(_) | Demand::SaslFinal(_) => return Err(unexpected(b'R')),
        }
        .map_err(|e| encoding(&e))?;
        self.send(&answer).await?;
        self.expect_ok().await
    }

    async fn expect_ok(&mut self) -> Result<(), Error> {
        let last = self.authentication().await?;
        match Demand::parse(&last.body)? {
            Demand::Nothing => Ok(()),
            _ => Err(unexpected(b'R')),
        }
    }

    /// SCRAM-SHA-256, bound to the TLS connection where both sides can.
    async fn sasl(&mut self, offered: &[u8], login: &Login<'_>) -> Result<(), Error> {
        let end_point = match login.channel_binding {
            ChannelBinding::Disable => None,
            ChannelBinding::Prefer | ChannelBinding::Require => self.stream.server_end_point(),
        };
        let (mechanism, binding) = choose(offered, end_point)?;
        if mechanism != sasl::SCRAM_SHA_256_PLUS && login.channel_binding == ChannelBinding::Require {
            let text = "channel binding required, but the server does not offer it";
            return Err(Error::new(ErrorKind::Tls, text));
        }
        let mut scram = ScramSha256::new(password(login)?, binding);
        let mut message = BytesMut::new();
        frontend::sasl_initial_response(mechanism, scram.message(), &mut message)
            .map_err(|e| encoding(&e))?;
        self.send(&message).await?;

        let challenge = self.authentication().await?;
        let Demand::SaslContinue(data) = Demand::parse(&challenge.body)? else {
            return Err(unexpected(b'R'));
        };
        scram.update(data).map_err(|e| broken_scram(&e))?;
        message.clear();
        frontend::sasl_response(scram.message(), &mut message).map_err(|e| encoding(&e))?;
        self.send(&message).await?;

        let verdict = self.authentication().await?;
        let Demand::SaslFinal(data) = Demand::parse(&verdict.body)? else { return Err(unexpected(b'R')) };
        scram.finish(data).map_err(|e| broken_scram(&e))
    }

    /// The next Authentication message.
    async fn authentication(&mut self) -> Result<Frame, Error> {
        loop {
            let frame = self.receive().await?;
            match frame.tag {
                b'R' => return Ok(frame),
                b'E' => return Err(Error::from_response(&frame.body)),
                // NegotiateProtocolVersion: we ask for 3.0 and need nothing more.
                b'v' => {}
                other => return Err(unexpected(other)),
            }
        }
    }

    async fn wait_until_ready(&mut self) -> Result<Vec<u8>, Error> {
        // Some poolers send no key; then there is nothing to cancel with.
        let mut key = vec![0; 8];
        loop {
            let frame = self.receive().await?;
            match frame.tag {
                b'K' if KEY_BYTES.contains(&frame.body.len()) => key = frame.body,
                b'K' => return Err(Error::protocol("a cancel key of impossible length")),
                b'Z' => {
                    self.ready(&frame)?;
                    return Ok(key);
                }
                b'E' => return Err(Error::from_response(&frame.body)),
                b'v' => {}
                other => return Err(unexpected(other)),
            }
        }
    }
}

/// The mechanism to use, and what it says about channel binding (RFC 5802 section 6: `y` when we could and the
/// server does not offer it, which unmasks somebody who removed the offer).
fn choose(offered: &[u8], end_point: Option<Vec<u8>>) -> Result<(&'static str, sasl::ChannelBinding), Error> {
    let offers = |name: &str| offered.split(|byte| *byte == 0).any(|one| one == name.as_bytes());
    let scram = offers(sasl::SCRAM_SHA_256);
    match end_point {
        Some(end_point) if offers(sasl::SCRAM_SHA_256_PLUS) => {
            Ok((sasl::SCRAM_SHA_256_PLUS, sasl::ChannelBinding::tls_server_end_point(end_point)))
        }
        Some(_) if scram => Ok((sasl::SCRAM_SHA_256, sasl::ChannelBinding::unrequested())),
        None if scram => Ok((sasl::SCRAM_SHA_256, sasl::ChannelBinding::unsupported())),
        _ => {
            let names: Vec<_> = offered.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
            let text =
                format!("the server offers no SASL mechanism that we know: {}", names.join(" ").trim());
            Err(Error::new(ErrorKind::Unsupported, text))
        }
    }
}

fn password<'a>(login: &Login<'a>) -> Result<&'a [u8], Error> {
    let missing = || Error::new(ErrorKind::PasswordMissing, "the server wants a password and none was given");
    login.password.map(|secret| secret.expose().as_bytes()).ok_or_else(missing)
}

/// A text that cannot be sent: it holds a zero byte. Its value is not quoted, it may be a password.
fn encoding(error: &io::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("a start-up parameter or password cannot be sent: {error}"))
}

fn broken_scram(error: &io::Error) -> Error {
    Error::protocol(format!("the server does not prove that it knows the password: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demands_are_parsed_or_refused() {
        assert_eq!(Demand::parse(&[0, 0, 0, 5, 1, 2, 3, 4]).unwrap(), Demand::Md5([1, 2, 3, 4]));
        assert_eq!(Demand::parse(&[0, 0, 0, 0]).unwrap(), Demand::Nothing);
        for body in [&b""[..], &[0, 0, 0], &[0, 0, 0, 5, 1]] {
            assert_eq!(Demand::parse(body).unwrap_err().kind, ErrorKind::Protocol);
        }
        let gss = Demand::parse(&[0, 0, 0, 7]).unwrap_err();
        assert_eq!(gss.kind, ErrorKind::Unsupported);
        assert!(gss.message.contains("GSSAPI"));
    }

    #[test]
    fn channel_binding_is_used_where_both_can() {
        let both = b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
        assert_eq!(choose(both, Some(vec![1])).unwrap().0, sasl::SCRAM_SHA_256_PLUS);
        assert_eq!(choose(both, None).unwrap().0, sasl::SCRAM_SHA_256);
        assert_eq!(choose(b"SCRAM-SHA-256\0\0", Some(vec![1])).unwrap().0, sasl::SCRAM_SHA_256);
        let error = choose(b"OAUTHBEARER\0\0", None).map(|_| ()).unwrap_err();
        assert!(error.message.contains("OAUTHBEARER"));
    }
}
