//! What can go wrong with a bus, in words that say which.

mod causes;

use std::fmt;

/// A failed wish to a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum BusError {
    /// A URL that cannot be used; `origin` is the variable or truth path that holds it.
    BadUrl { origin: String, reason: String },
    /// Another variable that cannot be used.
    BadSetting { name: String, reason: String },
    /// The host name does not resolve.
    Resolve { host: String, reason: String },
    /// No connection, or one that broke.
    Unreachable { address: String, reason: String },
    /// The server is not to be trusted, or does not trust us, or does not speak TLS.
    Tls { address: String, reason: String },
    /// No answer in time.
    TimedOut { address: String, what: String },
    /// A password is asked for, or refused.
    Auth { address: String, reason: String },
    /// The server is reading its data and will answer soon.
    Loading { address: String },
    /// The server runs a script that does not end, and answers nothing else meanwhile.
    Busy { address: String },
    /// A replica: it takes no writes.
    ReadOnly { address: String, reason: String },
    /// A master without the replicas that it must have to take writes. The others may be following another master.
    CutOff { address: String, reason: String },
    /// The server is in cluster mode, where a script or a transaction reaches the keys of one slot alone.
    Cluster { address: String, reason: String },
    /// `maxmemory` is reached and nothing may be evicted.
    OutOfMemory { address: String },
    /// The server stopped taking writes because it cannot save them (MISCONF).
    CannotPersist { address: String, reason: String },
    /// An access rule forbids the command, key or channel.
    Denied { address: String, reason: String },
    /// Another instance holds the lease in whose name this was to be written. Nothing was.
    Fenced { key: String },
    /// The server said something that is not understood here.
    Protocol { address: String, reason: String },
    /// The subscription could not be proven: the server shows other than what was asked for.
    Unproven {
        address: String,
        wanted: u64,
        shown: u64,
    },
    /// Any other error reply.
    Reply { address: String, reason: String },
}

impl BusError {
    /// Whether the connection is of no more use (as opposed to a command that was answered with an error).
    pub fn is_connection_lost(&self) -> bool {
        use BusError::*;
        matches!(
            self,
            Resolve { .. }
                | Unreachable { .. }
                | Tls { .. }
                | TimedOut { .. }
                | Protocol { .. }
                | Unproven { .. }
        )
    }

    /// Whether only another setting can help.
    pub fn is_bad_setting(&self) -> bool {
        use BusError::*;
        matches!(self, BadUrl { .. } | BadSetting { .. } | Cluster { .. })
    }

    /// Whether the server is there but takes no writes for now.
    pub fn is_write_refused(&self) -> bool {
        use BusError::*;
        matches!(
            self,
            ReadOnly { .. } | OutOfMemory { .. } | CannotPersist { .. } | CutOff { .. }
        )
    }

    /// Whether the server answered, but lets us not do this: the command is forbidden to this user, or the server has
    /// none of that name (an older server, or `rename-command`).
    pub fn is_no_such_command(&self) -> bool {
        match self {
            BusError::Denied { .. } => true,
            BusError::Reply { reason, .. } => {
                let reason = reason.to_ascii_lowercase();
                reason.starts_with("err unknown command")
                    || reason.starts_with("err unknown subcommand")
            }
            _ => false,
        }
    }

    /// Whether the server answered that it does not do this, for whatever reason: to ask again is of no use until
    /// somebody changes something.
    pub fn is_refusal(&self) -> bool {
        !self.is_connection_lost() && !self.is_passing()
    }

    /// Whether the server does not do this yet, and will soon.
    pub fn is_passing(&self) -> bool {
        matches!(self, BusError::Loading { .. } | BusError::Busy { .. })
    }

    /// Whether the server is a master that lost its replicas.
    pub fn is_cut_off(&self) -> bool {
        matches!(self, BusError::CutOff { .. })
    }
}

impl fmt::Display for BusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BusError::BadUrl { origin, reason } => write!(f, "{origin}: bad bus URL: {reason}"),
            BusError::BadSetting { name, reason } => {
                write!(f, "environment variable {name}: {reason}")
            }
            BusError::Resolve { host, reason } => {
                write!(f, "the bus host name `{host}` does not resolve: {reason}")
            }
            BusError::Unreachable { address, reason } => {
                write!(f, "{address} cannot be reached: {reason}")
            }
            BusError::Tls { address, reason } => {
                write!(f, "{address} cannot be reached: {reason}")
            }
            BusError::TimedOut { address, what } => {
                write!(f, "{address} did not answer in time ({what})")
            }
            BusError::Auth { address, reason } => write!(
                f,
                "{address} asks for a password or refuses the one given: {reason}; put it into the URL in the environment"
            ),
            BusError::Loading { address } => write!(f, "{address} is still loading its data"),
            BusError::Busy { address } => {
                write!(
                    f,
                    "{address} is busy with a script that does not end (SCRIPT KILL ends it)"
                )
            }
            BusError::ReadOnly { address, reason } => write!(f, "{address} is read-only: {reason}"),
            BusError::CutOff { address, reason } => write!(
                f,
                "{address} has lost its replicas and takes no writes (min-replicas-to-write): {reason}"
            ),
            BusError::Cluster { address, reason } => write!(
                f,
                "{address} is a Redis Cluster ({reason}), which cannot be the bus that carries control; give it a Redis \
                 with `cluster-enabled no`"
            ),
            BusError::OutOfMemory { address } => {
                write!(
                    f,
                    "{address} is out of memory (maxmemory) and refuses writes"
                )
            }
            BusError::CannotPersist { address, reason } => {
                write!(
                    f,
                    "{address} cannot save its data and refuses writes: {reason}"
                )
            }
            BusError::Denied { address, reason } => write!(f, "{address} forbids it: {reason}"),
            BusError::Fenced { key } => {
                write!(f, "another instance holds {key}: nothing was written")
            }
            BusError::Protocol { address, reason } => {
                write!(f, "{address} does not speak Redis: {reason}")
            }
            BusError::Unproven {
                address,
                wanted,
                shown,
            } => {
                write!(
                    f,
                    "{address} shows {shown} subscriptions where {wanted} were asked for"
                )
            }
            BusError::Reply { address, reason } => write!(f, "{address} answered: {reason}"),
        }
    }
}

impl std::error::Error for BusError {}
