//! Why a program ends, and with which exit code.

use std::fmt;
use std::process::ExitCode;

use crate::bus::BusError;
use crate::env::EnvError;

/// What ends a program.
#[derive(Debug)]
pub enum Error {
    /// Bad command line or environment.
    Config(String),
    /// A truth document that cannot be used, or none.
    Truth(String),
    /// A bus that cannot be reached or used.
    Bus(BusError),
    /// Anything else.
    Other(String),
}

impl Error {
    /// What the end of a thread means to a daemon whose thread it was; `why`: its error, if it had one.
    pub fn thread_ended(name: &str, why: Option<String>) -> Error {
        let why = why.unwrap_or_else(|| "without a reason".into());
        Error::Other(format!("thread {name} ended: {why}"))
    }

    /// 2 for bad configuration or truth, 3 for a bus out of reach, 1 for the rest.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Error::Config(_) | Error::Truth(_) => 2,
            Error::Bus(error) if error.is_bad_setting() => 2,
            Error::Bus(_) => 3,
            Error::Other(_) => 1,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Config(text) | Error::Truth(text) | Error::Other(text) => f.write_str(text),
            Error::Bus(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<BusError> for Error {
    fn from(e: BusError) -> Error {
        Error::Bus(e)
    }
}

impl From<EnvError> for Error {
    fn from(e: EnvError) -> Error {
        Error::Config(e.to_string())
    }
}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Error {
        Error::Other(e.to_string())
    }
}
