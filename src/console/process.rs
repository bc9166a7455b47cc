//! What this process takes of the machine, as the system counts it.

use std::fs;

/// What a process of Linux counts its time in (proc(5)): a hundredth of a second on every kernel there is.
const TICK_SEC: f64 = 0.01;
/// Bytes of a page, where the kernel does not say otherwise.
const PAGE_BYTES: u64 = 4096;

/// What it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// Processor time, in seconds.
    pub cpu_sec: f64,
    pub resident_bytes: u64,
    pub threads: u64,
}

/// What this process takes now; `None` where the system does not tell.
pub fn own() -> Option<Process> {
    of_stat(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// By the text of `/proc/<pid>/stat` (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).
fn of_stat(stat: &str) -> Option<Process> {
    // The name of the program may hold anything; the numbers follow its bracket. The first of them is the third field.
    let (_, numbers) = stat.rsplit_once(')')?;
    let numbers: Vec<&str> = numbers.split_whitespace().collect();
    let field = |number: usize| numbers.get(number - 3)?.parse::<u64>().ok();
    Some(Process {
        cpu_sec: (field(14)? + field(15)?) as f64 * TICK_SEC,
        resident_bytes: field(24)? * PAGE_BYTES,
        threads: field(20)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_behind_any_name() {
        let stat = "12 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 250 50 13 14 15 16 9 18 19 20 300 22";
        let process = of_stat(stat).expect("all fields");
        let expected = Process {
            cpu_sec: 3.0,
            resident_bytes: 300 * 4096,
            threads: 9,
        };
        assert_eq!(process, expected);
        assert_eq!(of_stat("12 (a) R 1"), None);
        let own = own().expect("Linux");
        assert!(own.resident_bytes > 100_000 && own.threads > 0, "{own:?}");
    }
}
