//! The console: shows how the swarm stands, over HTTP.

fn main() -> std::process::ExitCode {
    marketswarm::console::run(marketswarm::sections::SCHEMAS)
}
