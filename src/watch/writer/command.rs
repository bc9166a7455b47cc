//! What the writer has carried out, and what it is answered.

use std::collections::HashSet;

use log::Level;

use super::bus_states::Found;
use super::rate_limiter::Slice;
use crate::bus::BusError;
use crate::bus::lease::{Answered, Ask};
use crate::contract::{Alert, BusHealth, Health};
use crate::watch::alert_store::{AlertEntry, Told};

/// One thing to be carried out. Of those that a step returns only the last may be a question, and none is asked before
/// the one before it was answered.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Command {
    /// Does the store answer? [`Reply::Pong`].
    Ping,
    /// [`Reply::Lease`].
    AskLease(Ask),
    /// Who holds the lease? [`Reply::Holder`].
    AskHolder,
    /// What did other healers say among their echoes? [`Reply::Heard`].
    Listen,
    /// Have the detectors take in what the store says of services. [`Reply::Records`].
    Records(Records),
    /// What was decided since? [`Reply::Collected`].
    Collect,
    /// Tell the first so many of [`Writer::owed`](super::Writer::owed). [`Reply::Told`].
    Tell { count: usize },
    /// An alert that no health key shows. [`Reply::Noted`].
    Note { alert: Box<Alert>, published: bool },
    /// Publish without writing. [`Reply::Published`].
    Publish(Vec<Alert>),
    /// Set snapshots. [`Reply::Refreshed`].
    Refresh(Vec<Health>),
    /// Drop health keys. [`Reply::Forgotten`].
    Forget(Vec<Box<str>>),
    /// What does the store say of these? [`Reply::Found`].
    Read(Vec<Box<str>>),
    /// How much is there to be refreshed? [`Reply::Census`].
    Census,
    /// Which snapshots are due, of so many? [`Reply::Snapshots`].
    Snapshots(Slice),
    /// How are the buses? [`Reply::Buses`].
    Buses,
    /// Set the records of all buses. [`Reply::BusesSet`].
    SetBuses(Vec<BusHealth>),
    /// Note of which buses the speaker is sure at `now_ts`, and since when. [`Reply::Judged`].
    SetJudged {
        sure: Vec<(String, i64)>,
        now_ts: i64,
    },
    /// May every key be written, by all that is called? [`Reply::Rights`].
    CheckRights,
    /// Which right is missing? [`Reply::Explained`].
    Explain(BusError),

    /// A word among the own echoes, for other healers.
    SayWord(String),
    /// Other healers need not be listened to any more.
    Deafen,
    /// This healer speaks from now on.
    Speak,
    /// It does not any more.
    FallSilent,
    /// It stands by, and is ready.
    StandBy,
    /// What was decided so far is void.
    Discard,
    /// Nothing is judged on the bus that carries the store, or all is again.
    CutOff(bool),
    /// Drop the records of the buses.
    DropBuses,
    /// A message for readers of the store on the own echo channel.
    SayOnBus(String),
    /// People must hear of it past the log.
    TellPeople(Box<Alert>),
    /// People are to be told this, in these words.
    TellWords(String),
    /// Log this.
    Log(Level, String),
    /// These alerts stand in the log now.
    Written(Vec<Alert>),
    /// Beat, though mute: this healer is alone and waits; or do not.
    BeatMute(bool),
    /// Log this alert, in words for people.
    LogAlert(Box<Alert>),
}

impl Command {
    /// Whether it is answered, with one [`Reply`].
    pub fn is_question(&self) -> bool {
        use Command::*;
        !matches!(
            self,
            SayWord(_)
                | Deafen
                | Speak
                | FallSilent
                | StandBy
                | Discard
                | CutOff(_)
                | DropBuses
                | SayOnBus(_)
                | TellPeople(_)
                | TellWords(_)
                | Log(..)
                | Written(_)
                | BeatMute(_)
                | LogAlert(_)
        )
    }

    /// Whether it is written in the name of the lease: the store refuses it from everybody but its holder.
    pub fn is_fenced(&self) -> bool {
        use Command::*;
        matches!(
            self,
            Tell { .. } | Note { .. } | Refresh(_) | Forget(_) | SetBuses(_) | SetJudged { .. }
        )
    }
}

/// Which records are to be taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// Of which services.
    pub whose: Whose,
    /// They count whatever their age.
    pub settles: bool,
    /// Whether this one speaks: then a record that is missing, or older than its own last word, is one of before.
    pub spoke: bool,
    /// Services of which something is owed to the store.
    pub owed: HashSet<String>,
    /// Services that truth did not name until now. With that ended what people were told before: a death that the record
    /// knows is told again, or it would go unnoticed.
    pub named_anew: HashSet<Box<str>>,
}

/// Of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Everybody who is watched.
    All,
    /// These services, by the watch that they are new on.
    Met(Vec<Meeting>),
    /// Services that somebody else has spoken about, with the bus that they beat on.
    Spoken(Vec<(Option<String>, String)>),
}

/// Services that are new on a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// The bus.
    pub watch: WatchId,
    /// The services.
    pub names: Vec<Box<str>>,
    /// Truth did not name them until now; else they come from another bus.
    pub are_named_anew: bool,
}

/// A watched bus, by a number that no other has had.
pub type WatchId = u32;

/// What came of a question.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Reply {
    /// Whether the store answers.
    Pong(bool),
    /// What became of the question for the lease.
    Lease(Result<Answered, BusError>),
    /// Who holds the lease.
    Holder(Result<Option<String>, BusError>),
    /// Instance and payload of each, in order.
    Heard(Result<Vec<(String, Vec<u8>)>, BusError>),
    /// Whether the records were read and taken in.
    Records(Result<(), BusError>),
    /// What the detectors have decided since the last time.
    Collected {
        entries: Vec<AlertEntry>,
        /// What only the health keys show.
        silent: Vec<Health>,
    },
    /// What became of each entry that was offered, in order.
    Told(Result<Vec<Told>, BusError>),
    /// What became of the note.
    Noted(Result<Told, BusError>),
    /// Whether the channel took the alerts.
    Published(Result<(), BusError>),
    /// False: another holds the lease.
    Refreshed(Result<bool, BusError>),
    /// False: another holds the lease.
    Forgotten(Result<bool, BusError>),
    /// The snapshots that were asked for, in order.
    Found(Result<Vec<Option<Health>>, BusError>),
    /// How many services there are, and whether the server is another.
    Census(Census),
    /// Snapshots whose turn it is.
    Snapshots {
        snapshots: Vec<Health>,
        /// What is left of the slice.
        left: Slice,
        /// How often everybody has had a turn.
        turns: u32,
    },
    /// How the buses stand.
    Buses { found: Vec<Found>, slots: u32 },
    /// What became of the records of the buses.
    BusesSet(Result<Told, BusError>),
    /// What became of the note of the buses that are judged.
    Judged(Result<Told, BusError>),
    /// Whether the user may write all that there is to write.
    Rights(Result<(), BusError>),
    /// The error again, with the cause that was found.
    Explained(BusError),
}

/// What there is to be refreshed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Places in the tables of services.
    pub slots: u32,
    /// Services that have no snapshot yet, or say another word of themselves.
    pub unwritten: u32,
    /// Servers of the store met so far.
    pub servers: u64,
}
