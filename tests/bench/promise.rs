//! Promises and what was measured, as a table; and the clock of a thread's own CPU.

/// Promises and measurements, as a table.
pub struct Report {
    pub kept: bool,
}

impl Report {
    pub fn at_least(&mut self, what: &str, measured: f64, promised: f64, unit: &str) {
        self.line(
            what,
            measured,
            measured >= promised,
            &format!("at least {promised} {unit}"),
        );
    }

    pub fn at_most(&mut self, what: &str, measured: f64, promised: f64, unit: &str) {
        self.line(
            what,
            measured,
            measured <= promised,
            &format!("at most {promised} {unit}"),
        );
    }

    fn line(&mut self, what: &str, measured: f64, kept: bool, promise: &str) {
        self.kept &= kept;
        let verdict = if kept { "ok" } else { "BROKEN" };
        println!("{verdict:<7} {what:<58} {measured:>12.2}   ({promise})");
    }
}

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
