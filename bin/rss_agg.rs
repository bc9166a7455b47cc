//! Polls the feeds in truth and queues each new item once.

use std::process::ExitCode;

use marketswarm::rss_agg::daemon;
use marketswarm::sections::SCHEMAS;
use marketswarm::service;

/// musl's own allocator halves the rate of the parser.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    service::run(&daemon::PROFILE, SCHEMAS, daemon::run)
}
