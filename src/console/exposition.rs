//! Lines of the text format 0.0.4 (<https://prometheus.io/docs/instrumenting/exposition_formats/>). Pure.

use std::fmt::Write;

/// The head of a family.
pub fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "# HELP marketswarm_{name} {help}\n# TYPE marketswarm_{name} {kind}"
    );
}

/// One sample.
pub fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    let _ = write!(out, "marketswarm_{name}");
    for (at, (label, text)) in labels.iter().enumerate() {
        let before = if at == 0 { '{' } else { ',' };
        let text = text
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = write!(out, "{before}{label}=\"{text}\"");
    }
    let _ = match labels.is_empty() {
        true => writeln!(out, " {value}"),
        false => writeln!(out, "}} {value}"),
    };
}
