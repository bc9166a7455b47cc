use super::*;

#[test]
fn only_web_urls_without_credentials_are_fetched() {
    for (text, ok) in [
        ("https://example.com/feed", true),
        (" http://example.com:8080 ", true),
        ("ftp://example.com/", false),
        ("file:///etc/passwd", false),
        ("https://user:secret@example.com/", false),
        ("example.com/feed", false),
        ("https://", false),
    ] {
        let url = feed_url(text);
        assert_eq!(url.is_ok(), ok, "{text}: {url:?}");
        if let Err(error) = url {
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}

#[test]
fn an_address_in_any_notation_is_the_same_host() {
    for text in [
        "http://127.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://0177.0.0.1/",
    ] {
        assert_eq!(
            host_of(&feed_url(text).expect("a URL")),
            "127.0.0.1:80",
            "{text}"
        );
    }
    assert_eq!(
        host_of(&feed_url("https://EXAMPLE.com").expect("a URL")),
        "example.com:443"
    );
}

#[test]
fn only_the_permanent_beginning_of_the_way_is_a_move() {
    let hop = |status, to: &str| Hop {
        status,
        to: Url::parse(to).expect("a URL"),
    };
    let answer = |hops| Answer {
        status: 200,
        url: Url::parse("http://z/").expect("a URL"),
        hops,
        content_type: None,
        validators: Validators::default(),
        hints: ServerHints::default(),
        body: None,
    };
    for (hops, moved) in [
        (vec![], None),
        (
            vec![hop(301, "http://b/"), hop(308, "http://c/")],
            Some("http://c/"),
        ),
        (
            vec![
                hop(301, "http://b/"),
                hop(302, "http://c/"),
                hop(301, "http://d/"),
            ],
            Some("http://b/"),
        ),
        (vec![hop(307, "http://b/"), hop(301, "http://c/")], None),
    ] {
        assert_eq!(answer(hops).moved_to().map(Url::as_str), moved);
    }
}

#[test]
fn the_user_agent_names_version_and_contact() {
    let agent = user_agent(Some("ops@example.com\r\nX: y"));
    assert!(agent.starts_with("MarketSwarm/") && agent.contains("ops@example.com"));
    assert!(!agent.contains('\n'));
}
