//! Answers with something changed: values of another type, out of range, absent, twice, elsewhere.

use proptest::prelude::*;
use serde_json::{Value, json};

/// A text that must not come out among the problems.
pub const SENTINEL: &str = "REFUSED by the reader";

/// One change.
#[derive(Clone, Debug)]
pub enum Mutation {
    /// A value becomes another.
    Replace(usize, Value),
    /// A number is multiplied, which makes milliseconds of nanoseconds and highs of lows.
    Scale(usize, f64),
    /// A time becomes one so many milliseconds from now, in nanoseconds.
    Time(usize, i64),
    /// A member or element goes.
    Remove(usize),
    /// Two values change places.
    Swap(usize, usize),
    /// An element is there twice.
    Double(usize),
}

/// Any change.
pub fn mutation() -> impl Strategy<Value = Mutation> {
    let place = 0..10_000_usize;
    let value = prop_oneof![
        Just(Value::Null),
        Just(json!(0)),
        Just(json!(0.0)),
        Just(json!(-1.5)),
        Just(json!(1e300)),
        Just(json!(1_795_791_600_000_000_001_i64)),
        Just(json!(u64::MAX)),
        Just(json!(true)),
        Just(json!("120.5")),
        Just(json!(SENTINEL)),
        Just(json!([])),
        Just(json!({})),
        Just(json!([1, 2])),
        (-1_000.0..10_000.0_f64).prop_map(|number| json!(number)),
        (0..2_000_000_000_000_i64).prop_map(|number| json!(number)),
    ];
    prop_oneof![
        4 => (place.clone(), value).prop_map(|(at, value)| Mutation::Replace(at, value)),
        2 => (place.clone(), prop::sample::select(vec![1e-6, 1e-3, 0.5, 0.97, 1.03, 2.0, 1e3, -1.0]))
            .prop_map(|(at, by)| Mutation::Scale(at, by)),
        1 => (place.clone(), -100_000_000_i64..20_000).prop_map(|(at, ms)| Mutation::Time(at, ms)),
        1 => place.clone().prop_map(Mutation::Remove),
        2 => (place.clone(), place.clone()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        1 => place.prop_map(Mutation::Double),
    ]
}

impl Mutation {
    /// Makes the change. Places count round the places that there are.
    pub fn apply(&self, answer: &mut Value, now_ms: i64) {
        let mut places = Vec::new();
        collect(answer, String::new(), &mut places);
        if places.is_empty() {
            return;
        }
        let place = |at: usize| places[at % places.len()].as_str();
        match self {
            Mutation::Replace(at, value) => put(answer, place(*at), value.clone()),
            Mutation::Scale(at, by) => {
                let number = answer.pointer(place(*at)).cloned().unwrap_or_default();
                let scaled = match (number.as_i64(), number.as_f64()) {
                    (Some(whole), _) if by.fract() == 0.0 => {
                        json!(whole.saturating_mul(*by as i64))
                    }
                    (Some(whole), _) if *by < 1e-2 => json!(whole / (1.0 / by) as i64),
                    (_, Some(number)) => json!(number * by),
                    _ => return,
                };
                put(answer, place(*at), scaled);
            }
            Mutation::Time(at, ms) => put(answer, place(*at), json!((now_ms + ms) * 1_000_000 + 7)),
            Mutation::Remove(at) => remove(answer, place(*at)),
            Mutation::Swap(a, b) => {
                let (a, b) = (place(*a), place(*b));
                // A value cannot change places with what it stands in.
                if a.starts_with(b) || b.starts_with(a) {
                    return;
                }
                let (of_a, of_b) = (answer.pointer(a).cloned(), answer.pointer(b).cloned());
                put(answer, a, of_b.unwrap_or_default());
                put(answer, b, of_a.unwrap_or_default());
            }
            Mutation::Double(at) => {
                let Some((list, _)) = place(*at).rsplit_once('/') else {
                    return;
                };
                let value = answer.pointer(place(*at)).cloned().unwrap_or_default();
                if let Some(Value::Array(list)) = answer.pointer_mut(list) {
                    list.push(value);
                }
            }
        }
    }
}

/// Every place but the root.
fn collect(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                places.push(at.clone());
                collect(value, at, places);
            }
        }
        Value::Array(list) => {
            for (nth, value) in list.iter().enumerate() {
                let at = format!("{at}/{nth}");
                places.push(at.clone());
                collect(value, at, places);
            }
        }
        _ => {}
    }
}

fn put(answer: &mut Value, place: &str, value: Value) {
    if let Some(old) = answer.pointer_mut(place) {
        *old = value;
    }
}

fn remove(answer: &mut Value, place: &str) {
    let Some((parent, last)) = place.rsplit_once('/') else {
        return;
    };
    match answer.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            members.remove(last);
        }
        Some(Value::Array(list)) => {
            let nth: usize = last.parse().unwrap();
            list.remove(nth);
        }
        _ => {}
    }
}
