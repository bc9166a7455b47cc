//! Who runs, who is started again and when, and how it all ends. Pure: told what happened, it answers with what to do.

use std::time::Duration;

use crate::clock::Mono;

/// Pause before a process that died is started again: doubles with each death.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A process that ran this long ran well: its next death is its first.
const RAN_WELL: Duration = Duration::from_secs(60);
/// Deaths of a bus before it ever answered, after which the start is given up.
const BUS_ATTEMPTS: u32 = 5;
/// How long services may take to end before they are killed.
const SERVICE_GRACE: Duration = Duration::from_millis(1500);
/// Likewise the redis-servers, which write their data meanwhile. Both together stay under 3 s.
const BUS_GRACE: Duration = Duration::from_millis(1000);
/// The same once the user has asked twice.
const HURRIED_GRACE: Duration = Duration::from_millis(300);
/// By how much a watcher starts earlier than those it watches.
const HEAD_START: Duration = Duration::from_millis(300);
/// How often to look whether a held service was released.
const HOLD_PERIOD: Duration = Duration::from_millis(100);

/// What a process is to the swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A redis-server: started first, ended last.
    Bus,
    /// Runs once, when the buses answer; the services wait for it.
    Seed,
    /// A service that watches the others: they start a moment later, so that it hears their first beat.
    Watcher,
    Service,
}

impl Role {
    /// Whether a user may keep it down.
    fn may_be_held(self) -> bool {
        matches!(self, Role::Watcher | Role::Service)
    }
}

/// A process by its place in the list the supervisor was made with.
pub(super) type Id = usize;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Start(Id),
    /// Ask it to end (and wake it, if it was stopped).
    End(Id),
    Kill(Id),
}

/// Where a process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its turn has not come.
    Idle,
    /// To be started at this moment.
    Due(Mono),
    Running {
        since: Mono,
        /// For a bus: it has answered.
        ready: bool,
    },
    /// Dead, and a user keeps it so.
    Held,
    /// Done, or dead and left so.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Buses,
    Seed,
    Services,
    EndServices { until: Mono },
    EndBuses { until: Mono },
    Over,
}

struct Process {
    role: Role,
    state: State,
    /// Before the next start.
    pause: Duration,
    /// Deaths so far.
    deaths: u32,
    /// At the end: asked to end, and killed because it did not.
    asked: bool,
    killed: bool,
}

/// The plan of one run of the swarm.
pub(super) struct ProcessSupervisor {
    processes: Vec<Process>,
    stage: Stage,
    restarts: bool,
    hurried: bool,
    /// A bus lost its data while the seed ran.
    seeds_again: bool,
    failed: Option<String>,
}

impl ProcessSupervisor {
    /// `restarts`: services that die are started again. Buses always are.
    pub(super) fn new(roles: impl IntoIterator<Item = Role>, restarts: bool) -> ProcessSupervisor {
        let processes = roles.into_iter().map(|role| Process {
            role,
            state: match role {
                Role::Bus => State::Due(Mono(0)),
                Role::Seed | Role::Watcher | Role::Service => State::Idle,
            },
            pause: PAUSE_FIRST,
            deaths: 0,
            asked: false,
            killed: false,
        });
        ProcessSupervisor {
            processes: processes.collect(),
            stage: Stage::Buses,
            restarts,
            hurried: false,
            seeds_again: false,
            failed: None,
        }
    }

    pub(super) fn state(&self, id: Id) -> State {
        self.processes[id].state
    }

    pub(super) fn deaths(&self, id: Id) -> u32 {
        self.processes[id].deaths
    }

    /// Whether the services have been let loose.
    pub(super) fn is_running(&self) -> bool {
        self.stage == Stage::Services
    }

    /// Whether every service has had its start.
    pub(super) fn all_started(&self) -> bool {
        let waits = |p: &Process| match p.state {
            State::Idle => true,
            State::Due(_) => p.deaths == 0,
            State::Running { .. } | State::Held | State::Over => false,
        };
        self.stage == Stage::Services && !self.processes.iter().any(waits)
    }

