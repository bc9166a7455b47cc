//! The `mesh` service.

fn main() -> std::process::ExitCode {
    marketswarm::mesh::run(marketswarm::sections::SCHEMAS)
}
