//! What holds for every document, not only for those that somebody thought of.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::json::{Kind, Reader, Syntax};
use super::*;

/// Pieces that JSON and its common slips are made of.
const PIECES: [&str; 38] = [
    "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"\"", "\"", "\\", "\\n", "\\u0041",
    "\\ud83d", "\\ude00", "\\x", "1", "-", "0", "01", ".5", "1.5", "e", "E+9", "-0", "1e999",
    "true", "false", "null", "nul", "NaN", " ", "\n", "\t", "\u{1}", "ü", "/", "'",
];

/// Texts that are nearly JSON: any pieces, and pieces of strings and numbers alone, since only few of the former
/// come to be either.
fn pieces() -> impl Strategy<Value = String> {
    let of = |pieces: &'static [&'static str]| {
        prop::collection::vec(prop::sample::select(pieces), 0..8).prop_map(|pieces| pieces.concat())
    };
    let string = of(&[
        "a", "ü", "\\n", "\\/", "\\u0041", "\\u00e", "\\ud83d", "\\ude00", "\\x", "\\", "\n",
        "\u{1}", "\u{7f}",
    ]);
    let number = of(&["-", "0", "1", "25", ".", "e", "E", "+", "9"]);
    prop_oneof![
        of(&PIECES),
        string.prop_map(|inner| format!("\"{inner}\"")),
        number,
    ]
}

/// Some value with its strings, escapes and numbers, as serde_json writes it.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{0,5}", inner, 0..5)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    });
    (value, any::<bool>()).prop_map(|(value, pretty)| match pretty {
        true => format!("{value:#}"),
        false => value.to_string(),
    })
}

/// Cuts, doubles, overwrites or inserts somewhere.
fn damaged(text: &str, hits: &[(u32, u8, u8)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for &(place, how, byte) in hits {
        let at = place as usize % (bytes.len() + 1);
        let end = (at + usize::from(byte) % 40).min(bytes.len());
        match how % 5 {
            0 => drop(bytes.drain(at..end)),
            1 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            2 if at < bytes.len() => bytes[at] = byte,
            3 => bytes.truncate(at),
            _ => {
                let piece = PIECES[usize::from(byte) % PIECES.len()];
                drop(bytes.splice(at..at, piece.bytes()));
            }
        }
    }
    bytes
}

fn hits() -> impl Strategy<Value = Vec<(u32, u8, u8)>> {
    prop::collection::vec(any::<(u32, u8, u8)>(), 1..4)
}

/// The value as our reader reads it.
fn read(text: &str) -> Result<Value, Syntax> {
    fn value(reader: &mut Reader<'_>) -> Result<Value, Syntax> {
        Ok(match reader.kind()? {
            Kind::Object => {
                let mut members = serde_json::Map::new();
                reader.object()?;
                while let Some(key) = reader.next_key()? {
                    let member = value(reader)?;
                    members.insert(key.into_owned(), member);
                }
                Value::Object(members)
            }
            Kind::Array => {
                let mut elements = Vec::new();
                reader.array()?;
                while reader.next_element()?.is_some() {
                    elements.push(value(reader)?);
                }
                Value::Array(elements)
            }
            Kind::String => Value::from(reader.string()?.into_owned()),
            Kind::Number => Value::from(reader.number()?),
            Kind::Bool => Value::from(reader.boolean()?),
            Kind::Null => {
                reader.skip()?;
                Value::Null
            }
        })
    }
    let mut reader = Reader::new(text);
    let read = value(&mut reader)?;
    reader.end().map(|()| read)
}

/// Two readers may differ in the last bit of a number.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= a.abs() * 1e-15,
            _ => false,
        },
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().eq(b.keys());
            keys && a.values().zip(b.values()).all(|(a, b)| alike(a, b))
        }
        _ => a == b,
    }
}

fn reads_like_serde_json(text: &str) -> Result<(), TestCaseError> {
    match (read(text), serde_json::from_str::<Value>(text)) {
        (Ok(ours), Ok(theirs)) => prop_assert!(alike(&ours, &theirs), "{ours} is not {theirs}"),
        (Err(_), Err(_)) => {}
        // Too large for a double: the grammar allows it, and whoever wants a number refuses it.
        (Ok(_), Err(error)) if error.to_string().contains("out of range") => {}
        (ours, theirs) => prop_assert!(false, "{text:?}: {ours:?} but {theirs:?}"),
    }
    Ok(())
}

/// What one service of a generated document says.
#[derive(Clone, Debug)]
struct Model {
    beats: bool,
    enabled: Option<bool>,
    own_channel: bool,
    interval_sec: Option<u32>,
    timeout_sec: Option<u32>,
    bus: Option<u8>,
    depends_on: Vec<u8>,
    publishes: Vec<(bool, String)>,
}

fn model() -> impl Strategy<Value = Model> {
    (
        any::<bool>(),
        any::<Option<bool>>(),
        any::<bool>(),
        prop::option::of(1..20u32),
        prop::option::of(21..1000u32),
        prop::option::of(0..3u8),
        prop::collection::vec(any::<u8>(), 0..3),
        prop::collection::vec((any::<bool>(), "[a-z:.*{} ü\"\\\\]{1,12}"), 0..4),
    )
        .prop_map(
            |(
                beats,
                enabled,
                own_channel,
                interval_sec,
                timeout_sec,
                bus,
                depends_on,
                publishes,
            )| Model {
                beats,
                enabled,
                own_channel,
                interval_sec,
                timeout_sec,
                bus,
                depends_on,
                publishes,
            },
        )
}

