//! The registry of instances as a test sees it: read whole, and followed by a thread that must end with the same.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use marketswarm::bus::{Address, Commands, Limits};
use marketswarm::contract::mesh::{Event, State};
use marketswarm::swarm_state::registry::Registry;

use super::{PATIENCE, RedisServer, until};

fn commands(redis: &RedisServer) -> Commands {
    let address = Address::parse(&redis.url(), "TEST").expect("an address");
    Commands::new(address, "test:registry", Limits::default())
}

/// All of it; `None` while it cannot be read.
pub fn read(redis: &RedisServer) -> Option<Registry> {
    Registry::read(&mut commands(redis)).ok()
}

/// The state of each instance of `svc`, by its id.
pub fn states(registry: &Registry, svc: &str) -> BTreeMap<String, State> {
    let all = registry.instances.values().filter(|i| i.svc == svc);
    all.map(|i| (i.inst.clone(), i.state)).collect()
}

/// Waits until the registry is fresh and satisfies `wanted`.
#[track_caller]
pub fn wait(
    redis: &RedisServer,
    what: &str,
    within: Duration,
    wanted: impl Fn(&Registry) -> bool,
) -> Registry {
    until(what, within, || match read(redis) {
        Some(registry) if registry.head.is_some() && wanted(&registry) => Ok(registry),
        other => Err(format!("{other:?}").chars().take(4000).collect()),
    })
}

/// Waits until one instance is in this state.
#[track_caller]
pub fn wait_state(redis: &RedisServer, svc: &str, inst: &str, state: State) -> Registry {
    wait(
        redis,
        &format!("{svc}/{inst} {state:?}"),
        PATIENCE,
        |registry| states(registry, svc).get(inst) == Some(&state),
    )
}

/// A reader that follows the registry through everything.
pub struct Follower {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    registry: Mutex<Registry>,
    events: Mutex<Vec<Event>>,
}

impl Follower {
    /// Follows from now on.
    pub fn start(redis: &RedisServer) -> Follower {
        let shared = Arc::new(Shared::default());
        let (inner, mut commands) = (Arc::clone(&shared), commands(redis));
        let thread = std::thread::spawn(move || {
            let mut registry = Registry::default();
            while !inner.stop.load(Ordering::SeqCst) {
                match registry.follow(&mut commands, Duration::from_millis(50)) {
                    Ok(events) => inner
                        .events
                        .lock()
                        .unwrap()
                        .extend(events.unwrap_or_default()),
                    Err(_) => std::thread::sleep(Duration::from_millis(50)),
                }
                inner.registry.lock().unwrap().clone_from(&registry);
            }
        });
        Follower {
            shared,
            thread: Some(thread),
        }
    }

    /// Waits until it knows a record: what is told from now on it does not miss.
    #[track_caller]
    pub fn wait_begun(&self) {
        until("the follower has begun", PATIENCE, || {
            let begun = self.registry().head.is_some();
            begun
                .then_some(())
                .ok_or_else(|| "no record yet".to_owned())
        });
    }

    /// What it knows.
    pub fn registry(&self) -> Registry {
        self.shared.registry.lock().unwrap().clone()
    }

    /// Every event that it was told of, in order.
    pub fn events(&self) -> Vec<Event> {
        self.shared.events.lock().unwrap().clone()
    }

    /// Waits until it knows what the record says, and compares.
    #[track_caller]
    pub fn assert_is_right(&self, redis: &RedisServer) {
        let ids = |registry: &Registry| -> BTreeMap<String, (State, String)> {
            let all = registry.instances.iter();
            all.map(|(name, i)| (name.clone(), (i.state, i.id.clone())))
                .collect()
        };
        until("the follower knows what is written", PATIENCE, || {
            let (known, written) = (self.registry(), read(redis));
            match written {
                Some(written) if ids(&known) == ids(&written) => Ok(()),
                written => Err(format!("{known:?}\nwritten: {written:?}")
                    .chars()
                    .take(6000)
                    .collect()),
            }
        });
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
