//! A healer's edges, played: link, echoes, the commands of its writer; and the process that crashes and stands still.

mod writing;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::super::{Detector, Output, Spec, Transition, Watched};
use super::redis::{Client, Command};
use super::store::Answer;
use super::truth::{Watching, channel, inst, name, number_of};
use crate::clock::{Mono, Now};
use crate::watch::alert_encoder::AlertEncoder;
use crate::watch::writer::command::Meeting;
use crate::watch::writer::{self, Writer};

/// Deaths that wait for the writer before no more are told.
const TOLD_AT_ONCE: usize = 2;
/// When no more may be told, that is looked at again after this.
const ROOM_WAIT: Duration = Duration::from_millis(5);

/// Something that reaches a healer; while it stands still, it waits.
#[derive(Clone, Debug)]
pub enum Input {
    Frame {
        link: u32,
        channel: usize,
        payload: String,
    },
    Echo {
        link: u32,
        seq: u64,
    },
    Proven {
        link: u32,
        channels: Vec<usize>,
    },
    LinkLost {
        link: u32,
    },
    Checked,
    /// The answer to the writer's question of that number; none where the connection broke.
    Answer {
        question: u64,
        answer: Option<Box<Answer>>,
    },
    /// The loop's timer.
    Wake,
    /// The writer's.
    Write,
    Truth,
}

pub struct Healer {
    pub number: usize,
    pub boot: u32,
    pub alive: bool,
    pub stopped: bool,
    pub inbox: VecDeque<Input>,
    pub detector: Detector,
    /// The link in use; zero while there is none.
    pub link: u32,
    /// Channels subscribed on it.
    pub heard: BTreeSet<usize>,
    /// What goes out over a connection stays in order: the time at which the last of it arrives.
    pub arrivals: BTreeMap<Client, u64>,
    /// What comes back over another connection than the link, likewise.
    pub replied: u64,
    /// It looks fine and brings nothing.
    pub half_open: bool,
    /// Nothing may overtake on the way to the healer: the time of the last delivery.
    pub delivered: u64,
    pub writer: Writer,
    pub encoder: AlertEncoder,
    pub connection: u32,
    /// That connection is gone, and with it whatever was asked.
    pub connection_lost: bool,
    /// The question that is not answered.
    asked: Option<writing::Asked>,
    questions: u64,
    /// Decided, and not taken by the writer.
    decided: VecDeque<Transition>,
    /// When what it takes was judged, by the ids of alerts.
    judged: BTreeMap<String, u64>,
    /// What the other healers say of themselves.
    pub words: Vec<(String, Vec<u8>)>,
    /// When the writer is to be woken.
    pub writes_at: u64,
    /// Number of the timer of the writer that counts.
    pub writing: u64,
    /// Servers of the store met so far, by the life of the last.
    servers: u32,
    /// Number of the timer that counts; the others are void.
    pub timer: u64,
}

