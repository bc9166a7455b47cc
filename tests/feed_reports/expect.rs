//! Whether a report is what was expected of it.

use serde_json::{Map, Value};

/// Each expectation that does not hold, in words.
pub fn holds(expect: &Value, code: i32, report: &Value, base: &str) -> Result<(), String> {
    let expect = expect.as_object().expect("expectations");
    let mut wrong = Vec::new();
    if !expect.contains_key("exit") && !matches!(code, 0 | 1) {
        wrong.push(format!("exit code {code}"));
    }
    for (key, wanted) in expect {
        match key.as_str() {
            "exit" => is_equal(&mut wrong, "exit code", &Value::from(code), wanted),
            "items" => {
                let items = report["items"].as_array().map_or(0, Vec::len);
                is_equal(&mut wrong, "items", &Value::from(items), wanted);
            }
            "repairs" => {
                let repairs = report["repairs"].as_array().cloned().unwrap_or_default();
                let names = repairs
                    .into_iter()
                    .map(|mut repair| repair["repair"].take());
                is_equal(&mut wrong, "repairs", &names.collect(), wanted);
            }
            "fields" => each(wanted, |path, wanted| {
                let wanted = match wanted.as_str() {
                    Some(text) => Value::from(one_line(&text.replace("{base}", base))),
                    None => wanted.clone(),
                };
                let found = match at(report, path) {
                    Value::String(text) => Value::from(one_line(text)),
                    other => other.clone(),
                };
                is_equal(&mut wrong, path, &found, &wanted);
            }),
            "absent" => {
                for path in wanted.as_array().expect("paths") {
                    let path = path.as_str().expect("a path");
                    is_equal(&mut wrong, path, at(report, path), &Value::Null);
                }
            }
            "contains" | "lacks" => each(wanted, |path, parts| {
                let text = at(report, path).as_str().unwrap_or_default();
                for part in parts.as_array().expect("parts") {
                    let part = part.as_str().expect("text").replace("{base}", base);
                    if text.contains(&part) != (key == "contains") {
                        wrong.push(format!("{path} is {text:?}, which should {key} {part:?}"));
                    }
                }
            }),
            "dates" => each(wanted, |path, wanted| {
                wrong.extend(date(at(report, path), path, wanted))
            }),
            other => panic!("an expectation that is not known: {other}"),
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("; "))
    }
}

fn date(item: &Value, path: &str, wanted: &Value) -> Option<String> {
    let written = item["published_supplied"]
        .is_null()
        .then(|| &item["published_ts"]);
    let right = match written {
        Some(ts) => !ts.is_null() && *ts == wanted["ts"],
        None => wanted["or_none"] == true && item["published_supplied"] == "fetch_time",
    };
    (!right).then(|| format!("{path} is dated {written:?}, not {wanted}"))
}

fn each(paths: &Value, mut what: impl FnMut(&str, &Value)) {
    let paths: &Map<String, Value> = paths.as_object().expect("paths");
    paths.iter().for_each(|(path, value)| what(path, value));
}

fn is_equal(wrong: &mut Vec<String>, what: &str, found: &Value, wanted: &Value) {
    if found != wanted {
        wrong.push(format!("{what}: {found}, not {wanted}"));
    }
}

fn at<'v>(report: &'v Value, path: &str) -> &'v Value {
    report.pointer(&format!("/{path}")).unwrap_or(&Value::Null)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
