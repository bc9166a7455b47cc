//! Lists of channel names, and the commands made of them.

/// Channels in one SUBSCRIBE.
const BATCH: usize = 1000;

/// A list of channel names in one allocation.
#[derive(Clone, Debug, Default)]
pub struct Channels {
    names: Vec<u8>,
    ends: Vec<usize>,
}

impl Channels {
    /// Adds a name.
    pub fn push(&mut self, name: &[u8]) {
        self.names.extend_from_slice(name);
        self.ends.push(self.names.len());
    }

    /// Whether one SUBSCRIBE is full.
    pub fn is_full(&self) -> bool {
        self.ends.len() >= BATCH
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|i| self.get(i))
    }

    pub(super) fn get(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.names[start..self.ends[i]]
    }

    /// The names in lists that each make one command.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Channels> {
        (0..self.len()).step_by(BATCH).map(|from| {
            let mut piece = Channels::default();
            for i in from..self.len().min(from + BATCH) {
                piece.push(self.get(i));
            }
            piece
        })
    }

    /// Two lists, each of half the names.
    pub(super) fn halves(&self) -> (Channels, Channels) {
        let (mut a, mut b) = (Channels::default(), Channels::default());
        for (i, name) in self.iter().enumerate() {
            if i < self.len() / 2 {
                a.push(name)
            } else {
                b.push(name)
            }
        }
        (a, b)
    }

    pub(super) fn command(&self, verb: &str) -> Vec<u8> {
        let mut out = format!("*{}\r\n${}\r\n{verb}\r\n", self.len() + 1, verb.len()).into_bytes();
        for name in self.iter() {
            out.extend_from_slice(format!("${}\r\n", name.len()).as_bytes());
            out.extend_from_slice(name);
            out.extend_from_slice(b"\r\n");
        }
        out
    }
}

impl<'a> FromIterator<&'a str> for Channels {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Channels {
        let mut all = Channels::default();
        for name in names {
            all.push(name.as_bytes());
        }
        all
    }
}
