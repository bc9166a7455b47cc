//! What truth says in a world, and what things are called there.

/// What truth says of a service.
#[derive(Clone, Debug)]
pub struct Watching {
    pub watched: bool,
    /// Where it beats: no other service does.
    pub channel: usize,
    pub timeout_ms: u32,
    pub interval_ms: u32,
}

pub fn inst(number: usize, boot: u32) -> String {
    format!("h{number}b{boot}")
}

pub fn name(svc: usize) -> String {
    format!("s{svc}")
}

/// The first channels are the default ones of services, which others may take.
pub fn channel(number: usize) -> String {
    match number {
        0..10 => format!("s{number}:heartbeat"),
        _ => format!("beats/{number}"),
    }
}

/// The other way round.
pub fn number_of(channel: &[u8]) -> usize {
    let digits = channel.iter().filter(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}
