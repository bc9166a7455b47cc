//! The clock of a thread's own CPU.

/// CPU time of this thread: a machine that does other work meanwhile does not change it.
pub fn cpu_sec() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanos: f64 = text
        .split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .expect("a number");
    nanos / 1e9
}
