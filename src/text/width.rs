//! How wide text is on a terminal, and what of it fits.

use unicode_width::UnicodeWidthChar;

/// Makes the character before it a picture, which takes two columns.
const AS_A_PICTURE: char = '\u{fe0f}';

/// The columns that `text` takes at most: wide characters two, marks none. Of control characters nobody can tell; they
/// count as none.
pub fn columns(text: &str) -> usize {
    let mut before = 0;
    text.chars().map(|c| advance(c, &mut before)).sum()
}

/// The beginning of `text` that fits into `max_columns`; no character is parted from its marks.
pub fn cut(text: &str, max_columns: usize) -> &str {
    let (mut before, mut used, mut start) = (0, 0, 0);
    for (at, c) in text.char_indices() {
        let wide = advance(c, &mut before);
        if c.width().unwrap_or(0) > 0 {
            start = at;
        }
        used += wide;
        if used > max_columns {
            return &text[..start];
        }
    }
    text
}

/// `text` and blanks behind it, so that it fills `columns`; longer text stays as it is.
pub fn padded(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(self::columns(text));
    format!("{text}{:missing$}", "")
}

/// The columns by which `c` moves on, behind a character that took `before`.
fn advance(c: char, before: &mut usize) -> usize {
    match c.width().unwrap_or(0) {
        0 if c == AS_A_PICTURE && *before == 1 => {
            *before = 2;
            1
        }
        0 => 0,
        wide => {
            *before = wide;
            wide
        }
    }
}

/// Where the last character of `text` begins that its last marks stand on.
pub(super) fn cluster_start(text: &str) -> usize {
    let last = text.char_indices().rev();
    let mut last = last.skip_while(|(_, c)| c.width().unwrap_or(0) == 0);
    last.next().map_or(0, |(at, _)| at)
}
