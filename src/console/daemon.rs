//! The daemon: it listens before bus and truth are there, and then keeps the view that is shown.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::access::Access;
use super::ask::Actor;
use super::errand::{self, Errand, Errands, Runner};
use super::event::Event;
use super::fold::{self, Folder, Named};
use super::follow::{self, Follower};
use super::hear::{self, Beats, Listener};
use super::look::{self, Looker, Lookout};
use super::read::{self, FactReader, Places};
use super::report::Reporter;
use super::settings::Settings;
use super::shared::Shared;
use super::site::Console;
use super::state::State;
use crate::bus::{Address, ConnectionRegistry};
use crate::clock::{self, Mono};
use crate::contract::TRUTH_KEY;
use crate::env::Env;
use crate::fail_stop::lock;
use crate::http::{Server, ServerSettings, Waker};
use crate::service::{Error, Notice, Service, ThreadGroup};
use crate::swarm_state::Who;

/// Connections besides live ones.
const CONNECTIONS_MAX: usize = 1024;
/// A view is made anew at least as often: it grows old by itself.
const SHOW_EVERY: Duration = Duration::from_secs(5);
/// No two views are made nearer, so that a storm does not make one for each alert; the first is made at once.
const SHOW_APART: Duration = Duration::from_millis(100);
/// Of many services each is looked at as often at least, since some things grow old by themselves.
const WHOLE_EVERY: Duration = Duration::from_secs(30);
/// With more services a view that nothing asked for is made as seldom as that.
const MANY: usize = 5000;
/// One turn of the loop takes no longer.
const TURN_BUDGET: Duration = Duration::from_secs(20);

/// What listens already.
pub struct Listening {
    shared: Arc<Shared>,
    queues: [Receiver<Errand>; 2],
    beats: Beats,
    viewed: Receiver<Box<str>>,
    /// Dropped when it is time to stop, which the other end tells.
    _running: Sender<()>,
    running: Receiver<()>,
    /// Dropped after the thread was told to end.
    _threads: ThreadGroup<Event>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// Reads the settings and begins to answer: that nothing is known yet.
///
/// # Errors
/// When a setting cannot be used, or nobody may listen there.
pub fn prepare(env: &Env, sender: &Sender<Event>) -> Result<Listening, Error> {
    let settings = Settings::from_env(env)?;
    let listener = TcpListener::bind(settings.listen).map_err(|error| {
        let listen = settings.listen;
        Error::Config(format!(
            "CONSOLE_LISTEN: cannot listen on {listen}: {error}"
        ))
    })?;
    say_where(&settings, &listener)?;
    let waker = Waker::new()?;
    let shared = Arc::new(Shared::new(waker.clone()));
    let (errands, queues) = Errands::new();
    let (beats, viewed) = Beats::new();
    let (is_running, running) = bounded(0);
    let limits = ServerSettings {
        connections: CONNECTIONS_MAX,
        live: settings.live,
    };
    let access = Access::new(settings);
    let site = Console::new(Arc::clone(&shared), access, errands, beats.clone());
    let server = Server::new(listener, waker, limits, site)?;
    // It ends when it is let go of, and not before.
    let mut threads = ThreadGroup::new(sender.clone(), ConnectionRegistry::default());
    threads.spawn("http", move || Ok(server.run()?))?;
    Ok(Listening {
        shared,
        queues,
        beats,
        viewed,
        _running: is_running,
        running,
        _threads: threads,
    })
}

fn say_where(settings: &Settings, listener: &TcpListener) -> Result<(), Error> {
    log::info!("listening on http://{}/", listener.local_addr()?);
    let is_here = settings.listen.ip().is_loopback();
    if settings.knows_identities() {
        return Ok(());
    }
    match is_here || settings.open {
        true => log::info!("without CONSOLE_TOKEN this machine may read and nobody may act"),
        false => log::warn!(
            "without CONSOLE_TOKEN nobody may read: the address is not this machine's alone"
        ),
    }
    Ok(())
}

/// Runs until it is told to stop.
///
/// # Errors
/// A thread ended.
pub fn run(mut service: Service<Event>, listening: Listening) -> Result<(), Error> {
    let shared = Arc::clone(&listening.shared);
    let named: Named = Arc::new(Mutex::new(None));
    let places = Places::default();
    let lookout = start(&mut service, &listening, &named, &places)?;
    let mut daemon = Daemon {
        state: State::default(),
        shared,
        lookout,
        named,
        places,
        shown: Mono::default(),
        whole: Mono::default(),
        is_dirty: true,
    };
    daemon.adopt(&service);
    let done = daemon.serve(&mut service);
    // The threads of the service end with their queues and connections.
    drop(daemon);
    drop(listening);
    done
}

fn start(
    service: &mut Service<Event>,
    listening: &Listening,
    named: &Named,
    places: &Places,
) -> Result<Lookout, Error> {
    let system = service.buses.system();
    let connections = service.buses.connections().clone();
    let progress = service.beat.progress("look", look::BUDGET);
    let (looker, lookout) = Looker::new(system.clone(), service.sender.clone(), progress);
    service.threads.spawn("look", move || looker.run())?;
    let progress = service.beat.progress("follow", follow::BUDGET);
    let follower = Follower::new(
        system.clone(),
        connections.clone(),
        service.sender.clone(),
        progress,
    );
    service.threads.spawn("follow", move || follower.run())?;
    let progress = service.beat.progress("fold", fold::BUDGET);
    let folder = Folder::new(
        system.clone(),
        connections.clone(),
        service.sender.clone(),
        progress,
        Arc::clone(named),
    );
    service.threads.spawn("fold", move || folder.run())?;
    let truth_key = service.env.text("TRUTH_REDIS_KEY", TRUTH_KEY)?;
    let progress = service.beat.progress("facts", read::BUDGET);
    let (places, sender) = (places.clone(), service.sender.clone());
    let truth_at = (system.clone(), truth_key.clone());
    let shared = Arc::clone(&listening.shared);
    let reader = FactReader::new(places, truth_at, shared, connections, sender, progress);
    service.threads.spawn("facts", move || reader.run())?;
    let progress = service.beat.progress("hear", hear::BUDGET);
    let viewed = (listening.viewed.clone(), listening.running.clone());
    let beats = listening.beats.clone();
    let (shared, instance) = (Arc::clone(&listening.shared), service.inst.clone());
    let listener = Listener::new(beats, viewed, shared, progress, &instance);
    service.threads.spawn("hear", move || listener.run())?;
    for (number, queue) in listening.queues.iter().enumerate() {
        let name = format!("read-{}", number + 1);
        let shared = || Arc::clone(&listening.shared);
        let runner = Runner {
            queue: queue.clone(),
            shared: shared(),
            actor: Actor::new(system.clone(), shared(), lookout.clone()),
            reporter: Reporter::new(system.clone(), truth_key.clone(), shared()),
            progress: service.beat.progress(name.clone(), errand::BUDGET),
        };
        service.threads.spawn(&name, move || runner.run())?;
    }
    Ok(lookout)
}

struct Daemon {
    state: State,
    shared: Arc<Shared>,
    lookout: Lookout,
    named: Named,
    places: Places,
    /// When the present view was made, and the last for which each service was looked at.
    shown: Mono,
    whole: Mono,
    /// Something came that a view may show.
    is_dirty: bool,
}

impl Daemon {
    fn serve(&mut self, service: &mut Service<Event>) -> Result<(), Error> {
        let progress = service.beat.progress("loop", TURN_BUDGET);
        loop {
            let next = match self.is_dirty {
                true => self.shown + SHOW_APART,
                false => self.shown + SHOW_EVERY,
            };
            let event = match service.events.recv_deadline(next.instant()) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let work = progress.working();
            if let Some(event) = event
                && !self.hear(service, event)?
            {
                return Ok(());
            }
            self.show_if_due();
            drop(work);
        }
    }

