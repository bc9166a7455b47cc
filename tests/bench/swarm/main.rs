//! The benchmark: real processes, a real redis-server, and what the kernel says about them.
//!
//! Run it with `scripts/bench.sh`. Everything is seen from outside: beats go in through Redis, alerts come out through
//! Redis, and CPU time and memory are read from /proc. Each part of `plan` is one file here.
#![allow(clippy::too_many_lines)] // A test is a story or a table of cases.

mod alerts;
mod burst;
mod curve;
mod far;
mod flood;
mod lab;
mod lateness;
mod load;
mod many;
mod mesh;
mod process;
mod reload;
mod report;
mod rest;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use report::Report;

/// What was asked for on the command line.
pub struct Plan {
    /// Under two minutes: fewer runs, and the million only once.
    pub quick: bool,
    /// The programs under test.
    pub programs: PathBuf,
    /// The programs as they are shipped, for sizes, memory and starts; else those of `programs`.
    pub shipped: Option<PathBuf>,
}

impl Plan {
    /// How often a thing is measured.
    pub fn runs(&self) -> usize {
        if self.quick { 2 } else { 5 }
    }

    /// Where the programs lie that sizes and memory are measured on.
    pub fn shipped(&self) -> &PathBuf {
        self.shipped.as_ref().unwrap_or(&self.programs)
    }
}

/// A part of the benchmark, by the name that selects it.
type Part = (&'static str, fn(&Plan, &mut Report));

const PARTS: [Part; 11] = [
    ("lateness", lateness::few),
    ("far", far::run),
    ("flood", flood::run),
    ("start", many::start),
    ("lateness-100k", many::hundred_thousand),
    ("reload", reload::run),
    ("burst", burst::run),
    ("million", many::million),
    ("rest", rest::run),
    ("mesh", mesh::run),
    ("curve", curve::run),
];

const USAGE: &str =
    "usage: bench [--quick] [--json FILE] [--programs DIR] [--shipped DIR] [PART...]";

fn main() -> ExitCode {
    let programs = PathBuf::from(env!("CARGO_BIN_EXE_healer"));
    let mut plan = Plan {
        quick: false,
        programs: programs.parent().map(PathBuf::from).unwrap_or_default(),
        shipped: None,
    };
    let mut json = None;
    let mut parts: Vec<&Part> = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match (arg.as_str(), PARTS.iter().find(|(name, _)| *name == arg)) {
            // What cargo says to every bench.
            ("--bench", _) => {}
            ("--quick", _) => plan.quick = true,
            ("--json", _) => json = args.next().map(PathBuf::from),
            ("--programs", _) => plan.programs = args.next().map(PathBuf::from).unwrap_or_default(),
            ("--shipped", _) => plan.shipped = args.next().map(PathBuf::from),
            (_, Some(part)) => parts.push(part),
            _ => {
                let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
                eprintln!("{USAGE}\nparts: {}", names.join(" "));
                return ExitCode::from(2);
            }
        }
    }
    if parts.is_empty() {
        parts = PARTS.iter().collect();
    }

    let mut report = Report::new();
    let began = Instant::now();
    for (name, part) in parts {
        let from = Instant::now();
        eprintln!("-- {name}");
        part(&plan, &mut report);
        eprintln!("-- {name}: {:.0} s", from.elapsed().as_secs_f64());
    }
    report.print();
    println!("\n{:.0} s in all", began.elapsed().as_secs_f64());
    if let Some(file) = json
        && let Err(error) = std::fs::write(&file, report.to_json())
    {
        eprintln!("{}: {error}", file.display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
