//! What a character does to the line that it stands in.

use unicode_width::UnicodeWidthChar;

/// What is to be done with a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It is seen, and takes a column or two.
    Shown,
    /// It is seen on the character before it.
    Mark,
    /// It ends a line, or goes on elsewhere in it.
    Break,
    /// It is for machines, or is no character at all.
    Control,
    /// Nobody sees it.
    Hidden,
}

pub(super) fn class(c: char) -> Class {
    match c {
        ' '..='~' => Class::Shown,
        '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Class::Break,
        _ if c.is_control() || is_no_character(c) => Class::Control,
        _ if is_hidden(c) => Class::Hidden,
        _ if c.width() == Some(0) => Class::Mark,
        _ => Class::Shown,
    }
}

/// Whether it can act on a terminal beyond its own place: controls, ends of lines and paragraphs, directions.
pub(super) fn moves_a_cursor(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The noncharacters: two at the end of each plane, and 32 in the middle of the first.
fn is_no_character(c: char) -> bool {
    let number = u32::from(c);
    number & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&number)
}

/// `Default_Ignorable_Code_Point` of Unicode 16 (DerivedCoreProperties.txt), but for the variation selectors
/// (U+FE00-FE0F), which pictures need to look like themselves; and the marks of interlinear annotation (U+FFF9-FFFB).
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
