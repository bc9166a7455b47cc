//! A Redis that keeps the order of each client's commands, stalls, dies, and loses nothing that it stored.

use std::collections::{BTreeMap, VecDeque};

use super::store::{Question, Store};

/// Where a command comes from. Order is kept within a client, not between clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    Service(usize),
    /// A healer's subscription.
    Link {
        healer: usize,
        boot: u32,
        link: u32,
    },
    /// A healer's connection for echoes and checks.
    Echo {
        healer: usize,
        boot: u32,
    },
    /// A healer's connection for scripts; the last number counts reconnects.
    Tell {
        healer: usize,
        boot: u32,
        connection: u32,
    },
}

#[derive(Clone, Debug)]
pub enum Command {
    Beat {
        svc: usize,
        channel: usize,
        i: u64,
        inst: u32,
        /// When its sender means to beat again.
        next: u64,
    },
    Subscribe {
        link: u32,
        added: Vec<usize>,
        removed: Vec<usize>,
    },
    Echo {
        link: u32,
        seq: u64,
    },
    Check,
    /// What a writer asks, with its number.
    Ask(u64, Box<Question>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Running,
    /// Takes what is sent, answers nothing.
    Stalled,
    Dead,
}

#[derive(Debug)]
pub struct Redis {
    pub mode: Mode,
    /// Sent and not served yet.
    pub pending: BTreeMap<Client, VecDeque<Command>>,
    /// Grows with every death, so that what belonged to a connection of before is told from what belongs to now.
    pub life: u32,
    pub store: Store,
}
