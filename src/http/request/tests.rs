use super::*;

fn status_of(head: &str) -> u16 {
    match Request::read(head.as_bytes()) {
        Ok(Some(_)) => 200,
        Ok(None) => 0,
        Err(refusal) => refusal.status(),
    }
}

#[test]
fn a_request_is_understood() {
    let head = "GET /services/a%20b?q=x+y&after=%C3%A4&q=z HTTP/1.1\r\nHost: a:1\r\nCookie: x=1; console=abc\r\n\r\nrest";
    let (request, length) = Request::read(head.as_bytes())
        .expect("valid")
        .expect("whole");
    assert_eq!(length, head.len() - 4);
    assert_eq!(request.path, "/services/a b");
    assert_eq!(
        (request.param("q"), request.param("after")),
        (Some("x y"), Some("ä"))
    );
    assert_eq!(request.cookie("console"), Some("abc"));
    assert_eq!(request.cookie("consol"), None);
    assert_eq!(request.field("host"), Some("a:1"));
    assert!(request.keeps_alive);
}

#[test]
#[allow(clippy::too_many_lines)] // A table of cases.
fn what_could_be_understood_in_two_ways_is_refused() {
    let host = "Host: a\r\n";
    for (head, status) in [
        (format!("GET / HTTP/1.1\r\n{host}\r\n"), 200),
        (format!("GET / HTTP/1.1\r\n{host}"), 0),
        ("GET / HTTP/1.0\r\n\r\n".into(), 200),
        ("GET / HTTP/1.1\r\n\r\n".into(), 400),
        (format!("GET / HTTP/1.1\r\n{host}{host}\r\n"), 400),
        (
            format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n"),
            400,
        ),
        (
            format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding : chunked\r\n\r\n"),
            400,
        ),
        (
            format!("POST / HTTP/1.1\r\n{host}Content-Length: 3\r\nContent-Length: 3\r\n\r\n"),
            400,
        ),
        (
            format!("POST / HTTP/1.1\r\n{host}Content-Length: 3, 3\r\n\r\n"),
            400,
        ),
        (
            format!("POST / HTTP/1.1\r\n{host}Content-Length: +3\r\n\r\n"),
            400,
        ),
        (
            format!("POST / HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n"),
            400,
        ),
        (
            format!("POST / HTTP/1.1\r\n{host}Content-Length: 99999999999999999999\r\n\r\n"),
            413,
        ),
        (
            format!("POST / HTTP/1.1\r\n{host}Content-Length: 16385\r\n\r\n"),
            413,
        ),
        (format!("GET / HTTP/1.1\r\n{host}A: b\r\n c\r\n\r\n"), 400),
        (format!("GET / HTTP/1.1\n{host}\r\n"), 400),
        (format!("GET / HTTP/1.1\r\n{host}A: b\rc: d\r\n\r\n"), 400),
        (format!("GET / HTTP/1.1\r\n{host}A: b\n\n"), 400),
        (format!("\r\nGET / HTTP/1.1\r\n{host}\r\n"), 400),
        (format!("GET http://a/ HTTP/1.1\r\n{host}\r\n"), 400),
        (format!("GET * HTTP/1.1\r\n{host}\r\n"), 400),
        (format!("GET /\0 HTTP/1.1\r\n{host}\r\n"), 400),
        (format!("DELETE / HTTP/1.1\r\n{host}\r\n"), 405),
        (format!("get / HTTP/1.1\r\n{host}\r\n"), 405),
        (format!("GET / HTTP/2.0\r\n{host}\r\n"), 505),
        (
            format!("POST / HTTP/1.1\r\n{host}Expect: more\r\n\r\n"),
            417,
        ),
        (
            format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(TARGET_MAX)),
            414,
        ),
        (format!("GET /{}", "a".repeat(HEAD_MAX)), 414),
        (
            format!("GET / HTTP/1.1\r\n{host}A: {}", "a".repeat(HEAD_MAX)),
            431,
        ),
        (
            format!(
                "GET / HTTP/1.1\r\n{host}{}\r\n",
                "A: b\r\n".repeat(FIELDS_MAX)
            ),
            431,
        ),
    ] {
        assert_eq!(status_of(&head), status, "{head:?}");
    }
}

#[test]
fn no_path_leads_out() {
    for path in [
        "/../etc/passwd",
        "/a/../../b",
        "/%2e%2e/b",
        "/.%2E/b",
        "/a/./b",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/a%00",
        "/a%0ab",
        "/a%7f",
        "/%ff",
        "/%zz",
        "/%2",
    ] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(status_of(&head), 400, "{path}");
    }
}

#[test]
fn a_field_that_stands_there_twice_has_no_value() {
    let head = "GET / HTTP/1.1\r\nHost: a\r\nX-User: root\r\nX-User: me\r\n\r\n";
    let (request, _) = Request::read(head.as_bytes())
        .expect("valid")
        .expect("whole");
    assert_eq!(request.field("x-user"), None);
    assert!(request.has("x-user"));
}
