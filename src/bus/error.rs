//! What can go wrong with a bus, in words that say which.

use std::fmt;
use std::io;

use super::Address;
use crate::text::SafeText;

/// A failed wish to a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    pub(super) fn from_redis(error: redis::RedisError, address: &Address, what: &str) -> BusError {
        let address_text = address.to_string();
        let reason = one_line(&error.to_string());
        if let Some(error) = io_error(&error) {
            return BusError::from_io(error, address, what);
        }
        // Of a pipeline, the first failure tells; those that follow are mostly its consequence.
        if let Some((_, first)) = error
            .clone()
            .into_server_errors()
            .as_deref()
            .and_then(<[_]>::first)
        {
            let detail = first.details().unwrap_or_default();
            return BusError::from_reply(first.code(), detail, address);
        }
        if let Some(code) = error.code() {
            let detail = error.detail().map(one_line).unwrap_or(reason);
            return BusError::from_reply(code, &detail, address);
        }
        match error.kind() {
            redis::ErrorKind::AuthenticationFailed => BusError::Auth {
                address: address_text,
                reason,
            },
            redis::ErrorKind::Parse | redis::ErrorKind::UnexpectedReturnType => {
                BusError::Protocol {
                    address: address_text,
                    reason,
                }
            }
            _ if error.is_connection_dropped() => BusError::Unreachable {
                address: address_text,
                reason,
            },
            _ => BusError::Reply {
                address: address_text,
                reason,
            },
        }
    }

    /// Maps an error reply (`-CODE detail`) of the server.
    pub(crate) fn from_reply(code: &str, detail: &str, address: &Address) -> BusError {
        let address = address.to_string();
        // What follows is the command that we sent.
        let said = detail.split(", with args beginning with").next();
        let reason = one_line(said.unwrap_or_default());
        match code_in_script(code, detail).unwrap_or(code) {
            "NOAUTH" | "WRONGPASS" => BusError::Auth { address, reason },
            "LOADING" => BusError::Loading { address },
            "BUSY" => BusError::Busy { address },
            "READONLY" | "MASTERDOWN" => BusError::ReadOnly { address, reason },
            "NOREPLICAS" => BusError::CutOff { address, reason },
            "CROSSSLOT" | "MOVED" | "ASK" | "CLUSTERDOWN" => BusError::Cluster {
                address,
                reason: format!("{code} {reason}"),
            },
            "OOM" => BusError::OutOfMemory { address },
            "MISCONF" => BusError::CannotPersist { address, reason },
            "NOPERM" => BusError::Denied { address, reason },
            _ => BusError::Reply {
                address,
                reason: format!("{code} {reason}"),
            },
        }
    }

    pub(super) fn from_io(error: &io::Error, address: &Address, what: &str) -> BusError {
        let text = address.to_string();
        let trust = address.tls().then(|| &address.means().trust);
        if let Some(reason) = trust.and_then(|trust| trust.explain_io(error, address.host())) {
            return BusError::Tls {
                address: text,
                reason: one_line(&reason),
            };
        }
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => BusError::TimedOut {
                address: text,
                what: what.to_owned(),
            },
            io::ErrorKind::UnexpectedEof => BusError::Unreachable {
                address: text,
                reason: "the server closed the connection".to_owned(),
            },
            _ => BusError::Unreachable {
                address: text,
                reason: one_line(&error.to_string()),
            },
        }
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

/// The code of an error that a script met, where the server hides it in the text, as those before Redis 7 do:
/// `ERR Error running script (call to f_…): @user_script:3: -OOM command not allowed …`.
fn code_in_script<'d>(code: &str, detail: &'d str) -> Option<&'d str> {
    let is_script = code == "ERR" && detail.starts_with("Error running script");
    let (_, met) = detail.split_once(": -").filter(|_| is_script)?;
    let code = met.split(' ').next()?;
    let is_code = !code.is_empty() && code.bytes().all(|b| b.is_ascii_uppercase());
    is_code.then_some(code)
}

/// The error of the socket below, if it was one.
fn io_error(error: &redis::RedisError) -> Option<&io::Error> {
    type Shared = std::sync::Arc<dyn std::error::Error + Send + Sync>;
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<Shared>()?.downcast_ref()
}

/// The longest error text that is kept of what a server says.
const REASON_MAX_BYTES: usize = 300;

/// An error text from outside, fit for a log line.
fn one_line(text: &str) -> String {
    SafeText::cut(text, REASON_MAX_BYTES).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_met_is_known_whatever_the_version_says_it_in() {
        let address = Address::parse("redis://h:1", "TEST").expect("valid");
        let old = "Error running script (call to f_1): @user_script:3: -OOM command not allowed when used memory > 'maxmemory'.";
        assert!(matches!(
            BusError::from_reply("ERR", old, &address),
            BusError::OutOfMemory { .. }
        ));
        let new =
            "command not allowed when used memory > 'maxmemory'. script: 8, on @user_script:1.";
        assert!(matches!(
            BusError::from_reply("OOM", new, &address),
            BusError::OutOfMemory { .. }
        ));
        for other in [
            "Error running script: - nothing",
            "value: -OOM is no number",
        ] {
            let error = BusError::from_reply("ERR", other, &address);
            assert!(matches!(error, BusError::Reply { .. }), "{error:?}");
        }
    }

    #[test]
    fn every_refusal_is_of_one_kind() {
        let address = Address::parse("redis://h:1", "TEST").expect("valid");
        let of = |code| BusError::from_reply(code, "words", &address);
        for code in [
            "ERR",
            "OOM",
            "MISCONF",
            "READONLY",
            "NOREPLICAS",
            "NOPERM",
            "CROSSSLOT",
            "MOVED",
            "CLUSTERDOWN",
            "NOAUTH",
            "WRONGPASS",
            "MASTERDOWN",
            "EXECABORT",
            "WRONGTYPE",
            "IOERR",
            "UNKILLABLE",
            "DENIED",
            "INPROG",
        ] {
            let error = of(code);
            assert!(error.is_refusal() && !error.is_passing() && !error.is_connection_lost());
            assert_eq!(error.is_cut_off(), code == "NOREPLICAS");
        }
        for code in ["LOADING", "BUSY"] {
            assert!(of(code).is_passing() && !of(code).is_refusal());
        }
    }

    #[test]
    fn an_error_of_the_socket_is_known_through_the_redis_crate() {
        let address = Address::parse("redis://h:1", "TEST").expect("valid");
        let of = |kind| BusError::from_redis(io::Error::from(kind).into(), &address, "ask");
        assert!(matches!(
            of(io::ErrorKind::WouldBlock),
            BusError::TimedOut { .. }
        ));
        let eof = of(io::ErrorKind::UnexpectedEof).to_string();
        assert!(eof.contains("closed the connection"), "{eof}");
    }
}
