//! Several instances of one service: `services.<svc>.instances`.

/// How the instances of a service share its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// One works, the others stand by.
    One,
    /// Each works on parts of it.
    Shared,
    /// The work divides itself, as a consumer group does.
    #[default]
    Free,
}

impl Mode {
    /// The mode that is written so.
    pub(super) fn of(word: &str) -> Option<Mode> {
        [Mode::One, Mode::Shared, Mode::Free]
            .into_iter()
            .find(|mode| mode.as_str() == word)
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::One => "one",
            Mode::Shared => "shared",
            Mode::Free => "free",
        }
    }
}

/// What truth says of the instances of a service; all of them beat on its one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instances {
    /// How several instances share the work.
    pub mode: Mode,
    /// In how many parts the work is shared.
    pub parts: u32,
    /// As many shall be up; 0: any number will do.
    pub min: u32,
}

impl Default for Instances {
    fn default() -> Instances {
        Instances {
            mode: Mode::default(),
            parts: 64,
            min: 0,
        }
    }
}