    /// Whether the end has begun.
    pub(super) fn is_ending(&self) -> bool {
        matches!(
            self.stage,
            Stage::EndServices { .. } | Stage::EndBuses { .. } | Stage::Over
        )
    }

    /// Whether nothing runs any more; then why, if it was not the user's wish.
    pub(super) fn outcome(&self) -> Option<Result<(), &str>> {
        (self.stage == Stage::Over).then(|| self.failed.as_deref().map_or(Ok(()), Err))
    }

    /// A bus that runs and has not answered yet: worth asking.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = Id> + '_ {
        let processes = self.processes.iter().enumerate();
        let silent = |p: &Process| {
            p.role == Role::Bus && matches!(p.state, State::Running { ready: false, .. })
        };
        processes.filter(move |(_, p)| silent(p)).map(|(id, _)| id)
    }

    /// Process `id` runs.
    pub(super) fn started(&mut self, id: Id, now: Mono) {
        self.processes[id].state = State::Running {
            since: now,
            ready: false,
        };
    }

    /// Bus `id` answers.
    pub(super) fn answered(&mut self, id: Id) {
        if let State::Running { ready, .. } = &mut self.processes[id].state {
            *ready = true;
        }
    }

    /// Process `id` ended, or could not be started. `held`: a user keeps it down.
    pub(super) fn ended(&mut self, id: Id, well: bool, how: &str, held: bool, now: Mono) {
        let ending = self.is_ending();
        let process = &mut self.processes[id];
        let was = std::mem::replace(&mut process.state, State::Over);
        match process.role {
            _ if ending => {}
            Role::Seed if well => {
                self.stage = Stage::Services;
                if std::mem::take(&mut self.seeds_again) {
                    process.state = State::Due(now);
                }
            }
            Role::Seed if self.stage == Stage::Services => {
                // Seeded again, in vain: the services live on what they know.
                process.state = State::Due(now + process.pause);
                process.pause = (process.pause * 2).min(PAUSE_MAX);
            }
            Role::Seed => self.fail(format!("bootstrap failed: {how}"), now),
            Role::Watcher | Role::Service if held => {
                process.deaths += 1;
                process.state = State::Held;
            }
            Role::Watcher | Role::Service if !self.restarts => process.deaths += 1,
            Role::Watcher | Role::Service | Role::Bus => {
                process.deaths += 1;
                if let State::Running { since, .. } = was
                    && now.since(since) >= RAN_WELL
                {
                    process.pause = PAUSE_FIRST;
                }
                process.state = State::Due(now + process.pause);
                process.pause = (process.pause * 2).min(PAUSE_MAX);
                let deaths = process.deaths;
                if process.role == Role::Bus && self.stage == Stage::Buses && deaths >= BUS_ATTEMPTS
                {
                    self.fail(
                        format!("a redis-server died {deaths} times in a row: {how}"),
                        now,
                    );
                }
            }
        }
    }

    /// A bus lost what the seed wrote there: it runs again, unless it is about to.
    pub(super) fn seed_again(&mut self, now: Mono) {
        if self.stage != Stage::Services {
            return;
        }
        for seed in self.processes.iter_mut().filter(|p| p.role == Role::Seed) {
            match seed.state {
                State::Over => (seed.pause, seed.state) = (PAUSE_FIRST, State::Due(now)),
                // It may have been there already.
                State::Running { .. } => self.seeds_again = true,
                State::Idle | State::Due(_) | State::Held => {}
            }
        }
    }

    /// The user wants it to end. Asked twice: at once.
    pub(super) fn stop(&mut self, now: Mono) {
        if !self.is_ending() {
            self.stage = Stage::EndServices {
                until: now + SERVICE_GRACE,
            };
            return;
        }
        self.hurried = true;
        match &mut self.stage {
            Stage::EndServices { until } => *until = now,
            Stage::EndBuses { until } => *until = (*until).min(now + HURRIED_GRACE),
            _ => {}
        }
    }

    /// Ends it for a reason that is not the user's wish.
    pub(super) fn fail(&mut self, why: String, now: Mono) {
        self.failed.get_or_insert(why);
        if !self.is_ending() {
            self.stop(now);
        }
    }

    /// What is to be done at `now`.
    pub(super) fn step(&mut self, now: Mono, is_held: impl Fn(Id) -> bool) -> Vec<Action> {
        let mut actions = Vec::new();
        self.advance(now, &mut actions);
        if self.is_ending() {
            return actions;
        }
        for (id, process) in self.processes.iter_mut().enumerate() {
            match process.state {
                State::Due(at) if process.role.may_be_held() && at <= now && is_held(id) => {
                    process.state = State::Held;
                }
                State::Due(at) if at <= now => actions.push(Action::Start(id)),
                State::Held if !is_held(id) => {
                    // Whoever held it knows why it died.
                    process.pause = PAUSE_FIRST;
                    process.state = State::Due(now);
                    actions.push(Action::Start(id));
                }
                _ => {}
            }
        }
        actions
    }

    /// When to look again, unless something happens before.
    pub(super) fn next(&self, now: Mono) -> Option<Mono> {
        if let Stage::EndServices { until } | Stage::EndBuses { until } = self.stage {
            return Some(until.max(now + Duration::from_millis(20)));
        }
        let of_process = self.processes.iter().filter_map(|p| match p.state {
            State::Due(at) => Some(at),
            State::Held => Some(now + HOLD_PERIOD),
            _ => None,
        });
        of_process.min()
    }

    /// Goes on to the next stage when this one is done.
    fn advance(&mut self, now: Mono, actions: &mut Vec<Action>) {
        match self.stage {
            Stage::Buses if self.buses_answer() => {
                self.stage = Stage::Seed;
                self.call(Role::Seed, now);
            }
            Stage::Services => {
                let watched = self.processes.iter().any(|p| p.role == Role::Watcher);
                self.call(Role::Watcher, now);
                self.call(
                    Role::Service,
                    now + if watched { HEAD_START } else { Duration::ZERO },
                );
            }
            Stage::EndServices { until } => {
                if self.end(until, now, actions, |role| role != Role::Bus) {
                    let grace = if self.hurried {
                        HURRIED_GRACE
                    } else {
                        BUS_GRACE
                    };
                    self.stage = Stage::EndBuses { until: now + grace };
                    self.advance(now, actions);
                }
            }
            Stage::EndBuses { until } => {
                if self.end(until, now, actions, |role| role == Role::Bus) {
                    self.stage = Stage::Over;
                }
            }
            Stage::Buses | Stage::Seed | Stage::Over => {}
        }
    }

    /// The turn of those that have not had one.
    fn call(&mut self, role: Role, at: Mono) {
        for process in &mut self.processes {
            if process.role == role && process.state == State::Idle {
                process.state = State::Due(at);
            }
        }
    }

    /// Asks those of `which` role that still run to end, kills them when they are late; whether none is left.
    fn end(
        &mut self,
        until: Mono,
        now: Mono,
        actions: &mut Vec<Action>,
        which: impl Fn(Role) -> bool,
    ) -> bool {
        let mut gone = true;
        for (id, process) in self.processes.iter_mut().enumerate() {
            if !which(process.role) || !matches!(process.state, State::Running { .. }) {
                continue;
            }
            gone = false;
            if !std::mem::replace(&mut process.asked, true) {
                actions.push(Action::End(id));
            }
            if now >= until && !std::mem::replace(&mut process.killed, true) {
                actions.push(Action::Kill(id));
            }
        }
        gone
    }

    fn buses_answer(&self) -> bool {
        let mut buses = self.processes.iter().filter(|p| p.role == Role::Bus);
        buses.all(|p| matches!(p.state, State::Running { ready: true, .. }))
    }
}

#[cfg(test)]
mod tests;
