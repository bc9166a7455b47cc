//! Promises and what was measured, as a table.

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
