//! The running swarm: one loop over signals, processes and what the poller sees.

mod looking;
mod showing;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::analyses::Analyses;
use super::buses;
use super::event::Event;
use super::instance_lock::lock;
use super::last_words::{self, last_words};
use super::logs::Logs;
use super::ports::Wish;
use super::process_supervisor::{Action, Id, ProcessSupervisor, Role};
use super::processes::{Exit, Processes, Spec, end_leftovers};
use super::settings::Settings;
use super::signals::watch_signals;
use super::ui::{Ui, what_next};
use crate::clock::Mono;
use crate::contract::TEXT_MAX_BYTES;
use crate::service::{EVENTS_MAX, Error};
use crate::swarm_state::locator::{RunFolder, UpNote};
use crate::swarm_state::{Board, Moment, Periodic, Poller, Tells, Tone};
use crate::text::SafeText;

/// How often a bus that starts is asked.
const ASK_PERIOD: Duration = Duration::from_millis(50);
/// How often to look around, though nothing happens.
const LOOK_PERIOD: Duration = Duration::from_secs(5);
/// Variables of ours that would lead a service elsewhere.
const ENV_WITHOUT: &[&str] = &[
    "REDIS_URL",
    "REDIS_URL_FILE",
    "TRUTH_REDIS_URL",
    "TRUTH_REDIS_URL_FILE",
    "SYSTEM_REDIS_URL_FILE",
    "MARKET_REDIS_URL_FILE",
    "RUN_DIR_FILE",
    "STATE_DIR_FILE",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
];
const SYSTEM: Id = 0;
const MARKET: Id = 1;
const SEED: Id = 2;

/// Runs the swarm until it is told to end.
pub(super) fn run(settings: Settings) -> Result<ExitCode, Error> {
    let run = RunFolder::of(&settings.data);
    fs::create_dir_all(run.path()).map_err(|e| {
        let data = settings.data.display();
        Error::Config(format!("cannot use the data folder {data}: {e}"))
    })?;
    let _lock = lock(&run)?;
    let (sender, events) = bounded(EVENTS_MAX);
    let ui = Ui::open(settings.plain);
    watch_signals(sender.clone(), ui.is_screen())?;
    let mut swarm = Swarm::new(settings, run, ui, sender, events)?;
    swarm.begin()?;
    while swarm.supervisor.outcome().is_none() {
        swarm.turn();
    }
    Ok(swarm.finish())
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder)
        .map_err(|e| Error::Config(format!("cannot make the folder {}: {e}", folder.display())))
}

struct Swarm {
    settings: Settings,
    run: RunFolder,
    supervisor: ProcessSupervisor,
    processes: Processes,
    /// Why each process last ended.
    endings: Vec<Option<Exit>>,
    /// Of system-redis and market-redis.
    ports: [u16; 2],
    /// Where the console listens, unless the environment says it.
    console_port: Option<u16>,
    board: Board,
    poller: Option<Poller>,
    /// Sees when a bus lost its truth.
    lost_truth: Option<Periodic>,
    /// Follows the analyses of the demo.
    analyses: Option<Analyses>,
    ui: Ui,
    sender: Sender<Event>,
    events: Receiver<Event>,
    began: Mono,
    announced: bool,
    tells_nobody: bool,
}

impl Swarm {
    fn new(
        settings: Settings,
        run: RunFolder,
        ui: Ui,
        sender: Sender<Event>,
        events: Receiver<Event>,
    ) -> Result<Swarm, Error> {
        let logs = Logs::of(&settings.data)?;
        let specs = Spec::all(&settings);
        let mut board = Board::default();
        board.tells = Tells::Starts;
        board.adopt(&settings.truth);
        Ok(Swarm {
            supervisor: ProcessSupervisor::new(
                specs.iter().map(|spec| spec.role),
                settings.restarts,
            ),
            endings: vec![None; specs.len()],
            processes: Processes::new(specs, logs, ENV_WITHOUT),
            run,
            ports: [0, 0],
            console_port: None,
            board,
            poller: None,
            lost_truth: None,
            analyses: None,
            ui,
            sender,
            events,
            began: Mono::now(),
            announced: false,
            tells_nobody: false,
            settings,
        })
    }

