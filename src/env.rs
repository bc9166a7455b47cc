//! The environment: values by name, each error naming the variable and never its value.
#![warn(missing_docs, clippy::missing_errors_doc)]

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Longest file that a `NAME_FILE` variable may point at: all public CAs are a quarter of it.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// A snapshot of the environment. Every value may come as `NAME` or, from a file, as `NAME_FILE`.
#[derive(Clone)]
pub struct Env {
    values: Arc<HashMap<String, String>>,
    /// Names of variables that are not UTF-8.
    garbled: Arc<HashSet<String>>,
}

/// A value that must not be printed; `Debug` shows `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Secret {
        Secret(value.into())
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A variable that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvError {
    /// The variable.
    pub name: String,
    /// What is wrong with it and what to write.
    pub reason: String,
}

impl fmt::Display for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "environment variable {}: {}", self.name, self.reason)
    }
}

impl std::error::Error for EnvError {}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Env({} variables)", self.values.len())
    }
}

impl Env {
    /// The environment of this process. One that is not UTF-8 is an error when it is asked for.
    pub fn of_process() -> Env {
        let (mut values, mut garbled) = (Vec::new(), HashSet::new());
        for (name, value) in std::env::vars_os() {
            // Nobody can ask for a name that is not UTF-8.
            let Ok(name) = name.into_string() else {
                continue;
            };
            match value.into_string() {
                Ok(value) => values.push((name, value)),
                Err(_) => {
                    garbled.insert(name);
                }
            }
        }
        Env {
            garbled: Arc::new(garbled),
            ..Env::from_pairs(values)
        }
    }

    /// An error when a variable that a program of ours may read is not UTF-8; `is_named` knows those that a truth
    /// names. For whoever hands the environment on: each program would refuse it, again and again.
    ///
    /// # Errors
    /// The first such variable by name, never by value.
    pub fn must_be_text(&self, is_named: impl Fn(&str) -> bool) -> Result<(), EnvError> {
        let mut garbled: Vec<&String> = self.garbled.iter().collect();
        garbled.sort_unstable();
        let ours = |name: &&&String| is_ours(name) || is_named(name);
        match garbled.iter().find(ours) {
            Some(name) => Err(not_text(name)),
            None => Ok(()),
        }
    }

    /// An environment of the caller's making.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Env {
        Env {
            values: Arc::new(
                pairs
                    .into_iter()
                    .map(|(k, v)| (k.into(), v.into()))
                    .collect(),
            ),
            garbled: Arc::default(),
        }
    }

    /// The same environment with one value set.
    pub fn with(&self, name: impl Into<String>, value: impl Into<String>) -> Env {
        let (mut values, mut garbled) =
            (HashMap::clone(&self.values), HashSet::clone(&self.garbled));
        let name = name.into();
        garbled.remove(&name);
        values.insert(name, value.into());
        Env {
            values: Arc::new(values),
            garbled: Arc::new(garbled),
        }
    }

    /// The value of `name`, or the content of the file that `NAME_FILE` names; empty counts as absent.
    ///
    /// # Errors
    /// The value is not UTF-8, or the file that it names cannot be read or is too long.
    pub fn get(&self, name: &str) -> Result<Option<String>, EnvError> {
        if let Some(value) = self.values.get(name).filter(|v| !v.is_empty()) {
            return Ok(Some(value.clone()));
        }
        let file_name = format!("{name}_FILE");
        if let Some(name) = [name, &file_name]
            .iter()
            .find(|n| self.garbled.contains(**n))
        {
            return Err(not_text(name));
        }
        let Some(path) = self.values.get(&file_name).filter(|v| !v.is_empty()) else {
            return Ok(None);
        };
        let error = |reason: String| EnvError {
            name: file_name.clone(),
            reason,
        };
        let size = std::fs::metadata(path)
            .map_err(|e| error(format!("cannot read `{path}`: {e}")))?
            .len();
        if size > FILE_MAX_BYTES {
            return Err(error(format!(
                "`{path}` is longer than {FILE_MAX_BYTES} bytes"
            )));
        }
        let text = std::fs::read_to_string(path)
            .map_err(|e| error(format!("cannot read `{path}`: {e}")))?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()).filter(|v| !v.is_empty()))
    }

    /// As [`get`](Env::get), for what must not be printed.
    ///
    /// # Errors
    /// As [`get`](Env::get).
    pub fn secret(&self, name: &str) -> Result<Option<Secret>, EnvError> {
        Ok(self.get(name)?.map(Secret))
    }

    /// As [`get`](Env::get), with a default.
    ///
    /// # Errors
    /// As [`get`](Env::get).
    pub fn text(&self, name: &str, default: &str) -> Result<String, EnvError> {
        Ok(self.get(name)?.unwrap_or_else(|| default.to_owned()))
    }

    /// Seconds, fractions allowed, between `min` and `max`.
    ///
    /// # Errors
    /// As [`number`](Env::number).
    pub fn secs(&self, name: &str, default: f64, min: f64, max: f64) -> Result<Duration, EnvError> {
        self.number(name, default, min, max)
            .map(Duration::from_secs_f64)
    }

    /// A number between `min` and `max`.
    ///
    /// # Errors
    /// As [`get`](Env::get), and when it is no number or not within the limits.
    pub fn number(&self, name: &str, default: f64, min: f64, max: f64) -> Result<f64, EnvError> {
        let Some(text) = self.get(name)? else {
            return Ok(default);
        };
        match text.trim().parse::<f64>() {
            Ok(value) if value >= min && value <= max => Ok(value),
            _ => Err(EnvError {
                name: name.to_owned(),
                reason: format!(
                    "not a number from {min} to {max}; write {default}, say, or leave it out"
                ),
            }),
        }
    }

    /// `1`, `true`, `yes`, `on` against `0`, `false`, `no`, `off`.
    ///
    /// # Errors
    /// As [`get`](Env::get), and when it is none of these words.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, EnvError> {
        let Some(text) = self.get(name)? else {
            return Ok(default);
        };
        match text.trim().to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Ok(true),
            "0" | "false" | "no" | "off" => Ok(false),
            _ => Err(EnvError {
                name: name.to_owned(),
                reason: "neither true nor false; write one of them".into(),
            }),
        }
    }

    /// A folder, when the variable names one.
    ///
    /// # Errors
    /// As [`get`](Env::get).
    pub fn folder(&self, name: &str) -> Result<Option<PathBuf>, EnvError> {
        Ok(self.get(name)?.map(PathBuf::from))
    }
}

