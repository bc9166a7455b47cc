//! Which connections there are, and which of them goes when there is no room for another. Pure.

use crate::clock::Mono;

/// How a connection stands, to whoever needs its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Without a whole request since then: it goes first.
    Unheard(Mono),
    /// Between two requests since then.
    Idle(Mono),
    /// It takes nothing of what is written to it, since then.
    Stalled(Mono),
    /// It is being served.
    Busy,
    /// Decoder go to it; it has a place of its own.
    Live,
}

/// Connections by number. A number is used again, with another generation.
#[derive(Debug)]
pub struct Table<C> {
    slots: Vec<(u32, Option<C>)>,
    free: Vec<u32>,
    count: usize,
}

impl<C> Default for Table<C> {
    fn default() -> Table<C> {
        Table {
            slots: Vec::new(),
            free: Vec::new(),
            count: 0,
        }
    }
}

impl<C> Table<C> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes one in; answers with its id, which names no other ever after.
    pub fn insert(&mut self, conn: C) -> u64 {
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[at as usize];
        slot.1 = Some(conn);
        self.count += 1;
        (u64::from(slot.0) << 32) | u64::from(at)
    }

    /// The one with this id.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut C> {
        let (generation, conn) = self.slots.get_mut(id as u32 as usize)?;
        conn.as_mut().filter(|_| u64::from(*generation) == id >> 32)
    }

    /// Lets go of the one with this id.
    pub fn remove(&mut self, id: u64) -> Option<C> {
        self.get_mut(id)?;
        let slot = &mut self.slots[id as u32 as usize];
        slot.0 = slot.0.wrapping_add(1) & 0x7fff_ffff;
        self.free.push(id as u32);
        self.count -= 1;
        slot.1.take()
    }

    /// The ids of all.
    pub fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.iter().map(|(id, _)| id)
    }

    /// All, with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &C)> + '_ {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(at, (generation, conn))| {
            let id = (u64::from(*generation) << 32) | at as u64;
            Some((id, conn.as_ref()?))
        })
    }

    /// Who goes when there is no room: the one longest without a whole request, else the longest idle, else the one
    /// that takes nothing for longest. `None` when all are being served.
    pub fn to_evict(&self, standing: impl Fn(&C) -> Standing) -> Option<u64> {
        let rank = |conn: &C| match standing(conn) {
            Standing::Unheard(since) => Some((0, since)),
            Standing::Idle(since) => Some((1, since)),
            Standing::Stalled(since) => Some((2, since)),
            Standing::Busy | Standing::Live => None,
        };
        let all = self.iter().filter_map(|(id, conn)| Some((rank(conn)?, id)));
        all.min().map(|(_, id)| id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_one_longest_without_a_request_goes_first_and_nobody_who_is_served() {
        let at = |secs| Mono::from_secs(secs);
        let mut table = Table::default();
        let busy = table.insert(Standing::Busy);
        let live = table.insert(Standing::Live);
        assert_eq!(table.to_evict(|s| *s), None);
        let idle = table.insert(Standing::Idle(at(1.0)));
        assert_eq!(table.to_evict(|s| *s), Some(idle));
        let late = table.insert(Standing::Unheard(at(9.0)));
        let early = table.insert(Standing::Unheard(at(8.0)));
        let stalled = table.insert(Standing::Stalled(at(0.0)));
        for gone in [early, late, idle, stalled] {
            assert_eq!(table.to_evict(|s| *s), Some(gone));
            table.remove(gone);
        }
        assert_eq!(table.to_evict(|s| *s), None);
        assert_eq!(table.ids().collect::<Vec<_>>(), [busy, live]);
    }

    proptest! {
        /// Against a plain map: whatever comes and goes, an id names one connection and never another.
        #[test]
        fn an_id_names_one_connection(ops in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..200)) {
            let (mut table, mut model) = (Table::default(), BTreeMap::new());
            let mut ever = Vec::new();
            for (at, (comes, which)) in ops.into_iter().enumerate() {
                if comes || ever.is_empty() {
                    let id = table.insert(at);
                    prop_assert!(!ever.contains(&id));
                    ever.push(id);
                    model.insert(id, at);
                } else {
                    let id = ever[which.index(ever.len())];
                    prop_assert_eq!(table.remove(id), model.remove(&id));
                }
                prop_assert_eq!(table.len(), model.len());
                let all: BTreeMap<u64, usize> = table.iter().map(|(id, c)| (id, *c)).collect();
                prop_assert_eq!(&all, &model);
                for id in &ever {
                    prop_assert_eq!(table.get_mut(*id).copied(), model.get(id).copied());
                }
            }
        }
    }
}
