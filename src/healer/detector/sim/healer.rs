//! A healer's edges, played: link, echoes, lease, ledger; and the process that crashes and stands still.

use std::collections::VecDeque;

use super::super::{AlertRef, Change, Detector, Now, Output, Record, Spec, Transition};
use super::redis::{Answer, Client, Command, Deed, Said, Store};
use super::world::Watching;
use crate::clock::Mono;
use crate::healer::ledger::Lease;

/// Something that reaches a healer; while it stands still, it waits.
#[derive(Clone, Debug)]
pub enum Input {
    Frame {
        link: u32,
        svc: usize,
        payload: String,
    },
    Echo {
        link: u32,
        seq: u64,
    },
    Proven {
        link: u32,
        svcs: Vec<usize>,
    },
    LinkLost {
        link: u32,
    },
    Checked,
    Lease(Lease),
    Answer {
        connection: u32,
        id: String,
        answer: Answer,
    },
    /// The loop's timer.
    Wake,
    Truth,
}

#[derive(Debug)]
pub struct Healer {
    pub number: usize,
    pub boot: u32,
    pub alive: bool,
    pub stopped: bool,
    pub inbox: VecDeque<Input>,
    pub detector: Detector,
    /// The link in use; zero while there is none.
    pub link: u32,
    /// Services subscribed on it.
    pub heard: Vec<bool>,
    /// It looks fine and brings nothing.
    pub half_open: bool,
    /// Nothing may overtake on the way to the healer: the time of the last delivery.
    pub delivered: u64,
    pub speaking: bool,
    /// The last attempt at the lease is not answered yet.
    asked_lease: bool,
    /// An attempt was never answered: it may have taken the lease.
    lease_unsure: bool,
    pub connection: u32,
    /// Told and not answered, with the time of sending.
    pub unanswered: VecDeque<(u64, Deed)>,
    /// Number of the timer that counts; the others are void.
    pub timer: u64,
}

/// What a healer wants of the world after an input.
#[derive(Debug)]
pub enum Wish {
    Send(Client, Command),
    Reconnect,
    Connect,
}

impl Healer {
    pub fn new(number: usize) -> Healer {
        Healer {
            number,
            boot: 0,
            alive: false,
            stopped: false,
            inbox: VecDeque::new(),
            detector: Detector::new(Mono(0)),
            link: 0,
            heard: Vec::new(),
            half_open: false,
            delivered: 0,
            speaking: false,
            asked_lease: false,
            lease_unsure: false,
            connection: 0,
            unanswered: VecDeque::new(),
            timer: 0,
        }
    }

    pub fn inst(&self) -> String {
        inst(self.number, self.boot)
    }

    /// Starts the process.
    pub fn start(&mut self, now: Now, truth: &[Watching]) {
        *self = Healer {
            boot: self.boot + 1,
            alive: true,
            timer: self.timer,
            detector: Detector::new(now.mono),
            ..Healer::new(self.number)
        };
        self.read_truth(truth);
    }

    pub fn read_truth(&mut self, truth: &[Watching]) {
        self.detector.begin_reload();
        for (svc, watching) in truth.iter().enumerate().filter(|(_, w)| w.watched) {
            let (name, channel) = (name(svc), channel(svc));
            self.detector.watch(&Spec {
                svc: &name,
                channel: &channel,
                timeout_ms: watching.timeout_ms,
                interval_ms: watching.interval_ms,
            });
        }
        while !self.detector.sweep(3, &mut Vec::new()) {}
    }

    /// Takes one input; what follows from it is added to `wishes`.
    pub fn take(
        &mut self,
        input: Input,
        now: Now,
        store: &Store,
        truth: &[Watching],
        wishes: &mut Vec<Wish>,
    ) {
        match input {
            Input::Frame { link, svc, payload } if link == self.link => {
                self.detector.sign(now.mono);
                self.detector
                    .frame(channel(svc).as_bytes(), payload.as_bytes(), now);
            }
            Input::Echo { link, seq } if link == self.link => {
                self.detector.sign(now.mono);
                self.detector.echo_returned(seq, now);
            }
            Input::Proven { link, svcs } if link == self.link => {
                for svc in svcs {
                    self.detector.confirmed(channel(svc).as_bytes(), now);
                }
                self.detector.proven(now);
            }
            Input::LinkLost { link } if link == self.link => {
                self.link = 0;
                self.detector.link_lost(now);
                wishes.push(Wish::Connect);
            }
            Input::Checked => self.detector.server_checked(now),
            Input::Lease(lease) => {
                self.asked_lease = false;
                let unsure = std::mem::take(&mut self.lease_unsure);
                match lease {
                    Lease::Others => self.speaking = false,
                    Lease::Kept if self.speaking && !unsure => {}
                    Lease::Kept | Lease::Taken => self.take_over(now, store, truth),
                }
            }
            Input::Answer {
                connection,
                id,
                answer,
            } if connection == self.connection => {
                self.answered(&id, answer, now, store);
            }
            Input::Wake => self.detector.tick(now),
            Input::Truth => self.read_truth(truth),
            // Of a link or connection that is gone.
            Input::Frame { .. }
            | Input::Echo { .. }
            | Input::Proven { .. }
            | Input::LinkLost { .. }
            | Input::Answer { .. } => {}
        }
        self.act(now, wishes);
    }

