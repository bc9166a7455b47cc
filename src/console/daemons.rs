//! What daemons count of themselves, as far as it can be believed and told. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::exposition::{head, line};
use crate::contract::is_name;
use crate::contract::metrics::{
    Kind, LABELS_MAX, METRICS_MAX_BYTES, Report, SAMPLES_MAX, Sample, metrics_member,
};
use crate::text::SafeText;

/// Instances whose reports are told.
pub const DAEMONS_MAX: usize = 256;
/// Bytes of a name of a metric or of a label.
const NAME_MAX_BYTES: usize = 64;
/// Bytes of the value of a label.
const LABEL_MAX_BYTES: usize = 128;
/// Labels that tell who counts; no daemon gives others under these names.
const OWN_LABELS: [&str; 2] = ["svc", "inst"];

/// The report in `text`, without what cannot be told; `None` when it is none of `member`, as the index names it.
pub fn read(member: &str, text: &str) -> Option<Report> {
    if text.len() > METRICS_MAX_BYTES {
        return None;
    }
    let mut report: Report = serde_json::from_str(text).ok()?;
    let is_own = metrics_member(&report.svc, &report.inst) == member;
    if !is_own || !is_name(&report.svc) || !is_name(&report.inst) {
        return None;
    }
    report.ver = SafeText::cut(&report.ver, NAME_MAX_BYTES).into();
    report.samples.truncate(SAMPLES_MAX);
    report.samples.retain(can_be_told);
    for (_, text) in report.samples.iter_mut().flat_map(|s| &mut s.labels) {
        *text = SafeText::cut(text, LABEL_MAX_BYTES).into();
    }
    Some(report)
}

fn can_be_told(sample: &Sample) -> bool {
    let labels = &sample.labels;
    is_metric_name(&sample.name)
        && sample.value.is_finite()
        && labels.len() <= LABELS_MAX
        && (labels.iter()).all(|(n, _)| is_metric_name(n) && !OWN_LABELS.contains(&n.as_str()))
        && (labels.iter().enumerate()).all(|(at, (n, _))| labels[..at].iter().all(|(m, _)| m != n))
}

/// The names that both sides of the wire mean: small letters, digits and `_`, a letter first.
fn is_metric_name(name: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=NAME_MAX_BYTES).contains(&name.len())
        && name.as_bytes()[0].is_ascii_lowercase()
        && name.bytes().all(is_part)
}

/// The kind of a family, and its samples with those who tell them.
type Family<'r> = (Kind, Vec<(&'r Report, &'r Sample)>);

/// Writes the samples of all to `out`, each family once, and up to `lines` of them. A family that `out` has already is the
/// console's own. The first that names a family says its kind.
pub fn write(out: &mut String, reports: &[Report], lines: usize) {
    head(out, "daemon_info", "gauge", "The version of each daemon.");
    for report in reports.iter().take(lines) {
        let labels = [
            ("svc", &*report.svc),
            ("inst", &*report.inst),
            ("version", &*report.ver),
        ];
        line(out, "daemon_info", &labels, 1.0);
    }
    let mut families: BTreeMap<&str, Family<'_>> = BTreeMap::new();
    for report in reports {
        for sample in &report.samples {
            let new = || (sample.kind, Vec::new());
            let (kind, samples) = families.entry(&sample.name).or_insert_with(new);
            if *kind == sample.kind {
                samples.push((report, sample));
            }
        }
    }
    let mut left = lines.saturating_sub(reports.len());
    for (name, (kind, samples)) in families {
        if left < samples.len() + 2 {
            continue;
        }
        if out.contains(&format!("# TYPE marketswarm_{name} ")) {
            continue;
        }
        left -= samples.len() + 2;
        let kind = kind.as_str();
        head(out, name, kind, "As the daemon counts it.");
        let mut seen = BTreeSet::new();
        for (report, sample) in samples {
            let mut labels = vec![("svc", &*report.svc), ("inst", &*report.inst)];
            labels.extend(sample.labels.iter().map(|(n, v)| (&**n, &**v)));
            labels[2..].sort_unstable();
            // No number is told twice under one name.
            if seen.insert(labels.clone()) {
                line(out, name, &labels, sample.value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(samples: serde_json::Value) -> Report {
        let text = json!({"svc": "a", "inst": "i", "ver": "1", "ts": 1, "samples": samples});
        read("a:i", &text.to_string()).expect("a report")
    }

    #[test]
    fn only_what_can_be_believed_is_told() {
        let good = json!({"name": "x_total", "kind": "counter", "labels": [["bus", "b\"\n} 1"]], "value": 2});
        let bad = [
            json!({"name": "X", "kind": "gauge", "value": 1}),
            json!({"name": "x\ny 1", "kind": "gauge", "value": 1}),
            json!({"name": "x", "kind": "gauge", "labels": [["svc", "other"]], "value": 1}),
            json!({"name": "x", "kind": "gauge", "labels": [["a", "1"], ["a", "2"]], "value": 1}),
            json!({"name": "services", "kind": "gauge", "value": 9}),
        ];
        let all: Vec<_> = [good].into_iter().chain(bad).collect();
        let mut out = "# TYPE marketswarm_services gauge\n".to_owned();
        write(&mut out, &[report(all.into())], 1000);
        assert_eq!(
            out,
            "# TYPE marketswarm_services gauge\n\
             # HELP marketswarm_daemon_info The version of each daemon.\n\
             # TYPE marketswarm_daemon_info gauge\n\
             marketswarm_daemon_info{svc=\"a\",inst=\"i\",version=\"1\"} 1\n\
             # HELP marketswarm_x_total As the daemon counts it.\n\
             # TYPE marketswarm_x_total counter\n\
             marketswarm_x_total{svc=\"a\",inst=\"i\",bus=\"b\\\" } 1\"} 2\n"
        );
        for (member, text) in [
            (
                "b:i",
                json!({"svc": "a", "inst": "i", "ts": 1, "samples": []}),
            ),
            ("a:i", json!({"svc": "a", "inst": "i", "ts": 1})),
            (
                "a b:i",
                json!({"svc": "a b", "inst": "i", "ts": 1, "samples": []}),
            ),
        ] {
            assert_eq!(read(member, &text.to_string()), None, "{member} {text}");
        }
        assert_eq!(read("a:i", &" ".repeat(METRICS_MAX_BYTES + 1)), None);
    }

    #[test]
    fn a_family_has_one_kind_one_place_and_no_sample_twice() {
        let one = json!({"name": "x", "kind": "gauge", "value": 1});
        let other = json!({"name": "x", "kind": "counter", "value": 5});
        let mut out = String::new();
        write(&mut out, &[report(json!([one, one, other]))], 1000);
        let told = out.lines().filter(|line| line.contains("marketswarm_x"));
        assert_eq!(told.count(), 3, "{out}");
        let many: Vec<_> = (0..200)
            .map(|n| json!({"name": "y", "kind": "gauge", "labels": [["n", n.to_string()]], "value": n}))
            .collect();
        let mut out = String::new();
        write(&mut out, &[report(many.into())], 100);
        assert!(!out.contains("marketswarm_y"), "no part of a family: {out}");
    }
}
