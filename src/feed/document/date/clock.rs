//! The time of the day.

use super::tokens::{Kind, Tokens};

/// A clock, and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    pub sec: i64,
    pub end: usize,
}

/// Finds and takes the clock; `Some(None)` where there is none. Two clocks are none, and no date.
pub fn take(tokens: &mut Tokens<'_>) -> Option<Option<Clock>> {
    let mut found: Option<Clock> = None;
    for at in 0..tokens.len {
        if !tokens.is_free(at) {
            continue;
        }
        let Some(written) = written(tokens, at) else {
            continue;
        };
        let (clock, begin) = with_half(tokens, at, written)?;
        tokens.take(begin, clock.end);
        if found.replace(clock).is_some() {
            return None;
        }
    }
    Some(found)
}

/// Takes what is left over when day and year are known: an hour alone, or a clock with other marks (`16.05`).
pub fn take_left_over(tokens: &mut Tokens<'_>) -> Option<Clock> {
    let at =
        (0..tokens.len).find(|at| tokens.number(*at).is_some_and(|(_, figures)| figures <= 2))?;
    let joined = |at: usize| {
        let is_mark = tokens.is_mark(at, b'.') || tokens.is_mark(at, b'-');
        let two = tokens.number(at + 1).filter(|(_, figures)| *figures == 2);
        two.filter(|_| is_mark && tokens.at(at).is_glued && tokens.at(at + 1).is_glued)
    };
    let (hour, _) = tokens.number(at)?;
    let (minute, second, end) = match (joined(at + 1), joined(at + 3)) {
        (Some((minute, _)), Some((second, _))) => (minute, second, at + 5),
        (Some((minute, _)), None) => (minute, 0, at + 3),
        (None, _) => (0, 0, at + 1),
    };
    tokens.take(at, end);
    of(hour, minute, second, end)
}

/// `HH:MM[:SS[.fraction]]`, `T0830`, `T08`, `8 pm`, `8h30`, as figures only.
#[derive(Clone, Copy)]
struct Written {
    hour: i64,
    minute: i64,
    second: i64,
    end: usize,
}

fn written(tokens: &Tokens<'_>, at: usize) -> Option<Written> {
    let (number, figures) = tokens.number(at)?;
    let whole = |hour, minute, second, end| {
        Some(Written {
            hour,
            minute,
            second,
            end,
        })
    };
    // `T083000`, `20240709 0830`: figures in one piece, behind the day in one piece or behind a T.
    let is_behind_t = tokens.is_word(at.wrapping_sub(1), "t") && tokens.at(at).is_glued;
    let is_behind_day =
        matches!(tokens.before(at).kind, Kind::Number(_)) && tokens.before(at).text.len() == 8;
    match figures {
        6 if is_behind_t || is_behind_day => {
            return whole(
                number / 10_000,
                number / 100 % 100,
                number % 100,
                fraction(tokens, at + 1),
            );
        }
        4 if is_behind_t || is_behind_day => return whole(number / 100, number % 100, 0, at + 1),
        1 | 2 => {}
        _ => return None,
    }
    // A sign and hours are an offset, wherever they stand.
    let before = tokens.before(at);
    if matches!(before.kind, Kind::Mark(b'+' | b'-')) && tokens.at(at).is_glued {
        return None;
    }
    let minutes = |at| glued(tokens, at);
    if tokens.is_mark(at + 1, b':')
        && let Some((minute, _)) = minutes(at + 2)
    {
        let second = tokens
            .is_mark(at + 3, b':')
            .then(|| minutes(at + 4))
            .flatten();
        return match second {
            Some((second, _)) => whole(number, minute, second, fraction(tokens, at + 5)),
            None => whole(number, minute, 0, fraction(tokens, at + 3)),
        };
    }
    if let Some((minute, second, end)) = dotted(tokens, at + 1, is_behind_t) {
        return whole(number, minute, second, end);
    }
    if tokens.is_word(at + 1, "h") && tokens.at(at + 1).is_glued {
        return match minutes(at + 2) {
            Some((minute, _)) => whole(number, minute, 0, at + 3),
            None => whole(number, 0, 0, at + 2),
        };
    }
    let is_hour = is_behind_t || half_day(tokens, at + 1).is_some();
    if is_hour {
        whole(number, 0, 0, at + 1)
    } else {
        None
    }
}

