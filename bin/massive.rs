//! The `massive` service.

fn main() -> std::process::ExitCode {
    marketswarm::massive::run(marketswarm::sections::SCHEMAS)
}
