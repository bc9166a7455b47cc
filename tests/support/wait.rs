//! Waiting for what is to come, with a limit that only a broken program reaches.

use std::time::{Duration, Instant};

/// What may pass until something that is due in a moment has happened, on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at something that gives no sign by itself.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// `secs(1.5)`.
pub fn secs(secs: f64) -> Duration {
    Duration::from_secs_f64(secs)
}

/// Waits until `probe` gives something; what it said last is told when it never does.
#[track_caller]
pub fn until<T>(what: &str, within: Duration, mut probe: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + within;
    loop {
        match probe() {
            Ok(found) => return found,
            Err(reason) if Instant::now() >= end => {
                panic!("{what}: not within {within:?}: {reason}")
            }
            Err(_) => std::thread::sleep(LOOK_EVERY),
        }
    }
}

/// Processor time of the calling thread so far: what other work on the machine does not lengthen.
pub fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts it");
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("nanoseconds"))
}
