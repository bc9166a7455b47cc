//! A worker that shares parts of nothing with others: for each part that it may work on it writes a result every quarter of
//! a second, through the fence. `scripts` build and ship no examples.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use marketswarm::bus::lease::FENCE_OF_PART;
use marketswarm::bus::{Address, Commands, Limits, Script, Scripts};
use marketswarm::clock::Mono;
use marketswarm::contract::lease::fence_key;
use marketswarm::service::lease::{Gate, Keeper, Member, ShareOrder};

const SVC: &str = "work";
const RESULTS: &str = "results";

fn main() {
    let value = |name: &str| std::env::var(name).expect("set by the test");
    let address = Address::parse(&value("SYSTEM_REDIS_URL"), "SYSTEM_REDIS_URL").expect("valid");
    let parts: u32 = value("PARTS").parse().expect("a number");
    let inst = value("INST");
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&stop)).expect("a signal");

    let connection = |role: &str| Commands::new(address.clone(), role, Limits::default());
    let gate = Gate::default();
    let member = Member::new(SVC, &inst, "here", parts);
    let keeper = Keeper::new(
        member,
        connection("shares"),
        connection("fence"),
        gate.clone(),
    );
    let (orders, inbox) = crossbeam_channel::bounded(64);
    let keeps = std::thread::spawn(move || keeper.run(&inbox, |change| println!("{change:?}")));

    let text = format!(
        "{FENCE_OF_PART}\nredis.call('XADD', KEYS[2], 'MAXLEN', '~', '20000', '*', 'part', ARGV[2], 'token', ARGV[1], 'inst', ARGV[3])\nreturn 'done'"
    );
    let script = Script::new(&text);
    let mut scripts = Scripts::new([&script]);
    let mut results = connection("results");
    while !stop.load(Ordering::SeqCst) {
        for part in 0..parts {
            let Some(permit) = gate.enter(part, Mono::now()) else {
                continue;
            };
            let mut packet = redis::pipe();
            let key = fence_key(SVC, part);
            let call = script.call(&mut packet, &[&key, RESULTS]);
            call.arg(permit.token()).arg(part).arg(&inst);
            match scripts.run(&mut results, &packet) {
                Ok(redis::Value::BulkString(said)) if said == b"fenced" => {
                    println!("fenced {part}");
                    let _ = orders.try_send(ShareOrder::Fenced(part));
                }
                Ok(_) => {}
                Err(error) => println!("{error}"),
            }
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    drop(orders);
    keeps.join().expect("it ends");
}
