//! Whoever has nothing to do takes next to nothing of the machine: beside another of its kind, and while the bus hangs or
//! is away.

use std::time::{Duration, Instant};

use crate::support::{Daemon, PATIENCE, Stage, secs, until};

const DAEMONS: [&str; 7] = [
    "healer", "sentinel", "rss_agg", "massive", "vexy_ai", "mesh", "console",
];
/// For so long each is looked at.
const WINDOW: Duration = Duration::from_secs(4);
/// What it may take of one processor; one that turns without rest takes whatever it gets.
const SHARE_MAX: f64 = 0.1;
/// Clock ticks a second, in which Linux tells a process' time.
const TICKS: f64 = 100.0;

/// Processor time of a process so far, in seconds.
fn cpu_sec(daemon: &Daemon) -> f64 {
    let path = format!("/proc/{}/stat", daemon.id());
    let text = std::fs::read_to_string(path).expect("it runs");
    let (_, fields) = text.rsplit_once(") ").expect("a name in brackets");
    // Behind the name: utime is the 12th, stime the 13th.
    let ticks = fields.split(' ').skip(11).take(2);
    ticks.map(|t| t.parse::<f64>().expect("ticks")).sum::<f64>() / TICKS
}

fn assert_all_rest(daemons: &[(&str, Daemon)], when: &str) {
    let (begin, before) = (
        Instant::now(),
        daemons.iter().map(|(_, d)| cpu_sec(d)).collect::<Vec<_>>(),
    );
    std::thread::sleep(WINDOW);
    let took = begin.elapsed().as_secs_f64();
    for ((name, daemon), before) in daemons.iter().zip(before) {
        let share = (cpu_sec(daemon) - before) / took;
        assert!(
            share <= SHARE_MAX,
            "{name}, {when}: {share:.2} of a processor\n{}",
            daemon.log()
        );
    }
}

#[test]
fn nobody_turns_without_rest_beside_another_of_its_kind_nor_while_the_bus_hangs_or_is_away() {
    let mut stage = Stage::new(&DAEMONS, 0.5, 30.0);
    let bus = stage.redis.url();
    let env = [
        ("MARKET_REDIS_URL", bus.as_str()),
        ("CONSOLE_LISTEN", "127.0.0.1:0"),
    ];
    let mut daemons = Vec::new();
    for name in DAEMONS {
        for nth in ["first", "second"] {
            let daemon = stage.start_with(name, &env);
            until(
                &format!("{nth} {name} has read truth"),
                PATIENCE,
                || match daemon.log_count("truth ") > 0 {
                    true => Ok(()),
                    false => Err(daemon.log()),
                },
            );
            daemons.push((name, daemon));
        }
    }
    // Longer than any of them takes to find its place beside the other.
    std::thread::sleep(secs(6.0));
    assert_all_rest(&daemons, "in quiet");
    stage.redis.pause();
    std::thread::sleep(secs(4.0));
    assert_all_rest(&daemons, "while the bus hangs");
    stage.redis.resume();
    stage.redis.kill();
    std::thread::sleep(secs(4.0));
    assert_all_rest(&daemons, "while the bus is away");
}
