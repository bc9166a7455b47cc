//! Any bytes through the whole reader: no panic, nothing unsafe in what comes out, and clean HTML stays as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use marketswarm::clock::Mono;
use marketswarm::feed::check::check;
use marketswarm::feed::document::{Context, Text};
use marketswarm::feed::sanitise::Sanitiser;

fuzz_target!(|body: &[u8]| {
    let context = Context { url: "http://feed.example/", max_items: 100 };
    let Ok(report) = check(body, None, context, "feed", 1_800_000_000, Mono::now) else {
        return;
    };
    for item in &report.items {
        for url in item.url.iter().chain(&item.image) {
            assert!(url.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http")), "{url}");
        }
        for html in item.summary.iter().chain(&item.content).filter(|_| item.cut.is_empty()) {
            let text = Text { raw: html.as_str().into(), is_html: true, ..Text::default() };
            let again = Sanitiser::new(Mono::now).clean(&text, "http://feed.example/", &mut Vec::new());
            assert_eq!(&again, html);
        }
    }
});
