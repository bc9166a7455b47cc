//! How a service stands, and how many stand how. Pure.

/// How a service stands, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stand {
    Down,
    /// Nobody who could know says anything.
    Unknown,
    Degraded,
    /// Down, as it was announced, or under a silence.
    Planned,
    Up,
    /// Not watched.
    Off,
}

/// All of them, the worst first.
pub const STANDS: [Stand; 6] = [
    Stand::Down,
    Stand::Unknown,
    Stand::Degraded,
    Stand::Planned,
    Stand::Up,
    Stand::Off,
];

impl Stand {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Stand::Down => "down",
            Stand::Unknown => "unknown",
            Stand::Degraded => "degraded",
            Stand::Planned => "planned",
            Stand::Up => "up",
            Stand::Off => "off",
        }
    }

    /// A sign for it that needs no colour.
    pub fn glyph(self) -> &'static str {
        match self {
            Stand::Down => "■",
            Stand::Unknown => "?",
            Stand::Degraded => "▲",
            Stand::Planned => "◐",
            Stand::Up => "●",
            Stand::Off => "○",
        }
    }

    /// The one with this word.
    pub fn of(word: &str) -> Option<Stand> {
        STANDS.into_iter().find(|stand| stand.as_str() == word)
    }
}

/// How many stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([usize; STANDS.len()]);

impl Counts {
    pub fn add(&mut self, stand: Stand) {
        self.0[stand as usize] += 1;
    }

    pub fn of(&self, stand: Stand) -> usize {
        self.0[stand as usize]
    }

    /// Those that are watched.
    pub fn watched(&self) -> usize {
        self.0.iter().sum::<usize>() - self.of(Stand::Off)
    }
}
