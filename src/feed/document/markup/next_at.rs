//! A search that remembers what it found.

use memchr::memmem;

/// The next place of a needle, remembered: searching again from a later place costs nothing until it is passed.
#[derive(Clone, Debug)]
pub struct NextAt {
    needle: &'static [u8],
    /// Searched from here …
    from: usize,
    /// … and found there.
    found: Option<Option<usize>>,
}

impl NextAt {
    pub fn new(needle: &'static [u8]) -> NextAt {
        NextAt {
            needle,
            from: 0,
            found: None,
        }
    }

    pub fn find(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let still_holds = from >= self.from
            && match self.found {
                Some(Some(at)) => at >= from,
                Some(None) => true,
                None => false,
            };
        if !still_holds {
            let rest = text.get(from..).unwrap_or_default();
            self.from = from;
            self.found = Some(memmem::find(rest, self.needle).map(|at| from + at));
        }
        self.found.flatten()
    }
}