    /// Clears up after an earlier run and settles where the buses are.
    fn begin(&mut self) -> Result<(), Error> {
        if let Some(note) = self.run.read() {
            let left = end_leftovers(&note);
            if !left.is_empty() {
                let text = format!("ended what a killed run left behind: {}", left.join(", "));
                self.tell(Tone::Odd, text);
            }
        }
        self.run.clear();
        self.run.release_all();
        if let Some(wish) = &self.settings.console {
            self.console_port = Some(wish.choose(&[])?);
        }
        for bus in [SYSTEM, MARKET] {
            self.settle_port(bus)?;
        }
        self.note();
        Ok(())
    }

    /// Chooses the port of a bus, and writes the command line and the environment that follow from it.
    fn settle_port(&mut self, bus: Id) -> Result<(), Error> {
        let wish = self.wish(bus);
        let other = if bus == SYSTEM { MARKET } else { SYSTEM };
        // What was asked for the other bus is its, though nobody listens there yet.
        let others = [self.ports[other], self.wish(other).asked.unwrap_or(0)];
        let port = wish.choose(&others)?;
        self.ports[bus] = port;
        let name = self.processes.specs[bus].name;
        if wish.asked.is_none() && port != wish.usual && !others.contains(&wish.usual) {
            let usual = wish.usual;
            let text =
                format!("port {usual} is taken by another program: {name} listens on {port}");
            self.tell(Tone::Odd, text);
        }
        let folder = self.settings.data.join(name);
        make_folder(&folder)?;
        self.processes.specs[bus].args = buses::arguments(port, &folder);
        let run = std::path::absolute(self.run.path())?;
        let state = std::path::absolute(self.settings.data.join("state"))?;
        make_folder(&state)?;
        self.processes.env = vec![
            ("SYSTEM_REDIS_URL", buses::url(self.ports[SYSTEM])),
            ("MARKET_REDIS_URL", buses::url(self.ports[MARKET])),
            ("RUN_DIR", run.to_string_lossy().into_owned()),
            ("STATE_DIR", state.to_string_lossy().into_owned()),
        ];
        let console = self
            .console_port
            .map(|port| ("CONSOLE_LISTEN", format!("127.0.0.1:{port}")));
        self.processes.env.extend(console);
        Ok(())
    }

    fn wish(&self, bus: Id) -> Wish {
        if bus == SYSTEM {
            self.settings.system
        } else {
            self.settings.market
        }
    }

