//! Documents that are refused for their text, whatever they mean.

use super::*;

#[test]
fn what_is_not_json_is_refused_where_it_breaks() {
    for (document, expected) in [
        (
            "",
            "line 1 column 1: not JSON: the text ends where a value is expected",
        ),
        (
            "{\"services\": {\n  \"a\": nul}}",
            "line 2 column 8: services.a: not JSON: a value is expected, not `nul`",
        ),
        (
            "{\"services\": {},\n}",
            "line 2 column 1: services: not JSON: a comma before the closing bracket",
        ),
        (
            "{\"services\": {}} x",
            "line 1 column 18: not JSON: text follows",
        ),
        (
            "{\"services\": {}",
            "line 1 column 16: services: not JSON: the text ends where a comma",
        ),
        (
            "{'services': {}}",
            "line 1 column 2: not JSON: a single quote",
        ),
        (
            "{\"services\": // all\n{}}",
            "line 1 column 14: services: not JSON: a comment; JSON has none",
        ),
        (
            "{\"services\": {\"a\": {\"enabled\": True}}}",
            "services.a.enabled: not JSON: True; JSON writes",
        ),
        (
            "\u{feff}{\"services\": {}}",
            "line 1 column 1: a byte order mark",
        ),
    ] {
        refused(document, &[expected]);
    }
    refused(
        &beat("{\"timeout_sec\": NaN}"),
        &["not JSON: NaN is no JSON number"],
    );
    refused(
        &beat("{\"timeout_sec\": 030}"),
        &["not JSON: a number cannot start with a zero"],
    );
    refused(&"[".repeat(65), &["line 1 column 65: "]);
    let latin1 = Truth::parse(b"{\n\"m\xfcsli\": 1}", Defaults::default());
    let said = latin1.err().map(|rejected| rejected.to_string());
    let expected = "line 2 column 3: not UTF-8 from here on; save the file as UTF-8";
    assert_eq!(said.as_deref(), Some(expected));
}

#[test]
fn a_hundred_errors_are_told_and_the_rest_is_counted() {
    let services: Vec<_> = (0..150).map(|n| format!("\"s{n}\": 0")).collect();
    let rejected =
        parse(&format!("{{\"services\": {{{}}}}}", services.join(",\n"))).expect_err("too much");
    assert_eq!(
        (rejected.errors.list().len(), rejected.errors.more()),
        (PROBLEMS_MAX, 50)
    );
    assert!(rejected.to_string().ends_with("\n+ 50 more"));
}

#[test]
fn a_document_over_the_limit_is_refused_unread() {
    let document = vec![0; crate::contract::TRUTH_MAX_BYTES + 1];
    let rejected = Truth::parse(&document, Defaults::default()).expect_err("too much");
    assert!(
        rejected
            .to_string()
            .contains("268435457 bytes are more than the limit of 268435456")
    );
}
