//! How feeds were read.

mod characters;
mod dates;
mod http;
mod identity;
mod links;
mod structure;
mod text;

use marketswarm::clock::Mono;
use marketswarm::feed::check::{self, Report};
use marketswarm::feed::document::Context;

/// What a feed at `https://feed.example/dir/feed` says.
fn check(body: &str) -> Report {
    let context = Context {
        url: "https://feed.example/dir/feed",
        max_items: 100,
    };
    let (now_ts, clock) = (1_800_000_000, Mono::default);
    check::check(body.as_bytes(), None, context, "f", now_ts, clock)
        .unwrap_or_else(|refused| panic!("{refused}: {body}"))
}
