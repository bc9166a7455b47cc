//! Which model is asked where, and whether the key may go there. Pure.
//!
//! Truth is read by everybody and written by many; the environment is the operator's. So the key goes only to hosts that
//! the environment names: that of `VEXY_LLM_URL`, and `VEXY_LLM_KEY_HOST`. A URL of truth alone never draws it.

use url::Url;

use super::super::config::Model;
use super::super::config::model::{is_model_name, is_public, server_url};
use super::breaker::fingerprint;
use crate::env::{Env, EnvError, Secret};
use crate::text::SafeText;

const URL: &str = "VEXY_LLM_URL";
const MODEL: &str = "VEXY_LLM_MODEL";
const KEY: &str = "VEXY_LLM_KEY";
const KEY_HOST: &str = "VEXY_LLM_KEY_HOST";
const KEY_MAX_BYTES: usize = 512;
/// What stands in place of a key.
const HIDDEN: &str = "***";

/// What the environment says of models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    url: Option<Url>,
    model: Option<String>,
    key: Option<Secret>,
    /// In lower case.
    key_host: Option<String>,
}

/// A model that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// As it is named in what is remembered of it.
    pub base: String,
    /// Where requests go.
    pub url: Url,
    pub model: String,
    /// Where it may go, and there is one.
    pub key: Option<Secret>,
    /// Why there is a key that does not go there.
    pub withheld: Option<String>,
    /// Names URL and key in the breaker.
    pub fingerprint: String,
}

impl Environment {
    /// Reads it.
    ///
    /// # Errors
    /// A variable that cannot be used; its value is not repeated.
    pub fn read(env: &Env) -> Result<Environment, EnvError> {
        let wrong = |name: &str, reason: String| EnvError {
            name: name.to_owned(),
            reason,
        };
        let key = match env.get(KEY)?.map(|key| key.trim().to_owned()) {
            None => None,
            Some(key) if key.is_empty() => None,
            Some(key)
                if key.len() <= KEY_MAX_BYTES && key.bytes().all(|b| b.is_ascii_graphic()) =>
            {
                Some(Secret::new(key))
            }
            Some(_) => {
                let reason = format!(
                    "not 1 to {KEY_MAX_BYTES} printable characters without blanks; write the key alone"
                );
                return Err(wrong(KEY, reason));
            }
        };
        let url = env.get(URL)?.map(|text| server_url(text.trim()));
        let url = url.transpose().map_err(|what| {
            wrong(
                URL,
                format!("{what}; write the address of the API, such as https://api.openai.com/v1"),
            )
        })?;
        if let Some(url) = &url
            && key.is_some()
            && url.scheme() == "http"
            && is_public(url)
        {
            let reason = format!(
                "plain http to a public address, while {KEY} is to be sent there; write https"
            );
            return Err(wrong(URL, reason));
        }
        let model = env.get(MODEL)?.map(|name| name.trim().to_owned());
        if model.as_deref().is_some_and(|name| !is_model_name(name)) {
            return Err(wrong(
                MODEL,
                "no name of a model; write it as the server does".to_owned(),
            ));
        }
        let key_host = env.get(KEY_HOST)?.map(|host| host.trim().to_lowercase());
        if key_host
            .as_deref()
            .is_some_and(|host| host.contains(['/', '@', ' ', '*', ',']))
        {
            let reason = "not a host; write its name alone, such as api.openai.com".to_owned();
            return Err(wrong(KEY_HOST, reason));
        }
        Ok(Environment {
            url,
            model,
            key,
            key_host,
        })
    }

    /// The model that is asked; truth comes first. `None`: no model is configured.
    pub fn endpoint(&self, truth: &Model) -> Option<Endpoint> {
        let base = truth.url().or_else(|| self.url.clone())?;
        let model = truth.model.clone().or_else(|| self.model.clone())?;
        let withheld = self.key.as_ref().and_then(|_| self.withheld(&base));
        let key = self.key.clone().filter(|_| withheld.is_none());
        let mut url = base.clone();
        let path = format!("{}/chat/completions", base.path().trim_end_matches('/'));
        url.set_path(&path);
        let fingerprint = fingerprint(base.as_str(), key.as_ref().map(Secret::expose));
        Some(Endpoint {
            base: base.into(),
            url,
            model,
            key,
            withheld,
            fingerprint,
        })
    }

    /// Why the key may not go there.
    fn withheld(&self, url: &Url) -> Option<String> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(0);
        let named = self.url.as_ref().and_then(Url::host_str) == Some(host)
            || self
                .key_host
                .as_deref()
                .is_some_and(|named| named == host || named == format!("{host}:{port}"));
        let host = SafeText::cut(host, 100);
        if !named {
            return Some(format!(
                "the key is not sent to {host}, which truth names and the environment does not: name it in {KEY_HOST}"
            ));
        }
        (url.scheme() == "http" && is_public(url))
            .then(|| format!("the key is not sent to {host} in clear: write https in model.url"))
    }
}

impl Endpoint {
    /// Does the key go in clear, so that it may not leave private networks?
    pub fn is_key_in_clear(&self) -> bool {
        self.key.is_some() && self.url.scheme() == "http"
    }

