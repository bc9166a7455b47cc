//! The one-shot `bootstrap` command.

fn main() -> std::process::ExitCode {
    marketswarm::bootstrap::run(marketswarm::sections::SCHEMAS)
}
