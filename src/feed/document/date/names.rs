//! Months and weekdays by their names. A word is one as a whole or not at all: `Martes` is no March.

/// The number of a month. English first; of other languages what can be mistaken for nothing else.
pub fn month(word: &str) -> Option<i64> {
    let mut lower = [0; 10];
    Some(match lower_case(word, &mut lower)? {
        "jan" | "january" | "januar" | "januari" | "janvier" | "janv" | "janeiro" | "ene"
        | "enero" | "gen" | "gennaio" | "janner" => 1,
        "feb" | "february" | "februar" | "februari" | "febr" | "fevrier" | "fevr" | "fev"
        | "fevereiro" | "febrero" | "febbraio" => 2,
        "mar" | "march" | "mars" | "marz" | "mrz" | "maerz" | "mrt" | "maart" | "marzo"
        | "marco" | "marts" => 3,
        "apr" | "april" | "avr" | "avril" | "abr" | "abril" | "aprile" => 4,
        "may" | "mai" | "mei" | "maj" | "mayo" | "mag" | "maggio" | "maio" => 5,
        "jun" | "june" | "juni" | "juin" | "junio" | "giu" | "giugno" | "junho" => 6,
        "jul" | "july" | "juli" | "juil" | "juillet" | "julio" | "lug" | "luglio" | "julho" => 7,
        "aug" | "august" | "aout" | "ago" | "agosto" | "augusti" | "augustus" => 8,
        "sep" | "sept" | "september" | "septembre" | "septiembre" | "setiembre" | "set"
        | "settembre" | "setembro" => 9,
        "oct" | "october" | "okt" | "oktober" | "octobre" | "octubre" | "ott" | "ottobre"
        | "outubro" => 10,
        "nov" | "november" | "novembre" | "noviembre" | "novembro" => 11,
        "dec" | "december" | "dez" | "dezember" | "decembre" | "dic" | "diciembre" | "dicembre"
        | "dezembro" | "desember" | "des" => 12,
        _ => return None,
    })
}

/// The number of a weekday, Sunday is 0. English, and the one that other languages write as an English month.
pub fn weekday(word: &str) -> Option<i64> {
    let mut lower = [0; 10];
    Some(match lower_case(word, &mut lower)? {
        "sun" | "sunday" => 0,
        "mon" | "monday" => 1,
        "tue" | "tues" | "tuesday" | "mar" => 2,
        "wed" | "weds" | "wednesday" => 3,
        "thu" | "thur" | "thurs" | "thursday" => 4,
        "fri" | "friday" => 5,
        "sat" | "saturday" => 6,
        _ => return None,
    })
}

/// Words that may stand between a day, its month and its year.
pub fn is_filler(word: &str) -> bool {
    const FILLERS: [&str; 14] = [
        "st", "nd", "rd", "th", "of", "the", "de", "del", "do", "den", "er", "d", "t", "at",
    ];
    FILLERS
        .iter()
        .any(|filler| filler.eq_ignore_ascii_case(word))
        || weekday(word).is_some()
}

fn lower_case<'b>(word: &str, buffer: &'b mut [u8; 10]) -> Option<&'b str> {
    let lower = buffer.get_mut(..word.len())?;
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).ok()
}
