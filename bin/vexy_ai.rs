//! The `vexy_ai` service.

fn main() -> std::process::ExitCode {
    marketswarm::vexy_ai::run(marketswarm::sections::SCHEMAS)
}
