//! Asks the vendor for prices, index values and option chains, and keeps them on the market bus.

use std::process::ExitCode;

use marketswarm::massive::daemon;
use marketswarm::sections::SCHEMAS;
use marketswarm::service;

/// musl's own allocator halves the rate of the reader of chains.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    service::run(&daemon::PROFILE, SCHEMAS, daemon::run)
}
