//! What a member asks the server for, and what it is answered.

use std::collections::{BTreeMap, BTreeSet};

/// Who holds a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The instance that holds the part.
    pub inst: String,
    /// The fencing token of this holding: each is greater than the one before.
    pub token: u64,
}

impl Holder {
    /// Reads `<inst>|<token>`.
    pub fn read(text: &str) -> Option<Holder> {
        let (inst, token) = text.rsplit_once('|')?;
        Some(Holder {
            inst: inst.to_owned(),
            token: token.parse().ok()?,
        })
    }

    /// As it is written.
    pub fn text(&self) -> String {
        format!("{}|{}", self.inst, self.token)
    }
}

/// Somebody with a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The instance.
    pub inst: String,
    /// The machine it runs on.
    pub host: String,
}

/// What a renewal answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The server's clock, in microseconds.
    pub server_us: u64,
    /// Grows with every new connection: behind another one there may be another server.
    pub connection: u64,
    /// The session was still there; else data were lost, or it ran out.
    pub had_session: bool,
    /// In how many parts the work is shared at present.
    pub parts: u32,
    /// Who holds which part, by its number; a part that is free is not in it.
    pub holders: BTreeMap<u32, Holder>,
    /// Who takes part, whether or not it holds anything.
    pub members: Vec<Peer>,
    /// What is drained: `svc:…`, `inst:…`, `host:…`.
    pub drained: BTreeSet<String>,
}

/// Something to ask the server for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Action {
    /// Keep what is held, and be seen as a member.
    Renew,
    /// Take parts that are free.
    Claim {
        part: u32,
        /// As it was read.
        holder: Option<Holder>,
        /// The token is to be this at least.
        floor: u64,
    },
    /// Give parts back, for others to claim.
    Release { part: u32, token: u64 },
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It is ours, under this token.
    Ours(u64),
    /// Another holds it.
    Others,
    /// Our session is gone, or the work is shared in another number of parts by now.
    Stale,
}
