//! Settings that pgpassage does not act on. One that demands more security than it keeps is refused.

use super::ConnectionError;
use super::settings::Settings;
use crate::model::endpoint::{ChannelBinding, Host, HostSpec};

/// The ways to log in that libpq can name.
const LOGINS: [&str; 7] = ["password", "md5", "gss", "sspi", "scram-sha-256", "oauth", "none"];
/// Those that pgpassage goes along with.
const OUR_LOGINS: [&str; 4] = ["password", "md5", "scram-sha-256", "none"];

/// Fails for a malformed setting, and for a demand that would otherwise be dropped in silence.
pub(super) fn refuse_what_cannot_be_kept(
    settings: &Settings,
    hosts: &[HostSpec],
    binding: ChannelBinding,
) -> Result<(), ConnectionError> {
    if settings.one_of("gssencmode", &["disable", "prefer", "require"])? == Some("require") {
        return Err(
            settings.bad("gssencmode", "cannot be \"require\": pgpassage encrypts by TLS only, see sslmode")
        );
    }
    if settings.one_of("sslcertmode", &["disable", "allow", "require"])? == Some("require") {
        let what = "cannot be \"require\": pgpassage does not check that the server asked for a certificate";
        return Err(settings.bad("sslcertmode", what));
    }
    let versions = ["3.0", "3.2", "latest"];
    if settings.get("min_protocol_version").is_some()
        && settings.one_of("min_protocol_version", &versions)? != Some("3.0")
    {
        return Err(
            settings.bad("min_protocol_version", "must be 3.0: that is the protocol pgpassage speaks")
        );
    }
    for keyword in ["scram_client_key", "scram_server_key"] {
        if settings.get(keyword).is_some() {
            return Err(settings.bad(keyword, "is not supported: give the password, best in a password file"));
        }
    }
    if settings.get("sslcrldir").is_some() {
        return Err(settings.bad("sslcrldir", "is not supported: name one file by sslcrl"));
    }
    if settings.get("requirepeer").is_some() && hosts.iter().any(|spec| matches!(spec.host, Host::Unix(_))) {
        let what = "is not supported: pgpassage does not check whose process is behind a Unix socket";
        return Err(settings.bad("requirepeer", what));
    }
    require_auth(settings, binding)
}

/// The server chooses how we log in, and gets its way, unless channel binding admits nothing but SCRAM.
fn require_auth(settings: &Settings, binding: ChannelBinding) -> Result<(), ConnectionError> {
    let Some(value) = settings.get("require_auth") else { return Ok(()) };
    let items: Vec<_> = value.split(',').map(str::trim).collect();
    let negated = items.iter().filter(|item| item.starts_with('!')).count();
    let names: Vec<_> = items.iter().map(|item| item.strip_prefix('!').unwrap_or(item)).collect();
    if names.iter().any(|name| !LOGINS.contains(name)) || (negated != 0 && negated != items.len()) {
        let what = format!("must be a list of {}, all or none of them with \"!\"", LOGINS.join(", "));
        return Err(settings.bad("require_auth", what));
    }
    let allows = |login: &str| names.contains(&login) == (negated == 0);
    let only_scram = binding == ChannelBinding::Require && allows("scram-sha-256");
    if only_scram || OUR_LOGINS.into_iter().all(allows) {
        return Ok(());
    }
    let what = "cannot be kept, because the server chooses how pgpassage logs in; to make sure of \
                scram-sha-256, use channel_binding=require with TLS";
    Err(settings.bad("require_auth", what))
}

/// Warns of settings that have no effect here where somebody might count on one.
pub(super) fn mention_what_is_ignored(settings: &Settings, warnings: &mut Vec<String>) {
    for (keyword, why) in [
        ("replication", "pgpassage opens replication sessions by itself"),
        ("oauth_issuer", "pgpassage cannot log in by OAuth"),
        ("sslkeylogfile", "pgpassage does not write TLS keys to a file"),
    ] {
        if settings.get(keyword).is_some() {
            warnings.push(format!("{keyword} is ignored: {why}"));
        }
    }
}