/// What a healer wants of the world after an input.
#[derive(Debug)]
pub enum Wish {
    Send(Client, Command),
    Reconnect,
    Connect,
    /// A word for the other healers.
    NotificationKind(String),
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
            heard: BTreeSet::new(),
            arrivals: BTreeMap::new(),
            replied: 0,
            half_open: false,
            delivered: 0,
            writer: Writer::new(encoder(number, 0), Now::default()),
            encoder: encoder(number, 0),
            connection: 0,
            connection_lost: false,
            asked: None,
            questions: 0,
            decided: VecDeque::new(),
            judged: BTreeMap::new(),
            words: Vec::new(),
            writes_at: u64::MAX,
            writing: 0,
            servers: 0,
            timer: 0,
        }
    }

    pub fn inst(&self) -> String {
        inst(self.number, self.boot)
    }

    /// Starts the process.
    pub fn start(&mut self, now: Now, truth: &[Watching]) {
        let encoder = encoder(self.number, self.boot + 1);
        *self = Healer {
            boot: self.boot + 1,
            alive: true,
            timer: self.timer,
            writing: self.writing,
            // An answer to a question of an earlier boot answers none of this.
            questions: self.questions,
            detector: Detector::new(now.mono),
            writer: Writer::new(encoder.clone(), now),
            encoder,
            ..Healer::new(self.number)
        };
        let wishes = &mut Vec::new();
        self.read_truth(now, truth, wishes);
        self.tell_writer(writer::Input::Watched { is_new: true }, now, wishes);
    }

    /// Watches whom `truth` names; what is to be subscribed and let go of is added to `wishes`, as for a subscriber.
    fn read_truth(&mut self, now: Now, truth: &[Watching], wishes: &mut Vec<Wish>) {
        let (mut added, mut removed, mut met) = (Vec::new(), Vec::new(), Vec::new());
        self.detector.begin_reload(now.mono);
        for (svc, watching) in truth.iter().enumerate().filter(|(_, w)| w.watched) {
            let watched = self.detector.watch(&Spec {
                svc: &name(svc),
                channel: &channel(watching.channel),
                timeout_ms: watching.timeout_ms,
                interval_ms: watching.interval_ms,
            });
            if let Watched::Moved { from } = &watched {
                removed.extend(from.iter().map(|from| number_of(from)));
            }
            if watched == Watched::Added {
                met.push(name(svc).into());
            }
            if watched != Watched::Already {
                added.push(watching.channel);
            }
        }
        let mut dropped = Vec::new();
        while !self.detector.sweep(3, &mut dropped) {}
        let gone: Vec<Box<str>> = dropped.iter().map(|gone| gone.svc.clone()).collect();
        if !gone.is_empty() {
            self.tell_writer(writer::Input::Forget(gone), now, wishes);
        }
        if !met.is_empty() {
            let meeting = Meeting {
                watch: self.encoder.series,
                names: met,
                are_named_anew: true,
            };
            self.tell_writer(writer::Input::Met(meeting), now, wishes);
        }
        let left = dropped
            .iter()
            .filter_map(|service| service.channel.as_deref());
        removed.extend(left.map(number_of));
        removed.retain(|&old| !self.detector.has_channel(channel(old).as_bytes()));
        if self.link != 0 {
            let link = self.link;
            let command = Command::Subscribe {
                link,
                added,
                removed,
            };
            wishes.push(Wish::Send(self.link_client(), command));
        }
    }

    /// Every channel that is to be subscribed.
    pub fn channels(&self) -> BTreeSet<usize> {
        let mut channels = BTreeSet::new();
        self.detector.channels(0, |channel| {
            channels.insert(number_of(channel));
            true
        });
        channels
    }

    /// Takes one input; what follows from it is added to `wishes`.
    pub fn take(&mut self, input: Input, now: Now, truth: &[Watching], wishes: &mut Vec<Wish>) {
        match input {
            Input::Frame {
                link,
                channel: from,
                payload,
            } if link == self.link => {
                self.detector.activity(now.mono);
                self.detector
                    .frame(channel(from).as_bytes(), payload.as_bytes(), now);
            }
            Input::Echo { link, seq } if link == self.link => {
                self.detector.activity(now.mono);
                self.detector.echo_returned(seq, now, self.room());
            }
            Input::Proven { link, channels } if link == self.link => {
                for confirmed in channels {
                    self.detector.confirmed(channel(confirmed).as_bytes(), now);
                }
                self.detector.proven(now);
            }
            Input::LinkLost { link } if link == self.link => {
                self.link = 0;
                self.detector.link_lost(now);
                wishes.push(Wish::Connect);
            }
            Input::Checked => self.detector.server_checked(now),
            Input::Answer { question, answer } => self.answered(question, answer, now, wishes),
            Input::Write => {}
            Input::Wake => self.detector.tick(now, self.room()),
            Input::Truth => self.read_truth(now, truth, wishes),
            // Of a link or connection that is gone.
            Input::Frame { .. }
            | Input::Echo { .. }
            | Input::Proven { .. }
            | Input::LinkLost { .. } => {}
        }
        self.act(now, wishes);
    }

    /// How many deaths it may tell: few, so that some have to wait.
    fn room(&self) -> usize {
        TOLD_AT_ONCE.saturating_sub(self.decided.len())
    }

    /// When the loop is to look at the detector again; not at once while deaths wait for room.
    pub fn wakes_at(&self, now: Mono) -> Mono {
        let wake = self.detector.next_wakeup().min(self.detector.promised);
        match self.room() {
            0 => wake.max(now + ROOM_WAIT),
            _ => wake,
        }
    }

    fn act(&mut self, now: Now, wishes: &mut Vec<Wish>) {
        while let Some(echo) = self.detector.take_echo() {
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
        let is_news = self.lay_down();
        self.write(now, is_news, wishes);
    }

    pub fn echo_client(&self) -> Client {
        Client::Echo {
            healer: self.number,
            boot: self.boot,
        }
    }

    pub fn link_client(&self) -> Client {
        Client::Link {
            healer: self.number,
            boot: self.boot,
            link: self.link,
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

fn encoder(number: usize, boot: u32) -> AlertEncoder {
    AlertEncoder::of_healer(&inst(number, boot), "host", None)
}
