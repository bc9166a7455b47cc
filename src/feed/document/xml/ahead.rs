//! A look ahead: does an element end where XML says, or was its end tag forgotten?
//!
//! What only looks like the next field may well be a part of the one that is being read: a well-formed document may hold
//! anything anywhere. So before an element is taken as unclosed, its end tag is looked for.

use super::{Reader, Tag};
use crate::feed::document::markup::Token;

/// How many times the text may be looked at ahead in all.
const MOST_AHEAD: usize = 2;

impl<'a> Reader<'a> {
    /// Does the element of this name, in which `inside` has just started, end before what is around it?
    pub(super) fn is_closed(&mut self, name: &str, inside: &Tag<'a>) -> bool {
        let same = usize::from(!inside.empty && inside.name.eq_ignore_ascii_case(name));
        !inside.is_item() && self.find_end(name, same, None)
    }

    /// The same, of an element in which an item has just started. `same` elements of its name are open in it.
    pub(super) fn is_closed_around_items(&mut self, name: &str, same: usize) -> bool {
        self.find_end(name, same, Some(1))
    }

    /// `items`: how many are open inside, where there may be any.
    fn find_end(&mut self, name: &str, mut same: usize, mut items: Option<usize>) -> bool {
        let from = self.tokens.at();
        let mut ahead = self.tokens.clone();
        let is_closed = loop {
            if self.looked_ahead + ahead.at() - from > MOST_AHEAD * ahead.text().len() {
                break false;
            }
            match ahead.next(name) {
                Token::Start {
                    name: inside,
                    empty,
                    ..
                } => {
                    let is_item = self.is_item_name(inside);
                    match &mut items {
                        None if is_item => break false,
                        Some(items) => *items += usize::from(is_item && !empty),
                        None => {}
                    }
                    same += usize::from(!empty && inside.eq_ignore_ascii_case(name));
                }
                Token::End { name: end } if end.eq_ignore_ascii_case(name) => {
                    if same == 0 {
                        break true;
                    }
                    same -= 1;
                }
                Token::End { name: end } => match &mut items {
                    Some(items) if *items > 0 && self.is_item_name(end) => *items -= 1,
                    _ if self.is_open(end) => break false,
                    _ => {}
                },
                Token::Text(_) | Token::Cdata(_) => {}
                Token::Cut | Token::Eof => break false,
            }
        };
        self.looked_ahead += ahead.at() - from;
        is_closed
    }
}