/// Whether a program of ours may read the variable `name`, whatever truth says.
fn is_ours(name: &str) -> bool {
    const NAMES: [&str; 6] = [
        "ALERT_CHANNEL",
        "LOG_LEVEL",
        "NOTIFY_SOCKET",
        "RUN_DIR",
        "RUST_LOG",
        "STATE_DIR",
    ];
    const BEGINNINGS: [&str; 10] = [
        "CONSOLE_",
        "FEEDS_",
        "MARKETSWARM_",
        "MASSIVE_",
        "POLYGON_",
        "REDIS_",
        "SMTP_",
        "TRUTH_",
        "VEXY_",
        "WEBHOOK_",
    ];
    const ENDS: [&str; 3] = ["_URL", "_SEC", "_PROXY"];
    let name = name.strip_suffix("_FILE").unwrap_or(name);
    NAMES.contains(&name)
        || BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
        || ENDS.iter().any(|end| name.ends_with(end))
}

fn not_text(name: &str) -> EnvError {
    EnvError {
        name: name.to_owned(),
        reason: "not UTF-8; write it as UTF-8 text, or leave it out".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_come_from_a_file_and_its_last_newline_is_not_part_of_it() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "hunter2\n").expect("written");
        let env = Env::from_pairs([("SMTP_PASS_FILE", file.path().to_str().expect("utf-8"))]);
        let secret = env.secret("SMTP_PASS").expect("readable").expect("there");
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(format!("{secret:?}"), "***");
    }

    #[test]
    fn an_error_names_the_variable_and_not_its_value() {
        let env = Env::from_pairs([
            ("DEFAULT_TIMEOUT_SEC", "s3cret"),
            ("X_FILE", "/nonexistent/x"),
        ]);
        let error = env
            .secs("DEFAULT_TIMEOUT_SEC", 30.0, 0.1, 100.0)
            .expect_err("not a number")
            .to_string();
        assert!(
            error.contains("DEFAULT_TIMEOUT_SEC") && !error.contains("s3cret"),
            "{error}"
        );
        assert!(
            env.get("X")
                .expect_err("unreadable")
                .to_string()
                .contains("X_FILE")
        );
    }

    #[test]
    fn nan_and_what_is_out_of_range_is_refused() {
        for text in ["nan", "inf", "-1", "101", ""] {
            let env = Env::from_pairs([("N", text)]);
            assert_eq!(
                env.secs("N", 30.0, 0.1, 100.0).is_ok(),
                text.is_empty(),
                "{text:?}"
            );
        }
    }
}
