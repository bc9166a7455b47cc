//! Start tags: what their names and namespaces mean here, and what they declare.

use std::sync::Arc;

use super::{MAX_DEPTH, Reader};
use crate::feed::document::attributes::Attributes;
use crate::feed::document::names::{self, Ns, by_prefix};
use crate::feed::document::repair::Repair;
use crate::feed::document::url;

/// A start tag, resolved.
#[derive(Clone, Copy)]
pub struct Tag<'a> {
    pub name: &'a str,
    pub ns: Ns,
    local: Lower,
    pub attributes: Attributes<'a>,
    pub empty: bool,
    /// Where it starts.
    pub at: usize,
}

impl<'a> Tag<'a> {
    /// What stands before the colon of its name.
    pub fn prefix(&self) -> Option<&'a str> {
        names::split(self.name).0
    }

    /// The name without prefix, in lower case; empty when it is too long to be a known one.
    pub fn local(&self) -> &str {
        self.local.as_str()
    }

    /// Starts a feed, or the channel in it?
    pub fn starts_feed(&self) -> bool {
        matches!(self.ns, Ns::Rss | Ns::Atom) && matches!(self.local(), "channel" | "feed" | "rss")
    }

    /// Starts an item or entry?
    pub fn is_item(&self) -> bool {
        matches!(
            (self.ns, self.local()),
            (Ns::Rss | Ns::Atom, "item" | "entry")
        )
    }
}

impl<'a> Reader<'a> {
    /// Takes over the `xmlns` and `xml:base` of a start tag; [`Self::leave`] forgets them.
    pub fn enter(&mut self, attributes: Attributes<'a>) -> (usize, usize) {
        let scope = (self.names.mark(), self.bases.len());
        if attributes.is_empty() {
            return scope;
        }
        for (name, value) in attributes.iter() {
            if name == "xmlns" {
                self.names.declare("", value);
            } else if let Some(prefix) = name.strip_prefix("xmlns:") {
                self.names.declare(prefix, value);
            } else if name == "xml:base" && self.bases.len() < MAX_DEPTH {
                let at = self.tokens.start();
                let value = self.decode(value, at);
                let outer = self.bases.last().map_or(&*self.address, |base| &**base);
                if let Some(base) = url::resolve(value.trim(), Some(outer)) {
                    self.bases.push(Arc::from(&*base));
                }
            }
        }
        scope
    }

    /// What was declared so far stands on the root.
    pub fn root_ends(&mut self) {
        self.names.root_ends();
    }

    pub fn leave(&mut self, (names, bases): (usize, usize)) {
        self.names.back_to(names);
        self.bases.truncate(bases);
    }

    /// The raw value of an attribute; also of one with a prefix that stands for Atom (`atom:href`), for which there is
    /// one way to mean it.
    pub fn value(&self, tag: &Tag<'a>, name: &str) -> Option<&'a str> {
        let prefixed = |(written, _): &(&str, &str)| {
            let (Some(prefix), local) = names::split(written) else {
                return false;
            };
            local.eq_ignore_ascii_case(name)
                && self.names.declared(prefix).unwrap_or(by_prefix(prefix)) == Ns::Atom
        };
        let value = tag.attributes.get(name);
        value.or_else(|| tag.attributes.iter().find(prefixed).map(|(_, value)| value))
    }

    pub fn tag(&mut self, name: &'a str, attributes: Attributes<'a>, empty: bool) -> Tag<'a> {
        let (prefix, local) = names::split(name);
        let prefix = prefix.unwrap_or_default();
        let ns = if prefix.is_empty() {
            // The root's own default is what its name says, whatever namespace it was given: many RSS feeds claim
            // Atom's or one of their own.
            self.names.own_default().unwrap_or(self.native)
        } else if let Some(ns) = self.names.declared(prefix) {
            ns
        } else {
            self.repair(Repair::UndeclaredPrefix);
            by_prefix(prefix)
        };
        Tag {
            name,
            ns,
            local: Lower::new(local),
            attributes,
            empty,
            at: self.tokens.start(),
        }
    }
}

/// A name in lower case, on the stack.
#[derive(Clone, Copy)]
struct Lower {
    bytes: [u8; 20],
    len: u8,
}

impl Lower {
    fn new(name: &str) -> Lower {
        let mut bytes = [0; 20];
        let len = names::lower(name, &mut bytes).len() as u8;
        Lower { bytes, len }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}
