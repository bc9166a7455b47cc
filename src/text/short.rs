//! Words, numbers and names on their way into a longer text.

/// Appends a text that is a word or two, mostly: for so few bytes, the C library's copy takes longer than copying.
pub fn push_short(out: &mut String, text: &str) {
    let mut rest = text;
    if text.len() < 32 {
        rest = push_piece::<16>(out, rest);
        rest = push_piece::<8>(out, rest);
        rest = push_piece::<4>(out, rest);
        rest = push_piece::<2>(out, rest);
        rest = push_piece::<1>(out, rest);
    }
    // All of a long one; else what is left where a piece would end within a character.
    if !rest.is_empty() {
        out.push_str(rest);
    }
}

/// Appends the first `LEN` bytes, if they are whole characters; the rest.
#[inline(always)]
fn push_piece<'t, const LEN: usize>(out: &mut String, text: &'t str) -> &'t str {
    match text.split_at_checked(LEN) {
        Some((piece, rest)) => {
            out.push_str(piece);
            rest
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_appended_whole(text in "[a-zé中🦀]{0,40}") {
            let mut out = String::from("before ");
            push_short(&mut out, &text);
            prop_assert_eq!(out, format!("before {text}"));
        }
    }
}
