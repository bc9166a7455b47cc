//! The id of an alert, in little room: a history holds a million of them. Pure.

use std::fmt;

/// The id of an alert, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(Form);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Form {
    /// `68965b998ceca3ad-17`: an instance of 16 digits, and a number.
    Number { inst: u64, n: u32 },
    // A thin pointer: any other form is rare.
    #[allow(clippy::box_collection)]
    Text(Box<String>),
}

impl From<&str> for AlertId {
    fn from(text: &str) -> AlertId {
        let number = || {
            let (inst, n) = text.split_once('-')?;
            let is_inst =
                inst.len() == 16 && inst.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            let is_number =
                n.bytes().all(|b| b.is_ascii_digit()) && !(n.starts_with('0') && n.len() > 1);
            (is_inst && is_number).then_some(())?;
            let inst = u64::from_str_radix(inst, 16).ok()?;
            Some(Form::Number {
                inst,
                n: n.parse().ok()?,
            })
        };
        AlertId(number().unwrap_or_else(|| Form::Text(Box::new(text.to_owned()))))
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Number { inst, n } => write!(f, "{inst:016x}-{n}"),
            Form::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_it_was_read_and_takes_sixteen_bytes() {
        for text in [
            "68965b998ceca3ad-1",
            "0000000000000000-0",
            "68965b998ceca3ad-01",
            "68965B998ceca3ad-1",
            "68965b998ceca3ad-4294967296",
            "68965b998ceca3ad--1",
            "68965b998ceca3ad-",
            "m-7",
            "",
        ] {
            assert_eq!(AlertId::from(text).to_string(), text);
        }
        assert_eq!(size_of::<AlertId>(), 16);
    }
}
