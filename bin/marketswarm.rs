//! The operator's command.

fn main() -> std::process::ExitCode {
    marketswarm::cli::run()
}
