//! Tests in which a machine that holds up the test itself makes services silent in earnest.
//!
//! A beater of ours that does not get to run for longer than a timeout is dead for whoever watches it, and what is then
//! told is true. A run in which that may have happened proves nothing against the program: it is void, which is said,
//! and made again, twice at most. A run that fails without such a reason fails.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::say;

/// Services in these tests may be late by 0.75 s before they miss; two hold-ups below this are no reason for it.
const HELD_UP: Duration = Duration::from_millis(350);
/// Runs that may be void.
const VOID_MAX: usize = 2;
/// A look at whether threads of this process get to run.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How late threads of one test came to run, at worst.
#[derive(Clone, Default)]
pub struct HoldUps(Arc<AtomicU64>);

thread_local! {
    static OF_THIS_TEST: RefCell<HoldUps> = RefCell::default();
}

impl HoldUps {
    /// Those of the test that runs on this thread.
    pub fn of_this_test() -> HoldUps {
        OF_THIS_TEST.with_borrow(HoldUps::clone)
    }

    /// A thread of the test ran so much later than it should have.
    pub fn note(&self, late: Duration) {
        let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_max(micros, Ordering::Relaxed);
    }

    fn worst(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// Declares tests that are made again when the machine held them up.
#[macro_export]
macro_rules! undisturbed {
    ($($name:ident),* $(,)?) => {
        mod undisturbed {
            $(#[test] fn $name() { $crate::support::undisturbed::run(stringify!($name), super::$name); })*
        }
    };
}

/// Runs a test, and again when it failed while it was held up, up to [`VOID_MAX`] times.
pub fn run(name: &str, test: impl Fn()) {
    for _ in 0..VOID_MAX {
        let hold_ups = HoldUps::default();
        OF_THIS_TEST.set(hold_ups.clone());
        let done = {
            let _looks = Looks::begin(hold_ups.clone());
            catch_unwind(AssertUnwindSafe(&test))
        };
        let Err(failure) = done else { return };
        let worst = hold_ups.worst();
        if worst < HELD_UP {
            resume_unwind(failure);
        }
        say(&format!(
            "VOID: {name} failed while the machine held it up for {worst:.1?}; again"
        ));
    }
    test();
}

/// A thread that does nothing but look whether it gets to run.
struct Looks {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Looks {
    fn begin(hold_ups: HoldUps) -> Looks {
        let stop = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                let begin = Instant::now();
                thread::sleep(LOOK_EVERY);
                hold_ups.note(begin.elapsed().saturating_sub(LOOK_EVERY));
            }
        });
        Looks {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
