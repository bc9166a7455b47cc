//! Who depends on whom: on services that exist, and in no circle.

use super::super::json::Reader;
use super::super::naming_rules::did_you_mean;
use super::super::visitor::Visitor;
use super::{Index, Key};
use crate::contract::NAME_MAX_BYTES;
use crate::text::cut;

/// Names that are compared to find the one that was meant; more would take too long.
const COMPARED_MAX: usize = 10_000;
/// Names of a circle that are told.
const TOLD_MAX: usize = 20;

/// How far the search for circles is with a service.
#[derive(Clone, Copy, PartialEq)]
enum Visit {
    New,
    OnTheWay,
    Done,
}

impl Visitor<'_> {
    pub(super) fn dependencies_exist(&mut self) {
        for (id, nth, at) in std::mem::take(&mut self.unmet) {
            // The visitor read this string before.
            let name = Reader::new(&self.text[at as usize..])
                .string()
                .unwrap_or_default();
            if let Some(on) = self.truth.find(&name) {
                self.truth.depends.push((id, on));
                continue;
            }
            if self.errors.is_full() {
                self.errors.count_one_more();
                continue;
            }
            let services = self.truth.services().take(COMPARED_MAX);
            let instead = match did_you_mean(&name, services.map(|service| service.name())) {
                Some(meant) => format!("did you mean {meant:?}?"),
                None => "name a service of this document".to_owned(),
            };
            let what = format!("no service has the name {:?}", cut(&name, NAME_MAX_BYTES));
            self.error_in(id, &[Key("depends_on"), Index(nth)], what, instead);
        }
        self.truth.depends.sort_unstable();
        self.truth.depends.dedup();
    }

    /// Goes down the dependencies of every service; one that is met again on the way closes a circle.
    pub(super) fn dependencies_have_no_cycle(&mut self) {
        let depends = std::mem::take(&mut self.truth.depends);
        let first_of = |id: u32| depends.partition_point(|(who, _)| *who < id);
        let count = if depends.is_empty() {
            0
        } else {
            self.truth.entries.len()
        };
        let mut visits = vec![Visit::New; count];
        for &(start, _) in &depends {
            if visits[start as usize] != Visit::New {
                continue;
            }
            visits[start as usize] = Visit::OnTheWay;
            // Each step of the way: a service, and which of its dependencies comes next.
            let mut way = vec![(start, first_of(start))];
            while let Some((id, next)) = way.last_mut() {
                let id = *id;
                let Some((_, on)) = depends.get(*next).filter(|(who, _)| *who == id) else {
                    visits[id as usize] = Visit::Done;
                    way.pop();
                    continue;
                };
                *next += 1;
                match visits[*on as usize] {
                    Visit::New => {
                        visits[*on as usize] = Visit::OnTheWay;
                        way.push((*on, first_of(*on)));
                    }
                    Visit::OnTheWay => self.tell_circle(&way, *on),
                    Visit::Done => {}
                }
            }
        }
        self.truth.depends = depends;
    }

    /// The way leads back to `on`.
    fn tell_circle(&mut self, way: &[(u32, usize)], on: u32) {
        let from = way.iter().position(|(id, _)| *id == on).unwrap_or(0);
        let circle = way[from..].iter().map(|(id, _)| *id).chain([on]);
        let names: Vec<&str> = circle
            .take(TOLD_MAX)
            .map(|id| self.truth.name(id))
            .collect();
        let what = format!("a circle: {}", names.join(" → "));
        if let Some((last, _)) = way.last() {
            let instead = "leave one of them out".to_owned();
            self.error_in(*last, &[Key("depends_on")], what, instead);
        }
    }
}
