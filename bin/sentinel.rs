//! The `sentinel` service.

fn main() -> std::process::ExitCode {
    marketswarm::sentinel::run(marketswarm::sections::SCHEMAS)
}
