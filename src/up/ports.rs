//! On which ports the redis-servers listen: never on one that somebody else has.

use std::net::{Ipv4Addr, TcpListener};

use crate::service::Error;

/// Ports that are tried.
const ATTEMPTS: u16 = 100;

/// The wish for one bus.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// `--system-port` or `--market-port`; 0 is any free one.
    pub asked: Option<u16>,
    pub flag: &'static str,
    pub usual: u16,
}

impl Wish {
    /// A port that is free now: the one that was asked for, else the usual one, else one of the next; never one of
    /// `spoken_for`, which the other bus has or is to have.
    pub(super) fn choose(&self, spoken_for: &[u16]) -> Result<u16, Error> {
        match self.asked {
            Some(0) => {
                let mut tries = 0..ATTEMPTS;
                let free = tries.find_map(|_| bind(0).filter(|p| !spoken_for.contains(p)));
                free.ok_or_else(|| Error::Other("no port is free".into()))
            }
            Some(port) => bind(port).ok_or_else(|| {
                let flag = self.flag;
                Error::Config(format!(
                    "port {port} is taken by another program: give another with {flag}, or leave {flag} out"
                ))
            }),
            None => {
                // In steps of two, since the other bus has the ports between.
                let ports = (self.usual..).step_by(2).take(ATTEMPTS.into());
                let mut ports = ports.filter(|port| !spoken_for.contains(port));
                ports.find_map(bind).ok_or_else(|| {
                    let (usual, flag) = (self.usual, self.flag);
                    Error::Config(format!("no port from {usual} on is free: give one with {flag}"))
                })
            }
        }
    }

    /// Whether another port may be taken when this one is not to be had.
    pub(super) fn is_flexible(&self) -> bool {
        matches!(self.asked, None | Some(0))
    }
}

/// Any free port.
pub(super) fn any() -> Result<u16, Error> {
    bind(0).ok_or_else(|| Error::Other("no port is free".into()))
}

/// The port, when nobody listens there.
fn bind(port: u16) -> Option<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    Some(listener.local_addr().ok()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over_unless_it_was_asked_for() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
        let port = taken.local_addr().expect("bound").port();
        let mut wish = Wish {
            asked: None,
            flag: "--system-port",
            usual: port,
        };
        let chosen = wish.choose(&[]).expect("another");
        assert!(
            chosen > port && (chosen - port).is_multiple_of(2),
            "{chosen}"
        );
        wish.asked = Some(port);
        assert_ne!(
            Wish {
                asked: None,
                ..wish
            }
            .choose(&[chosen])
            .expect("a third"),
            chosen,
            "which the other bus is to have"
        );
        let error = wish.choose(&[]).expect_err("taken").to_string();
        assert!(error.contains("--system-port"), "{error}");
    }
}