/// At most two figures that stand at what is before them, and how many they are.
fn glued(tokens: &Tokens<'_>, at: usize) -> Option<(i64, usize)> {
    let number = tokens.number(at)?;
    (number.1 <= 2 && tokens.at(at).is_glued).then_some(number)
}

/// Minute, second and end of `8.30 a.m.` and `T08.30.00`, behind the hour: without its half of the day or its T it could
/// be anything.
fn dotted(tokens: &Tokens<'_>, at: usize, is_behind_t: bool) -> Option<(i64, i64, usize)> {
    let behind_dot = |at| {
        let is_dot = tokens.is_mark(at, b'.') && tokens.at(at).is_glued;
        is_dot.then(|| glued(tokens, at + 1)).flatten()
    };
    let (minute, _) = behind_dot(at)?;
    if !is_behind_t {
        return half_day(tokens, at + 2).map(|_| (minute, 0, at + 2));
    }
    Some(match behind_dot(at + 2) {
        Some((second, _)) => (minute, second, fraction(tokens, at + 4)),
        None => (minute, 0, at + 2),
    })
}

/// Where a fraction of a second ends.
fn fraction(tokens: &Tokens<'_>, at: usize) -> usize {
    let is_mark = [b'.', b',', b':']
        .iter()
        .any(|mark| tokens.is_mark(at, *mark));
    let is_fraction = is_mark && tokens.at(at + 1).is_glued && tokens.number(at + 1).is_some();
    if is_fraction { at + 2 } else { at }
}

/// Puts the half of the day to it, which stands behind it or before it. Gives where it all begins, too.
fn with_half(tokens: &Tokens<'_>, at: usize, written: Written) -> Option<(Clock, usize)> {
    let Written {
        hour,
        minute,
        second,
        end,
    } = written;
    let (half, begin, end) = match half_day(tokens, end) {
        Some((half, end)) => (Some(half), at, end),
        None => match half_before(tokens, at) {
            Some((half, begin)) => (Some(half), begin, end),
            None => (None, at, end),
        },
    };
    let hour = match half {
        Some(Half::Pm) if hour < 12 => hour + 12,
        Some(Half::Am) if hour == 12 => 0,
        // Which of both was meant?
        Some(Half::Am) if hour > 12 => return None,
        _ => hour,
    };
    Some((of(hour, minute, second, end)?, begin))
}

fn of(hour: i64, minute: i64, second: i64, end: usize) -> Option<Clock> {
    // 24:00 is midnight of the next day, :60 a leap second.
    let is_one = hour <= 24 && minute <= 59 && second <= 60;
    let sec = hour * 3_600 + minute * 60 + second.min(59);
    is_one.then_some(Clock { sec, end })
}

#[derive(Clone, Copy)]
enum Half {
    Am,
    Pm,
}

/// `AM`, `p.m.`, `p. m.`, or a letter at the figures; and where it ends.
fn half_day(tokens: &Tokens<'_>, at: usize) -> Option<(Half, usize)> {
    let half = |word: &str| match word.to_ascii_lowercase().as_str() {
        "am" | "midnight" => Some(Half::Am),
        "pm" | "noon" => Some(Half::Pm),
        _ => None,
    };
    let word = tokens.word(at)?;
    if let Some(half) = half(word) {
        return Some((half, at + 1 + usize::from(tokens.is_mark(at + 1, b'.'))));
    }
    let letter = match word {
        "a" | "A" => Half::Am,
        "p" | "P" => Half::Pm,
        _ => return None,
    };
    if tokens.is_mark(at + 1, b'.') && tokens.is_word(at + 2, "m") {
        return Some((letter, at + 3 + usize::from(tokens.is_mark(at + 3, b'.'))));
    }
    tokens.at(at).is_glued.then_some((letter, at + 1))
}

/// The same, right before the figures, as East Asia writes it; and where it begins.
fn half_before(tokens: &Tokens<'_>, at: usize) -> Option<(Half, usize)> {
    let before = at.checked_sub(1)?;
    let (half, end) = half_day(tokens, before)?;
    (end == at && tokens.word(before)?.len() == 2).then_some((half, before))
}
