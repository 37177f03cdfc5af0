//! A panic while the window is open: the terminal is given back before anything is said, and where it happened is kept for
//! whoever says it. Of what another thread of this process was doing, the window goes on without an answer.

use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug, Clone, Default)]
pub(super) struct Faults(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    over: AtomicBool,
    first: Mutex<Option<String>>,
}

impl Faults {
    /// From now on, for the window that this thread drives.
    pub(super) fn watch(put_back: fn()) -> Self {
        let faults = Self::default();
        let (seen, before, driver) = (Arc::clone(&faults.0), take_hook(), std::thread::current().id());
        set_hook(Box::new(move |info| {
            if seen.over.load(Ordering::Relaxed) {
                return before(info);
            }
            let what = told(info);
            tracing::error!("a thread has panicked: {what}");
            if std::thread::current().id() == driver {
                put_back();
                seen.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
            }
        }));
        faults
    }

    /// The window is closed; what panics after it is said by whoever said it before.
    pub(super) fn end(&self) -> Option<String> {
        self.0.over.store(true, Ordering::Relaxed);
        self.0.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn told(info: &PanicHookInfo<'_>) -> String {
    let place = match info.location() {
        Some(place) => format!("{}:{}", place.file(), place.line()),
        None => "an unknown place".to_owned(),
    };
    // Words that were put together may hold what was typed: cutting a text in the wrong place shows the text.
    match info.payload().downcast_ref::<&'static str>() {
        Some(words) => format!("{place}: {words}"),
        None => place,
    }
}
