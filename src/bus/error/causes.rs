//! What a connection met, as an error that says where.

use std::io;

use super::BusError;
use crate::bus::Address;
use crate::text::SafeText;

impl BusError {
    pub(in crate::bus) fn from_redis(
        error: redis::RedisError,
        address: &Address,
        what: &str,
    ) -> BusError {
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

    pub(in crate::bus) fn from_io(error: &io::Error, address: &Address, what: &str) -> BusError {
        let text = address.to_string();
        let trust = address.tls().then(|| &address.context().trust);
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
