//! A sentinel that loses a thread as soon as the file named by `LOSE_THREAD` is there: what the program that ships does of
//! itself, if ever, by a fault that nobody knows. `scripts` build and ship no examples.

use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use marketswarm::sections::SCHEMAS;
use marketswarm::sentinel;
use marketswarm::service::Notice;

fn main() -> ExitCode {
    let file = std::env::var("LOSE_THREAD").expect("set by the test");
    sentinel::run_beside(SCHEMAS, |sender| {
        let sender = sender.clone();
        thread::spawn(move || {
            while !Path::new(&file).exists() {
                thread::sleep(Duration::from_millis(20));
            }
            let lost = Notice::ThreadEnded {
                name: "worker".to_owned(),
                error: Some("no disk".to_owned()),
            };
            sender.send(lost)
        });
    })
}
