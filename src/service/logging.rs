//! One line per event: `2026-11-24T22:01:07.123Z INFO  rss_agg: text`.

use std::io::Write;

use log::{Level, LevelFilter};

use crate::env::{Env, EnvError};
use crate::text::SafeText;

/// A longer line is cut.
const LINE_MAX_BYTES: usize = 64 * 1024;

/// Starts logging to standard error for `service`.
///
/// `LOG_LEVEL` is `error`, `warn`, `info` (the default), `debug` or `trace`, in any case; `RUST_LOG` with its finer
/// filters is obeyed where `LOG_LEVEL` is absent.
///
/// # Errors
/// `LOG_LEVEL` is none of these words.
pub fn start(service: &'static str, env: &Env) -> Result<(), EnvError> {
    let mut builder = env_logger::Builder::new();
    match (env.get("LOG_LEVEL")?, env.get("RUST_LOG")?) {
        (Some(level), _) => {
            let level = level.trim().to_ascii_lowercase();
            let filter = match level.as_str() {
                "warning" => LevelFilter::Warn,
                "critical" | "fatal" => LevelFilter::Error,
                other => other.parse().map_err(|_| EnvError {
                    name: "LOG_LEVEL".into(),
                    reason: "not a level; write error, warn, info, debug or trace".into(),
                })?,
            };
            builder.filter_level(filter);
        }
        (None, Some(filters)) => {
            builder.parse_filters(&filters);
        }
        (None, None) => {
            builder.filter_level(LevelFilter::Info);
        }
    }
    builder.format(move |out, record| {
        if repeats_secrets(record.target(), record.level()) {
            return Ok(());
        }
        let line = SafeText::cut(&record.args().to_string(), LINE_MAX_BYTES);
        let now = crate::clock::rfc3339_millis(crate::clock::wall_millis());
        writeln!(out, "{now} {:<5} {service}: {line}", record.level())
    });
    // A second start (in tests) keeps the first.
    let _ = builder.try_init();
    Ok(())
}

/// Below a warning the HTTP client logs whole requests, and the URL of a webhook is a secret; what speaks WebSocket logs
/// what is sent, and that begins with a key. This is never shown, whatever the filters say.
fn repeats_secrets(target: &str, level: Level) -> bool {
    level > Level::Warn
        && ["ureq", "tungstenite"]
            .iter()
            .any(|name| target.starts_with(name))
}
