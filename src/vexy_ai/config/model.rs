//! `services.vexy_ai.model`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use url::{Host, Url};

use crate::env::Env;
use crate::net::ssrf_guard::SsrfGuard;
use crate::text::SafeText;
use crate::truth::{Problems, Sections, Wrong, range};

/// The longest URL, and the longest name of a model.
const URL_MAX_BYTES: usize = 1_000;
const MODEL_MAX_BYTES: usize = 200;
/// The longest `extra`, as JSON.
const EXTRA_MAX_BYTES: usize = 4 * 1024;
/// What `extra` may not set: the request's own fields.
const RESERVED: [&str; 4] = ["messages", "model", "stream", "tools"];
/// The variable with the key, whose value is of no concern here.
const KEY: &str = "VEXY_LLM_KEY";

/// Which model refines what, and what that may cost.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct Model {
    /// Where the server is, such as `https://api.openai.com/v1`; else the environment says it.
    url: Option<String>,
    /// The model's name; else the environment says it.
    pub model: Option<String>,
    /// What weighs less is not sent.
    pub min_salience: u8,
    /// Calls at one time.
    pub concurrency: usize,
    pub timeout_sec: u64,
    pub max_input_chars: usize,
    pub max_output_tokens: u32,
    pub calls_per_min: u64,
    pub tokens_per_min: u64,
    pub calls_per_day: u64,
    pub tokens_per_day: u64,
    /// Of a million tokens that are sent.
    pub price_in: Option<f64>,
    /// Of a million tokens that are answered.
    pub price_out: Option<f64>,
    /// In the currency of the prices. `None`: not limited.
    pub cost_per_day: Option<f64>,
    /// Items that may wait.
    pub queue_max: usize,
    /// What has waited longer is not sent any more.
    pub max_age_sec: u64,
    /// How long an answer is kept for the same text.
    pub cache_sec: u64,
    /// Further fields of the request.
    pub extra: Map<String, Value>,
}

impl Default for Model {
    fn default() -> Model {
        Model {
            url: None,
            model: None,
            min_salience: 50,
            concurrency: 2,
            timeout_sec: 60,
            max_input_chars: 6_000,
            max_output_tokens: 700,
            calls_per_min: 20,
            tokens_per_min: 40_000,
            calls_per_day: 1_000,
            tokens_per_day: 500_000,
            price_in: None,
            price_out: None,
            cost_per_day: None,
            queue_max: 10_000,
            max_age_sec: 21_600,
            cache_sec: 604_800,
            extra: Map::new(),
        }
    }
}

impl Model {
    /// Where truth says that the server is.
    pub fn url(&self) -> Option<Url> {
        self.url.as_deref().and_then(|text| server_url(text).ok())
    }

    /// For one call, from the name to the last byte.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_sec)
    }

    /// `has_key` says whether there is a key to be sent.
    fn wrong(&self, has_key: bool) -> Result<(), Wrong> {
        if let Some(text) = &self.url {
            let url = server_url(text).map_err(|what| ("url", what, INSTEAD))?;
            if has_key && url.scheme() == "http" && is_public(&url) {
                let what = "plain http to a public address, while there is a key to be sent";
                return Err(("url", what.to_owned(), "write https"));
            }
        }
        if let Some(name) = &self.model
            && !is_model_name(name)
        {
            let what = format!("{:?} is no name of a model", SafeText::cut(name, 80));
            return Err((
                "model",
                what,
                "write it as the server does, such as \"gpt-4o-mini\"",
            ));
        }
        range("min_salience", &self.min_salience, (0, 100))?;
        range("concurrency", &self.concurrency, (1, 32))?;
        range("timeout_sec", &self.timeout_sec, (5, 600))?;
        range("max_input_chars", &self.max_input_chars, (200, 100_000))?;
        range("max_output_tokens", &self.max_output_tokens, (50, 32_000))?;
        range("calls_per_min", &self.calls_per_min, (1, 60_000))?;
        range("tokens_per_min", &self.tokens_per_min, (1_000, 100_000_000))?;
        range("calls_per_day", &self.calls_per_day, (1, 10_000_000))?;
        range(
            "tokens_per_day",
            &self.tokens_per_day,
            (1_000, 10_000_000_000),
        )?;
        range("price_in", &self.price_in.unwrap_or(0.0), (0.0, 100_000.0))?;
        range(
            "price_out",
            &self.price_out.unwrap_or(0.0),
            (0.0, 100_000.0),
        )?;
        range(
            "cost_per_day",
            &self.cost_per_day.unwrap_or(0.0),
            (0.0, 1e6),
        )?;
        range("queue_max", &self.queue_max, (1, 1_000_000))?;
        range("max_age_sec", &self.max_age_sec, (60, 604_800))?;
        range("cache_sec", &self.cache_sec, (60, 31_536_000))?;
        if self.cost_per_day.is_some() && (self.price_in.is_none() || self.price_out.is_none()) {
            let what = "a limit of the cost, and no prices to count it by".to_owned();
            return Err((
                "cost_per_day",
                what,
                "write price_in and price_out, per million tokens",
            ));
        }
        let bytes = Value::Object(self.extra.clone()).to_string().len();
        if bytes > EXTRA_MAX_BYTES {
            let what = format!("{bytes} bytes, of which {EXTRA_MAX_BYTES} are the most");
            return Err(("extra", what, "leave some out"));
        }
        Ok(())
    }
}