const URLS: [&str; 3] = [
    "redis://system-redis:6379",
    "redis://third",
    "rediss://10.1.2.3:7/0",
];
const BUSES: [&str; 3] = ["system-redis", "third", "10.1.2.3:7"];

fn document_of(models: &BTreeMap<String, Model>, names: &[&String], first: &str) -> String {
    let services = models.iter().enumerate().map(|(n, (name, model))| {
        let mut service = json!({});
        if model.beats {
            let mut heartbeat = json!({});
            if model.own_channel {
                heartbeat["channel"] = format!("beats of {name}").into();
            }
            for (field, value) in [
                ("interval_sec", model.interval_sec),
                ("timeout_sec", model.timeout_sec),
            ] {
                if let Some(value) = value {
                    heartbeat[field] = value.into();
                }
            }
            if let Some(bus) = model.bus {
                heartbeat["redis_url"] = URLS[usize::from(bus)].into();
            }
            service["heartbeat"] = heartbeat;
        }
        if let Some(enabled) = model.enabled {
            service["enabled"] = enabled.into();
        }
        service["depends_on"] = depends_of(model, n, names).into();
        let lanes = model.publishes.iter().map(|(market, key)| {
            json!({"bus": if *market { "market-redis" } else { "third" }, "key": key})
        });
        service["access_points"] = json!({"publish_to": lanes.collect::<Vec<_>>()});
        (name.clone(), service)
    });
    let services: Value = services.collect();
    let buses = json!({"third": {"url": "redis://10.0.0.3"}});
    // `buses` may come before or after what refers to it.
    match first {
        "buses" => format!("{{\"buses\": {buses}, \"services\": {services:#}}}"),
        _ => format!("{{\"services\": {services}, \"buses\": {buses:#}}}"),
    }
}

/// Only on later ones, so that there is no circle.
fn depends_of(model: &Model, n: usize, names: &[&String]) -> Vec<String> {
    let later = &names[n + 1..];
    let on = model.depends_on.iter().filter(|_| !later.is_empty());
    let mut on: Vec<_> = on
        .map(|i| later[usize::from(*i) % later.len()].clone())
        .collect();
    on.sort();
    on.dedup();
    on
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_json_to_serde_json_is_json_here_and_means_the_same(
        loose in pieces(),
        whole in json_text(),
        hits in hits(),
    ) {
        reads_like_serde_json(&loose)?;
        reads_like_serde_json(&whole)?;
        if let Ok(text) = String::from_utf8(damaged(&whole, &hits)) {
            reads_like_serde_json(&text)?;
        }
    }

    #[test]
    fn a_damaged_document_is_refused_in_words_or_is_still_a_document(hits in hits(), ships in any::<bool>()) {
        let text = if ships { include_str!("../../../truth.json") } else { SWARM };
        let bytes = damaged(text, &hits);
        match Truth::parse(&bytes, Defaults::default()) {
            Ok(truth) => {
                for svc in truth.services() {
                    let (_, _) = (svc.channel(), svc.depends_on().count());
                    prop_assert!(!svc.has_heartbeat() || svc.name() == HEALER || svc.interval() < svc.timeout());
                }
            }
            Err(rejected) => {
                prop_assert!(!rejected.errors.is_empty());
                let lines = 1 + bytes.iter().filter(|b| **b == b'\n').count();
                for problem in rejected.errors.list() {
                    prop_assert!(problem.position.line <= lines && !problem.what.is_empty());
                }
            }
        }
    }

    #[test]
    fn what_a_document_says_is_what_the_look_ups_tell(
        models in prop::collection::btree_map("[A-Za-z0-9_.-]{1,64}", model(), 1..12),
        first in prop::sample::select(vec!["buses", "services"]),
    ) {
        prop_assume!(!models.contains_key(HEALER));
        let names: Vec<&String> = models.keys().collect();
        let document = document_of(&models, &names, first);
        let truth = good(&document);
        let in_order = truth.services().map(|svc| svc.name().to_owned());
        prop_assert_eq!(in_order.collect::<Vec<_>>(), models.keys().cloned().collect::<Vec<_>>());
        let buses: Vec<&str> = truth.buses().collect();
        for (n, (name, model)) in models.iter().enumerate() {
            let svc = truth.service(name).expect("in the document");
            prop_assert_eq!(svc.has_heartbeat(), model.beats);
            prop_assert_eq!(svc.is_enabled(), model.enabled != Some(false));
            prop_assert_eq!(svc.is_watched(), model.beats && model.enabled != Some(false));
            let depends: Vec<String> = svc.depends_on().map(str::to_owned).collect();
            prop_assert_eq!(depends, depends_of(model, n, &names));
            let lanes: Vec<_> = svc.publish_to().map(|lane| (lane.bus == "market-redis", lane.key.to_owned())).collect();
            prop_assert_eq!(&lanes, &model.publishes);
            if model.beats {
                let channel = if model.own_channel { format!("beats of {name}") } else { format!("{name}:heartbeat") };
                prop_assert_eq!(svc.channel(), channel);
                prop_assert_eq!(svc.interval().as_secs(), u64::from(model.interval_sec.unwrap_or(10)));
                prop_assert_eq!(svc.timeout().as_secs(), u64::from(model.timeout_sec.unwrap_or(30)));
                prop_assert_eq!(buses[svc.bus().index()], BUSES[usize::from(model.bus.unwrap_or(0))]);
            }
        }
    }
}
