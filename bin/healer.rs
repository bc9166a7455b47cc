//! The `healer` service.

fn main() -> std::process::ExitCode {
    marketswarm::healer::run(marketswarm::sections::SCHEMAS)
}