const INSTEAD: &str = "write the address of the API, such as \"https://api.openai.com/v1\" or \"http://127.0.0.1:11434/v1\"";

/// The address of a server, where the text is one.
///
/// # Errors
/// What is wrong with it; nothing of it is repeated, because it may hold a password.
pub fn server_url(text: &str) -> Result<Url, String> {
    if text.len() > URL_MAX_BYTES {
        return Err(format!("longer than {URL_MAX_BYTES} bytes"));
    }
    let url = Url::parse(text).map_err(|why| format!("not a URL: {why}"))?;
    let wrong = match url.scheme() {
        "http" | "https" if url.host().is_none() => "it has no host",
        "http" | "https" if !url.username().is_empty() || url.password().is_some() => {
            "it holds a user or a password"
        }
        "http" | "https" if url.fragment().is_some() => "it has a fragment",
        "http" | "https" => return Ok(url),
        _ => "neither https nor http",
    };
    Err(wrong.to_owned())
}

/// Is the host an address of the public internet, or a name as only they have it? What a name leads to is judged once
/// more when it is connected to.
pub fn is_public(url: &Url) -> bool {
    let private = SsrfGuard::private();
    match url.host() {
        Some(Host::Ipv4(ip)) => private.forbids(ip.into()).is_some(),
        Some(Host::Ipv6(ip)) => private.forbids(ip.into()).is_some(),
        Some(Host::Domain(name)) => {
            let ends = [
                ".localhost",
                ".local",
                ".internal",
                ".lan",
                ".home.arpa",
                ".test",
            ];
            name.contains('.') && !ends.iter().any(|end| name.ends_with(end))
        }
        None => true,
    }
}

/// One line of visible characters.
pub fn is_model_name(name: &str) -> bool {
    let length = 1..=MODEL_MAX_BYTES;
    length.contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
}

