//! A panic ends the process (fail-stop): what went wrong in one thread leaves nobody in doubt about the others.
//!
//! A watcher that lost one of its threads would look alive and be blind. So it dies as a whole: the supervisor starts it
//! again, and whoever watches it notices in the meantime. What ships aborts by its profile (`panic = "abort"` in
//! Cargo.toml); a daemon of any other build does the same once it has called [`abort_on_panic`]. It follows that nobody
//! has to think of a thread that panicked, nor of a lock that one left behind.
#![warn(missing_docs, clippy::missing_errors_doc)]

use std::sync::{LockResult, Mutex, MutexGuard};

/// From here on a panic on any thread is said in one line, which is the last that the process says, and ends it as SIGABRT
/// does. With `RUST_BACKTRACE` set, the way there is printed before.
pub fn abort_on_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::env::var_os("RUST_BACKTRACE").is_some() {
            print(panic);
        }
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("without a name");
        let place = panic.location().map(ToString::to_string);
        let place = place.as_deref().unwrap_or("an unknown place");
        let payload = panic.payload();
        let words = payload.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| payload.downcast_ref::<&str>().copied());
        let words = words.unwrap_or("no reason given");
        let line = format!("the thread {thread} panicked at {place}: {words}; the process ends");
        // A command has no log.
        match log::log_enabled!(log::Level::Error) {
            true => log::error!("{line}"),
            false => eprintln!("{line}"),
        }
        std::process::abort();
    }));
}

/// Locks `mutex`, and waits for it as long as that takes: what is done under a lock is short by rule.
///
/// # Panics
/// In tests alone, after another thread panicked while it held the lock.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    sound(mutex.lock())
}

/// What a lock or a wait for one gives, as [`lock`] has it.
///
/// # Panics
/// As [`lock`].
pub fn sound<G>(taken: LockResult<G>) -> G {
    taken.unwrap_or_else(|_| panic!("another thread panicked while it held this lock"))
}
