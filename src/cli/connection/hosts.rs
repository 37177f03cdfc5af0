//! The lists `host`, `hostaddr` and `port`, brought together.

use super::settings::Settings;
use super::{ConnectionError, Env};
use crate::model::endpoint::{Host, HostSpec};
use std::net::IpAddr;

const DEFAULT_PORT: u16 = 5432;

/// The addresses to try, in order; at least one.
pub(super) fn hosts(settings: &Settings, env: &Env) -> Result<Vec<HostSpec>, ConnectionError> {
    let list = |keyword| settings.get(keyword).map(|value| value.split(',').collect::<Vec<_>>());
    let (names, addrs, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = addrs.as_ref().or(names.as_ref()).map_or(1, Vec::len);
    let mut specs = Vec::with_capacity(count);
    if let Some(names) = names.as_ref().filter(|names| names.len() != count) {
        let what = format!("has {} items, hostaddr has {count}: give as many", names.len());
        return Err(settings.bad("host", what));
    }
    if let Some(ports) = ports.as_ref().filter(|ports| ports.len() != 1 && ports.len() != count) {
        let what =
            format!("has {} items for {count} host(s): give one port, or one for each host", ports.len());
        return Err(settings.bad("port", what));
    }
    for n in 0..count {
        let item = |list: &Option<Vec<&str>>| list.as_ref().map_or("", |list| list[n]).to_owned();
        let port = match &ports {
            Some(ports) => port(settings, ports[if ports.len() == 1 { 0 } else { n }])?,
            None => DEFAULT_PORT,
        };
        let host = host(settings, env, item(&names), &item(&addrs))?;
        specs.push(HostSpec { host, port });
    }
    Ok(specs)
}

fn host(settings: &Settings, env: &Env, name: String, addr: &str) -> Result<Host, ConnectionError> {
    if !addr.is_empty() {
        let addr = addr.parse::<IpAddr>().map_err(|_| settings.bad("hostaddr", "must be an IP address"))?;
        return Ok(Host::Tcp { name, addr: Some(addr) });
    }
    match name.as_bytes().first() {
        None => Ok(Host::Unix(env.absolute(&env.socket_directory))),
        Some(b'/') => Ok(Host::Unix(name.into())),
        Some(b'@') => {
            Err(settings
                .bad("host", "begins with \"@\": sockets in the abstract namespace are not supported"))
        }
        Some(_) => Ok(Host::Tcp { name, addr: None }),
    }
}

fn port(settings: &Settings, text: &str) -> Result<u16, ConnectionError> {
    if text.is_empty() {
        return Ok(DEFAULT_PORT);
    }
    // Most often this is a URI in which a password ended too early.
    text.trim().parse().ok().filter(|port| *port > 0).ok_or_else(|| {
        let hint = "in a URI, \"/\" and \"@\" in the user's name or password are written %2F and %40";
        settings.bad("port", format!("must be a number from 1 to 65535; {hint}"))
    })
}
