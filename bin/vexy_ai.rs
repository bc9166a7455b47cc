//! Analyses each item that the feed reader queues, once.

use std::process::ExitCode;

/// musl's own allocator takes several times as long for the small texts that an analysis is made of.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    marketswarm::vexy_ai::run(marketswarm::sections::SCHEMAS)
}
