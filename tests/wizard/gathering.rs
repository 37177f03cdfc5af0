//! Over a slow line the checks take their time: what is asked of whom is to be seen meanwhile.

use super::proxy::Proxy;
use super::{pair, to_check, uris, wizard};
use std::time::Duration;

#[test]
fn what_is_asked_is_told_while_the_answers_come() {
    let pair = pair("logical");
    let proxy = Proxy::start(pair.source.port());
    proxy.delay(Duration::from_millis(60));
    let (_, target) = uris(&pair);
    let source = format!("{}?sslmode=prefer", proxy.uri("postgres"));
    let mut tty = wizard(&pair);
    to_check(&mut tty, (&source, &target));
    // The target is near and answers at once, the source does not.
    tty.wait_for("the target's answer before the source's", |screen| {
        screen.contains("answered   target: settings") && screen.contains("is asked   both: database shop")
    });
    tty.wait("questions answered");
    proxy.delay(Duration::ZERO);
    tty.wait("\n Report");
}
