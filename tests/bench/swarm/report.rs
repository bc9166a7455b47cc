//! Figures, their goals, and how they are shown.

use serde_json::{Value, json};

/// All that was measured.
pub struct Report {
    rows: Vec<Row>,
}

/// One measure, taken several times.
struct Row {
    part: &'static str,
    name: String,
    unit: &'static str,
    /// The most that it may be.
    goal: Option<f64>,
    /// One figure for each run.
    values: Vec<f64>,
}

impl Report {
    pub fn new() -> Report {
        Report { rows: Vec::new() }
    }

    /// A measure with a goal: its median must not be above `goal`.
    pub fn goal(
        &mut self,
        part: &'static str,
        name: &str,
        unit: &'static str,
        goal: f64,
        values: Vec<f64>,
    ) {
        self.add(part, name, unit, Some(goal), values);
    }

    /// A measure that is only told.
    pub fn tell(&mut self, part: &'static str, name: &str, unit: &'static str, values: Vec<f64>) {
        self.add(part, name, unit, None, values);
    }

    fn add(
        &mut self,
        part: &'static str,
        name: &str,
        unit: &'static str,
        goal: Option<f64>,
        values: Vec<f64>,
    ) {
        let row = Row {
            part,
            name: name.to_owned(),
            unit,
            goal,
            values,
        };
        eprintln!("   {}", row.line());
        self.rows.push(row);
    }

    pub fn print(&self) {
        println!(
            "{:<62} {:>9} {:>10} {:>10} {:>10} {:>4}",
            "measure", "goal", "median", "min", "max", "runs"
        );
        let mut part = "";
        for row in &self.rows {
            if row.part != part {
                part = row.part;
                println!("{part}");
            }
            println!("{}", row.line());
        }
        let missed = self
            .rows
            .iter()
            .filter(|r| r.is_met() == Some(false))
            .count();
        let goals = self.rows.iter().filter(|r| r.goal.is_some()).count();
        println!("\n{} of {goals} goals met (by the median)", goals - missed);
    }

    pub fn to_json(&self) -> String {
        let rows: Vec<Value> = self.rows.iter().map(Row::to_json).collect();
        format!("{:#}\n", json!({ "measures": rows }))
    }
}

impl Row {
    fn is_met(&self) -> Option<bool> {
        self.goal.map(|goal| median(&self.values) <= goal)
    }

    fn line(&self) -> String {
        let goal = self
            .goal
            .map(|goal| format!("≤ {}", number(goal)))
            .unwrap_or_default();
        let verdict = if self.is_met() == Some(false) {
            "  MISSED"
        } else {
            ""
        };
        format!(
            "  {:<60} {goal:>9} {:>10} {:>10} {:>10} {:>4}{verdict}",
            format!("{}, {}", self.name, self.unit),
            number(median(&self.values)),
            number(percentile(&self.values, 0.0)),
            number(percentile(&self.values, 1.0)),
            self.values.len(),
        )
    }

    fn to_json(&self) -> Value {
        json!({
            "part": self.part,
            "name": self.name,
            "unit": self.unit,
            "goal_at_most": self.goal,
            "is_met": self.is_met(),
            "median": median(&self.values),
            "min": percentile(&self.values, 0.0),
            "max": percentile(&self.values, 1.0),
            "values": self.values,
        })
    }
}

/// Three digits that matter.
fn number(value: f64) -> String {
    match value.abs() {
        v if v.is_nan() => "-".to_owned(),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 || v == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

pub fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value that `share` of all are not above.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() {
        return f64::NAN;
    }
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// Latencies of several runs, in milliseconds.
#[derive(Default)]
pub struct Latencies {
    runs: Vec<Vec<f64>>,
}

impl Latencies {
    pub fn push(&mut self, run: Vec<f64>) {
        self.runs.push(run);
    }

    /// The same percentile of each run.
    pub fn each(&self, share: f64) -> Vec<f64> {
        self.runs.iter().map(|run| percentile(run, share)).collect()
    }
}