    fn act(&mut self, now: Now, wishes: &mut Vec<Wish>) {
        if let Some(echo) = self.detector.take_echo() {
            let command = Command::Echo {
                link: self.link,
                seq: echo.seq,
            };
            wishes.push(Wish::Send(self.echo_client(), command));
        }
        let mut outputs = Vec::new();
        self.detector.take_outputs(&mut outputs);
        for output in outputs {
            match output {
                Output::Reconnect => wishes.push(Wish::Reconnect),
                Output::CheckServer => wishes.push(Wish::Send(self.echo_client(), Command::Check)),
                Output::Bus(_) | Output::Malformed { .. } => {}
            }
        }
        let mut transitions = Vec::new();
        self.detector.take_transitions(&mut transitions);
        if !self.speaking {
            return;
        }
        for transition in transitions {
            if let Some(deed) = self.deed(&transition) {
                self.unanswered.push_back((now.mono.0, deed.clone()));
                wishes.push(Wish::Send(self.tell_client(), Command::Tell(deed)));
            }
        }
    }

    /// Each second: renews the lease, and asks again for what was not answered.
    pub fn renew(&mut self, now: u64, wishes: &mut Vec<Wish>) {
        if self
            .unanswered
            .front()
            .is_some_and(|(sent, _)| now > sent + 2_000_000)
        {
            self.connection += 1;
            let client = self.tell_client();
            for (sent, deed) in &mut self.unanswered {
                *sent = now;
                wishes.push(Wish::Send(client, Command::Tell(deed.clone())));
            }
        }
        self.lease_unsure |= std::mem::replace(&mut self.asked_lease, true);
        wishes.push(Wish::Send(self.tell_client(), Command::Hold));
    }

    fn take_over(&mut self, now: Now, store: &Store, truth: &[Watching]) {
        // What was judged so far is in the detector's state, and compared with the store here.
        self.detector.take_transitions(&mut Vec::new());
        self.unanswered.clear();
        self.speaking = true;
        for svc in (0..truth.len()).filter(|svc| truth[*svc].watched) {
            self.seed(svc, now, store);
        }
    }

    fn seed(&mut self, svc: usize, now: Now, store: &Store) {
        let found = store.health.get(&svc);
        let record = Record {
            status: found.map(|deed| deed.status),
            alert_id: found.map(|deed| deed.id.as_str()),
            flapping: found.map_or_else(Vec::new, |deed| deed.flapping.clone()),
            ..Record::default()
        };
        self.detector.seed(&name(svc), &record, now);
    }

    fn answered(&mut self, id: &str, answer: Answer, now: Now, store: &Store) {
        let Some(at) = self.unanswered.iter().position(|(_, deed)| deed.id == id) else {
            return;
        };
        let Some((_, deed)) = self.unanswered.remove(at) else {
            return;
        };
        match answer {
            Answer::Done => {}
            Answer::Fenced => {
                self.speaking = false;
                self.unanswered.clear();
            }
            Answer::Conflict => self.seed(deed.svc, now, store),
        }
    }

    fn deed(&self, transition: &Transition) -> Option<Deed> {
        let id = |number: u32| format!("{}-{number}", self.inst());
        Some(Deed {
            svc: transition.service.svc.strip_prefix('s')?.parse().ok()?,
            previous: match &transition.previous {
                AlertRef::None => String::new(),
                AlertRef::Own(number) => id(*number),
                AlertRef::Foreign(id) => id.to_string(),
            },
            id: id(transition.alert?),
            said: match transition.change {
                Change::Missed { .. } => Said::Missed,
                Change::Recovered { .. } => Said::Ok,
                Change::Flapping(_) => Said::Flapping,
                Change::Steady(_) => Said::Steady,
                _ => Said::Other,
            },
            status: transition.service.status,
            flapping: transition.service.flapping.clone(),
            judged_at: transition.at.0,
        })
    }

    pub fn echo_client(&self) -> Client {
        Client::Echo {
            healer: self.number,
            boot: self.boot,
        }
    }

    pub fn tell_client(&self) -> Client {
        Client::Tell {
            healer: self.number,
            boot: self.boot,
            connection: self.connection,
        }
    }
}

pub fn inst(number: usize, boot: u32) -> String {
    format!("h{number}b{boot}")
}

pub fn name(svc: usize) -> String {
    format!("s{svc}")
}

pub fn channel(svc: usize) -> String {
    format!("s{svc}:heartbeat")
}
