//! A service called `massive` of which one thread panics when it is told to: what a fault that nobody knows would do.
//! `scripts` build and ship no examples.

use std::process::ExitCode;

use marketswarm::service::{self, Error, Notice, Profile, Service};

const PROFILE: Profile = Profile {
    channels: &["test:panic"],
    ..Profile::new("massive", "panics when it is told to")
};

fn main() -> ExitCode {
    service::run(&PROFILE, marketswarm::sections::SCHEMAS, follow)
}

fn follow(mut service: Service<Notice>) -> Result<(), Error> {
    let (orders, inbox) = crossbeam_channel::bounded::<()>(1);
    service
        .threads
        .spawn("worker", move || match inbox.recv() {
            Ok(()) => panic!("the worker panics, as it was told to"),
            Err(_) => Ok(()),
        })?;
    while let Ok(notice) = service.events.recv() {
        match notice {
            // One order waits for the worker: it obeys none but the first.
            Notice::Message { .. } => drop(orders.try_send(())),
            Notice::Truth(truth) => service.adopt(truth),
            Notice::Stop => break,
            _ => {}
        }
    }
    Ok(())
}