    /// The host, to be shown.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// What a server said, without the key, which it may have repeated.
    pub fn scrubbed(&self, body: Vec<u8>) -> Vec<u8> {
        let Some(key) = &self.key else {
            return body;
        };
        if memchr::memmem::find(&body, key.expose().as_bytes()).is_none() {
            return body;
        }
        let text = String::from_utf8_lossy(&body);
        text.replace(key.expose(), HIDDEN).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "hunter2-of-the-model";

    fn environment(pairs: &[(&str, &str)]) -> Result<Environment, EnvError> {
        Environment::read(&Env::from_pairs(pairs.iter().copied()))
    }

    fn truth(url: Option<&str>, model: Option<&str>) -> Model {
        serde_json::from_value(json!({"url": url, "model": model})).expect("a section")
    }

    fn key_at(pairs: &[(&str, &str)], url: Option<&str>) -> (bool, Option<String>) {
        let mut all = vec![(KEY, SECRET), (MODEL, "m")];
        all.extend(pairs);
        let endpoint = environment(&all)
            .expect("right")
            .endpoint(&truth(url, None));
        let endpoint = endpoint.expect("an endpoint");
        (endpoint.key.is_some(), endpoint.withheld)
    }

    #[test]
    fn truth_comes_first_and_both_parts_are_needed() {
        let all =
            environment(&[(URL, "https://env.example/v1/"), (MODEL, "of-env")]).expect("right");
        let of = |url, model| all.endpoint(&truth(url, model)).expect("an endpoint");
        assert_eq!(
            of(None, None).url.as_str(),
            "https://env.example/v1/chat/completions"
        );
        assert_eq!(of(None, None).model, "of-env");
        let other = of(Some("http://ollama:11434/v1?version=2"), Some("of-truth"));
        assert_eq!(
            other.url.as_str(),
            "http://ollama:11434/v1/chat/completions?version=2"
        );
        assert_eq!(
            (other.model.as_str(), other.key, other.withheld),
            ("of-truth", None, None)
        );
        let none = environment(&[]).expect("right");
        assert_eq!(none.endpoint(&truth(Some("https://a/v1"), None)), None);
        assert_eq!(none.endpoint(&truth(None, Some("m"))), None);
    }

    #[test]
    fn the_key_goes_to_hosts_of_the_environment_alone() {
        let openai = [(URL, "https://api.openai.com/v1")];
        assert_eq!(key_at(&openai, None), (true, None));
        assert_eq!(
            key_at(&openai, Some("https://API.openai.com/v2")),
            (true, None)
        );
        let (goes, why) = key_at(&openai, Some("https://evil.example/v1"));
        assert!(
            !goes
                && why
                    .as_deref()
                    .is_some_and(|why| why.contains("evil.example") && !why.contains(SECRET))
        );
        assert!(!key_at(&openai, Some("https://api.openai.com.evil.example/v1")).0);
        assert!(!key_at(&[], Some("https://api.openai.com/v1")).0);
        let host = [(KEY_HOST, "API.openai.com")];
        assert!(key_at(&host, Some("https://api.openai.com/v1")).0);
        assert!(!key_at(&host, Some("https://evil.example/v1")).0);
        assert!(
            key_at(
                &[(KEY_HOST, "gpu.lan:8080")],
                Some("http://gpu.lan:8080/v1")
            )
            .0
        );
        assert!(
            !key_at(
                &[(KEY_HOST, "gpu.lan:8080")],
                Some("http://gpu.lan:9090/v1")
            )
            .0
        );
        let (goes, why) = key_at(&host, Some("http://api.openai.com/v1"));
        assert!(!goes && why.is_some_and(|why| why.contains("in clear")));
    }

    #[test]
    fn a_variable_that_cannot_be_used_is_named_and_not_repeated() {
        for (pairs, name) in [
            (&[(URL, "ftp://hunter2")][..], URL),
            (&[(URL, "https://u:hunter2@a/v1")], URL),
            (&[(URL, "http://8.8.8.8/v1"), (KEY, "hunter2")], URL),
            (&[(KEY, "hunter2 hunter2")], KEY),
            (&[(MODEL, "hunter2 x")], MODEL),
            (&[(KEY_HOST, "https://hunter2")], KEY_HOST),
        ] {
            let error = environment(pairs).expect_err(name);
            assert_eq!(error.name, name);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let read = environment(&[(KEY, " hunter2\n")]).expect("right");
        assert!(!format!("{read:?}").contains("hunter2"), "{read:?}");
    }

    #[test]
    fn a_server_that_repeats_the_key_is_not_repeated() {
        let environment =
            environment(&[(KEY, SECRET), (URL, "https://a/v1"), (MODEL, "m")]).expect("right");
        let endpoint = environment
            .endpoint(&Model::default())
            .expect("an endpoint");
        let body = format!("no: {SECRET}, {SECRET}!").into_bytes();
        assert_eq!(endpoint.scrubbed(body), b"no: ***, ***!");
        assert_eq!(endpoint.scrubbed(b"\xffno".to_vec()), b"\xffno");
        assert!(!format!("{endpoint:?}").contains(SECRET));
    }
}