    /// Waits for something to happen, and does what follows from it.
    fn turn(&mut self) {
        let now = Mono::now();
        match self.events.recv_deadline(self.next(now).instant()) {
            Ok(event) => {
                self.take(event);
                // What else is there belongs to the same moment.
                for _ in 0..EVENTS_MAX {
                    let Ok(event) = self.events.try_recv() else {
                        break;
                    };
                    self.take(event);
                }
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        for (id, exit) in self.processes.reap() {
            self.ended(id, exit);
        }
        self.ask_buses();
        let now = Mono::now();
        let held = |id: Id| self.run.is_held(self.processes.specs[id].name);
        for action in self.supervisor.step(now, held) {
            self.act(action);
        }
        if self.supervisor.all_started() && !self.announced {
            self.announce();
        }
        if self.ui.is_due(now) {
            self.draw();
        }
    }

    fn next(&self, now: Mono) -> Mono {
        let asks = self.supervisor.unanswered().next().is_some();
        let wishes = [
            asks.then(|| now + ASK_PERIOD),
            self.ui.next(now),
            self.supervisor.next(now),
        ];
        wishes
            .into_iter()
            .flatten()
            .fold(now + LOOK_PERIOD, Mono::min)
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Signal(SIGINT | SIGTERM | SIGHUP) => {
                let again = self.supervisor.is_ending();
                self.supervisor.stop(Mono::now());
                let text = if again {
                    "asked again: ending at once"
                } else {
                    "ending: the services, then both redis-servers"
                };
                self.tell(Tone::Plain, text.into());
            }
            Event::Signal(signal) => self.ui.obey(signal),
            // While everything ends, broken links are no news.
            Event::Seen(_) | Event::Analysed(_) | Event::LostTruth(..)
                if self.supervisor.is_ending() => {}
            Event::LostTruth(bus, in_force) => self.seed_again(bus, in_force),
            Event::Analysed(text) => self.tell(Tone::Plain, text),
            Event::Seen(seen) => {
                for news in self.board.see(seen, Moment::now()) {
                    self.ui.print(&news);
                }
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Start(id) => match self.processes.start(id) {
                Ok(pid) => {
                    self.supervisor.started(id, Mono::now());
                    let name = self.processes.specs[id].name;
                    let times = match self.supervisor.deaths(id) {
                        0 => "started",
                        _ => "started again",
                    };
                    self.tell(Tone::Dim, format!("{name}: {times}, process {pid}"));
                    self.note();
                }
                Err(error) => self.ended(id, Exit::unknown(error)),
            },
            Action::End(id) => self.processes.end(id),
            Action::Kill(id) => {
                let name = self.processes.specs[id].name;
                self.tell(Tone::Odd, format!("{name}: does not end, killed"));
                self.processes.kill(id);
            }
        }
    }

    fn ended(&mut self, id: Id, exit: Exit) {
        let name = self.processes.specs[id].name;
        let now = Mono::now();
        let was_ending = self.supervisor.is_ending();
        if !was_ending {
            self.processes.logs.settle(name);
        }
        let answered = !self.supervisor.unanswered().any(|bus| bus == id);
        let held = self.run.is_held(name);
        self.supervisor.ended(id, exit.well, &exit.how, held, now);
        self.endings[id] = Some(exit.clone());
        self.note();
        if was_ending {
            return;
        }
        let role = self.processes.specs[id].role;
        match role {
            Role::Seed if exit.well => {
                let file = self.processes.specs[SEED].args[1].clone();
                let text = format!("bootstrap: {file} is on both buses");
                self.tell(Tone::Dim, text);
                if self.poller.is_none() {
                    // Before the services start, so that no first beat is missed.
                    self.start_poller();
                }
            }
            _ => {
                let next = what_next(self.supervisor.state(id), self.supervisor.is_ending(), now);
                let words = self.last_words(name, &exit);
                self.tell(
                    Tone::Bad,
                    format!("{name} ended: {}{words}{next}", exit.how),
                );
            }
        }
        let taken = role == Role::Bus && !answered && !self.supervisor.is_running();
        if taken && self.wish(id).is_flexible() {
            // Its port may have gone to somebody else between our look and its start.
            if let Err(error) = self.settle_port(id) {
                self.supervisor.fail(error.to_string(), now);
            }
        }
    }

    /// What a process that failed said last, for a line of ours; it need not be text.
    fn last_words(&self, name: &str, exit: &Exit) -> String {
        let lines = self.processes.logs.tail(name, last_words::MAX_LINES);
        match last_words(&lines) {
            Some(words) if !exit.well => format!(" ({})", SafeText::cut(&words, TEXT_MAX_BYTES)),
            _ => String::new(),
        }
    }

    /// Asks the buses that have not answered since their start; a stranger's answer does not count.
    fn ask_buses(&mut self) {
        let unanswered: Vec<Id> = self.supervisor.unanswered().collect();
        for bus in unanswered {
            let answers = buses::pid_behind(self.ports[bus]);
            if answers.is_some() && answers == self.processes.pid(bus) {
                self.supervisor.answered(bus);
                let name = self.processes.specs[bus].name;
                let port = self.ports[bus];
                self.tell(Tone::Dim, format!("{name}: answers on 127.0.0.1:{port}"));
            }
        }
    }

    /// Leaves the note for scripts, and for the next run.
    fn note(&self) {
        let [system_port, market_port] = self.ports;
        let (children, redis) = self.processes.running();
        let note = UpNote::of_this_process(system_port, market_port, children, redis);
        // A full disk is no reason to end the swarm.
        let _ = self.run.write(&note);
    }
}
