//! Sets of seconds, as intervals that are open at their end. Pure.

/// Disjoint intervals `[from, to)` of epoch seconds, in order, none of them empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intervals(Vec<(i64, i64)>);

impl FromIterator<(i64, i64)> for Intervals {
    /// The union of these; what ends before it begins is empty.
    fn from_iter<I: IntoIterator<Item = (i64, i64)>>(all: I) -> Intervals {
        let mut list: Vec<(i64, i64)> = all.into_iter().filter(|(from, to)| from < to).collect();
        list.sort_unstable();
        let mut union: Vec<(i64, i64)> = Vec::with_capacity(list.len());
        for (from, to) in list {
            match union.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => union.push((from, to)),
            }
        }
        Intervals(union)
    }
}

impl Intervals {
    /// All of them, in order.
    pub fn list(&self) -> &[(i64, i64)] {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds `[from, to)`.
    pub fn add(&mut self, from: i64, to: i64) {
        match self.0.last_mut() {
            _ if from >= to => {}
            Some(last) if from >= last.0 && from <= last.1 => last.1 = last.1.max(to),
            Some(last) if from <= last.1 => {
                *self = self.0.iter().copied().chain([(from, to)]).collect()
            }
            _ => self.0.push((from, to)),
        }
    }

    /// What is in this and not in `other`.
    pub fn without(&self, other: &Intervals) -> Intervals {
        let mut rest = Vec::with_capacity(self.0.len());
        for &(from, to) in &self.0 {
            let mut at = from;
            for &(cut_from, cut_to) in other.within(from, to) {
                if cut_from > at {
                    rest.push((at, cut_from.min(to)));
                }
                at = at.max(cut_to);
            }
            if at < to {
                rest.push((at, to));
            }
        }
        Intervals(rest)
    }

    /// Those that touch `[from, to)`, whole.
    pub fn within(&self, from: i64, to: i64) -> &[(i64, i64)] {
        let begin = self.0.partition_point(|(_, end)| *end <= from);
        let end = self.0.partition_point(|(start, _)| *start < to);
        &self.0[begin..end.max(begin)]
    }

    /// Whether the second `at` is among them.
    pub fn contains(&self, at: i64) -> bool {
        !self.within(at, at + 1).is_empty()
    }

    /// Lets go of what ended before `at`.
    pub fn forget_before(&mut self, at: i64) {
        self.0.retain(|(_, to)| *to > at);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some() -> impl Strategy<Value = Vec<(i64, i64)>> {
        prop::collection::vec((0..60i64, 0..60i64), 0..8)
    }

    fn has(list: &[(i64, i64)], at: i64) -> bool {
        list.iter().any(|(from, to)| (*from..*to).contains(&at))
    }

    proptest! {
        #[test]
        fn they_hold_the_seconds_that_were_put_in(a in some(), b in some()) {
            let union: Intervals = a.iter().copied().collect();
            let mut grown = Intervals::default();
            a.iter().for_each(|(from, to)| grown.add(*from, *to));
            let rest = union.without(&b.iter().copied().collect());
            for at in -1..61 {
                prop_assert_eq!(union.contains(at), has(&a, at));
                prop_assert_eq!(rest.contains(at), has(&a, at) && !has(&b, at));
            }
            prop_assert_eq!(&grown, &union);
            for two in union.list().windows(2) {
                prop_assert!(two[0].1 < two[1].0);
            }
        }
    }
}
