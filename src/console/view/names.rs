//! All names in one text, so that a search goes through memory once and not from service to service. Pure.

use memchr::memmem::Finder;

/// The names of all services, in small letters and in the order of the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Each with a line end behind it, which no name holds.
    text: String,
    /// Where each begins.
    starts: Vec<u32>,
}

impl Names {
    /// Of these services, in their order.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Names {
        let mut all = Names::default();
        for name in names {
            all.starts.push(all.text.len() as u32);
            all.text.extend(name.chars().map(|c| match c {
                '\n' => ' ',
                c => c.to_ascii_lowercase(),
            }));
            all.text.push('\n');
        }
        all
    }

    /// The places of those that hold `part`, which is in small letters, in order; of all for nothing.
    pub fn holding(&self, part: &str) -> Vec<u32> {
        if part.is_empty() {
            return (0..self.starts.len() as u32).collect();
        }
        let (mut found, mut place): (Vec<u32>, usize) = (Vec::new(), 0);
        for at in Finder::new(part).find_iter(self.text.as_bytes()) {
            let begins_by = |start: &u32| *start as usize <= at;
            while self.starts.get(place + 1).is_some_and(begins_by) {
                place += 1;
            }
            if found.last() != Some(&(place as u32)) {
                found.push(place as u32);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_in_each_name_once_and_never_across_two() {
        let names = Names::new(["aXa", "b", "xbx.x", ""]);
        assert_eq!(names.holding("x"), [0, 2]);
        assert_eq!(names.holding("ab"), [0u32; 0]);
        assert_eq!(names.holding("xbx."), [2]);
        assert_eq!(names.holding(""), [0, 1, 2, 3]);
        assert_eq!(names.holding("\n"), [0, 1, 2, 3]);
    }
}