    /// Makes a view when one is due.
    fn show_if_due(&mut self) {
        let now = Mono::now();
        let apart = if self.is_dirty {
            SHOW_APART
        } else {
            SHOW_EVERY
        };
        if now < self.shown + apart {
            return;
        }
        self.shown = now;
        // Of many it takes long to look at each, and most of the time nothing is another.
        if !self.is_dirty
            && self.state.len() >= MANY
            && now < self.whole + WHOLE_EVERY
            && let Some(view) = self.state.unchanged(now)
        {
            return self.shared.show(view, Vec::new());
        }
        let (view, changed) = self.state.view(now, clock::wall_secs());
        self.shared.show(view, changed);
        (self.whole, self.is_dirty) = (now, false);
    }

    /// False when it is time to stop.
    fn hear(&mut self, service: &mut Service<Event>, event: Event) -> Result<bool, Error> {
        // What was read again as it was before changes nothing that could not wait.
        let mut is_news = true;
        match event {
            Event::Notice(Notice::Stop) => return Ok(false),
            Event::Notice(Notice::Truth(truth)) => {
                service.adopt(truth);
                self.adopt(service);
            }
            Event::Notice(Notice::ThreadEnded { name, error }) => {
                return Err(Error::thread_ended(&name, error));
            }
            Event::Notice(
                Notice::TruthRejected { .. } | Notice::TruthMissing | Notice::Message { .. },
            ) => {}
            Event::Looked(found) => {
                self.state.looked(*found, Mono::now(), clock::wall_secs());
                is_news = false;
            }
            Event::Swept(all) => self.state.swept(all),
            Event::Silenced(silences, log) => is_news = self.state.silenced(silences, log),
            Event::Tellers(all) => is_news = self.state.tellers(all),
            Event::Alert { alert, missed } => {
                self.state.heard(&alert);
                if missed {
                    self.lookout.sweep();
                }
            }
            Event::Read(facts) => self.state.read(facts),
            Event::Recorded(records) => self.state.recorded(records),
            Event::Covered(covered) => {
                self.state.covered(covered);
                is_news = false;
            }
            Event::Unwatched(unwatched) => self.state.unwatched(unwatched),
            Event::HistoryNote(note) => self.state.history_note(note),
        }
        self.is_dirty |= is_news || self.state.len() < MANY;
        Ok(true)
    }

    /// The truth in force is another.
    fn adopt(&mut self, service: &Service<Event>) {
        let truth = &service.truth;
        self.state.adopt(truth);
        let buses = &service.buses;
        let found = |bus: &str| Some((bus.to_owned(), buses.resolve(bus).ok()?));
        let all: Vec<&str> = truth.buses().collect();
        let used: HashSet<&str> = truth.services().map(|s| Who::of(&s, &all).bus).collect();
        // One that is there by default only, and that nobody beats on, may not be there.
        let counts = |bus: &&str| used.contains(bus) || buses.is_named(bus);
        let found: Vec<(String, Address)> =
            truth.buses().filter(counts).filter_map(found).collect();
        let by_name = found.iter().cloned().collect();
        let data_bus = buses.market().ok();
        self.shared
            .set_truth(Arc::clone(truth), by_name, data_bus.clone());
        self.places.set(found, data_bus);
        self.lookout.watch(self.state.names());
        let names = truth
            .services()
            .map(|service| service.name().to_owned())
            .collect();
        *lock(&self.named) = Some(names);
        log::info!("{} services are shown", self.state.len());
    }
}