/// Checks the section, and what `extra` may not set.
pub(super) fn check(sections: &Sections<'_>, problems: &mut Problems) {
    // Only who has the key can be told that it would go in clear; that is the analyst, who judges each truth himself.
    let has_key = || !matches!(Env::of_process().get(KEY), Ok(None));
    let model = sections.read_and("model", problems, |model: &Model| {
        model.wrong(model.url.is_some() && has_key())
    });
    let (Some(model), Some(section)) = (model, sections.get("model")) else {
        return;
    };
    for name in RESERVED {
        if model.extra.contains_key(name) {
            let what = format!("{name:?} is set by the analyst itself");
            problems.push(section.at("extra").at(name).problem(what, "leave it out"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, SCHEMA};
    use super::*;
    use crate::truth::{Defaults, Rules, ServiceSchema, Truth};

    const SCHEMAS: &[ServiceSchema] = &[SCHEMA];

    fn read(own: &str) -> Result<Model, String> {
        let document = format!(r#"{{"services": {{"vexy_ai": {{"model": {{{own}}}}}}}}}"#);
        let rules = Rules::strict(Defaults::default(), SCHEMAS);
        let truth = Truth::parse(document.as_bytes(), rules).map_err(|e| e.to_string())?;
        Ok(Config::from_truth(&truth)
            .expect("it passed validation")
            .model)
    }

    #[track_caller]
    fn refused(own: &str, field: &str, words: &str) {
        let said = read(own).expect_err(own);
        let path = format!("services.vexy_ai.model.{field}");
        assert!(
            said.contains(&path) && said.contains(words),
            "{own}: {said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn each_range_is_kept_and_each_end_of_it_taken() {
        assert_eq!(read(""), Ok(Model::default()));
        for (field, min, max) in [
            ("min_salience", 0, 100),
            ("concurrency", 1, 32),
            ("timeout_sec", 5, 600),
            ("max_input_chars", 200, 100_000),
            ("max_output_tokens", 50, 32_000),
            ("calls_per_min", 1, 60_000),
            ("tokens_per_min", 1_000, 100_000_000),
            ("calls_per_day", 1, 10_000_000),
            ("tokens_per_day", 1_000, 10_000_000_000_i64),
            ("price_in", 0, 100_000),
            ("price_out", 0, 100_000),
            ("queue_max", 1, 1_000_000),
            ("max_age_sec", 60, 604_800),
            ("cache_sec", 60, 31_536_000),
        ] {
            for good in [min, max] {
                assert!(
                    read(&format!(r#""{field}": {good}"#)).is_ok(),
                    "{field} {good}"
                );
            }
            for bad in [min - 1, max + 1] {
                refused(&format!(r#""{field}": {bad}"#), field, "");
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_to_write() {
        for url in ["ftp://a/v1", "https://u:hunter2@a/v1", "not a url"] {
            let own = format!(r#""url": "{url}""#);
            let said = read(&own).expect_err(url);
            assert!(!said.contains("hunter2"), "{said}");
        }
        refused(r#""url": "ftp://a/v1""#, "url", "neither https nor http");
        refused(r#""model": """#, "model", "no name");
        refused(r#""model": "two words""#, "model", "no name");
        refused(r#""cost_per_day": 1"#, "cost_per_day", "prices");
        refused(
            r#""cost_per_day": 1, "price_in": 1"#,
            "cost_per_day",
            "prices",
        );
        refused(
            r#""cost_per_day": -1, "price_in": 1, "price_out": 1"#,
            "cost_per_day",
            "not from",
        );
        assert!(read(r#""cost_per_day": 0.5, "price_in": 0.15, "price_out": 0.6"#).is_ok());
        for name in RESERVED {
            refused(
                &format!(r#""extra": {{"{name}": 1}}"#),
                &format!("extra.{name}"),
                "itself",
            );
        }
        let long = "x".repeat(5_000);
        refused(&format!(r#""extra": {{"a": "{long}"}}"#), "extra", "4096");
        assert!(read(r#""extra": []"#).is_err());
        assert!(read(r#""extra": {"seed": 7, "reasoning_effort": "low"}"#).is_ok());
    }

    #[test]
    fn a_key_goes_in_clear_to_nobody_outside() {
        let with = |url: &str| Model {
            url: Some(url.to_owned()),
            ..Model::default()
        };
        for url in [
            "http://8.8.8.8/v1",
            "http://api.openai.com/v1",
            "http://[2606:4700::1]/v1",
            "http://169.254.169.254/v1",
        ] {
            let (field, what, _) = with(url).wrong(true).expect_err(url);
            assert!(field == "url" && what.contains("plain http"), "{what}");
            assert_eq!(
                with(url).wrong(false),
                Ok(()),
                "without a key nothing is lost: {url}"
            );
        }
        for url in [
            "https://api.openai.com/v1",
            "http://127.0.0.1:8080/v1",
            "http://localhost:11434/v1",
            "http://ollama:11434/v1",
            "http://10.1.2.3/v1",
            "http://gpu.lan/v1",
        ] {
            assert_eq!(with(url).wrong(true), Ok(()), "{url}");
        }
    }

    #[test]
    fn a_wrong_address_is_told_without_what_it_holds() {
        for url in [
            "ftp://a/v1",
            "https://u:hunter2@a/v1",
            "hunter2",
            "https://a/#hunter2",
            "file:///hunter2",
            &"x".repeat(2_000),
        ] {
            let what = server_url(url).expect_err(url);
            assert!(!what.contains("hunter2"), "{what}");
        }
    }
}
