//! The vendor's key: where it comes from, whom it may be told, and that nobody else ever sees it.

use url::Url;

use super::answer::request::decoded;
use super::config::is_loopback;
use crate::env::{Env, EnvError, Secret};

/// Where a key is looked for, the first one that is there.
const NAMES: [&str; 2] = ["MASSIVE_API_KEY", "POLYGON_API_KEY"];
/// Further hosts that may be told the key, with commas between them.
const HOSTS: &str = "MASSIVE_KEY_HOSTS";
/// Hosts of the vendor's.
const VENDOR_HOSTS: [&str; 6] = [
    "api.massive.com",
    "api.polygon.io",
    "socket.massive.com",
    "delayed.massive.com",
    "socket.polygon.io",
    "delayed.polygon.io",
];
const KEY_MAX_BYTES: usize = 512;
/// What stands in place of a key.
const HIDDEN: &str = "***";

/// Reads the key from the environment, or from the file that it names.
///
/// # Errors
/// A file cannot be read, or what is there can be no key.
pub fn read(env: &Env) -> Result<Option<Secret>, EnvError> {
    for name in NAMES {
        let Some(key) = env.get(name)? else {
            continue;
        };
        let key = key.trim();
        if key.len() > KEY_MAX_BYTES || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(EnvError {
                name: name.to_owned(),
                reason: format!(
                    "not 1 to {KEY_MAX_BYTES} printable characters without blanks; write the key alone"
                ),
            });
        }
        if !key.is_empty() {
            return Ok(Some(Secret::new(key)));
        }
    }
    Ok(None)
}

/// May the key be sent there? To the vendor's own hosts, to this machine, and to those of `MASSIVE_KEY_HOSTS`; in clear
/// to this machine alone.
///
/// # Errors
/// Why not, and what to do.
pub fn may_go_to(url: &Url, env: &Env) -> Result<(), String> {
    if is_loopback(url) {
        return Ok(());
    }
    let host = url.host_str().unwrap_or_default();
    let (is_clear, instead) = match url.scheme() {
        "https" | "wss" => (false, ""),
        "ws" => (true, "wss in vendor.stream_url"),
        _ => (true, "https in vendor.base_url"),
    };
    if is_clear {
        return Err(format!(
            "the key is not sent to {host} in clear: write {instead}"
        ));
    }
    let more = env
        .get(HOSTS)
        .map_err(|error| error.to_string())?
        .unwrap_or_default();
    let mut named = more
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    if VENDOR_HOSTS.contains(&host) || named.any(|name| name.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    Err(format!(
        "the key is not sent to {host}, which is not the vendor: name it in {HOSTS} if it may have it"
    ))
}

/// A text of the vendor's without the key, which it may have repeated.
pub fn scrubbed(text: &str, key: Option<&Secret>) -> String {
    match key {
        Some(key) => text.replace(key.expose(), HIDDEN),
        None => text.to_owned(),
    }
}

/// The body of an answer without the key, which the vendor may have repeated anywhere in it: in a text, as the name of
/// a symbol, in the address of the next page. The key is plain ASCII, and so is what stands in its place.
pub fn scrub_body(body: &mut Vec<u8>, key: &Secret) {
    let key = key.expose().as_bytes();
    let found: Vec<usize> = memchr::memmem::find_iter(body, key).collect();
    if found.is_empty() {
        return;
    }
    let mut clean = Vec::with_capacity(body.len());
    let mut at = 0;
    for start in found {
        clean.extend_from_slice(&body[at..start]);
        clean.extend_from_slice(HIDDEN.as_bytes());
        at = start + key.len();
    }
    clean.extend_from_slice(&body[at..]);
    *body = clean;
}

/// Would this path and query tell the key to whoever reads addresses?
pub fn is_in_target(target: &str, key: &Secret) -> bool {
    let mut parts = target.split(['/', '?', '&', '=']);
    target.contains(key.expose()) || parts.any(|part| decoded(part).contains(key.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        Env::from_pairs(pairs.iter().copied())
    }

    #[test]
    fn the_key_is_the_first_that_is_there() {
        let key = |pairs: &[(&str, &str)]| {
            read(&env(pairs)).map(|key| key.map(|key| key.expose().to_owned()))
        };
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&[("POLYGON_API_KEY", "b")]), Ok(Some("b".into())));
        let both = [("POLYGON_API_KEY", "b"), ("MASSIVE_API_KEY", " a\n")];
        assert_eq!(key(&both), Ok(Some("a".into())));
        let error = key(&[("MASSIVE_API_KEY", "two words")]).expect_err("no key");
        assert!(!error.to_string().contains("two words"), "{error}");
    }

    #[test]
    fn the_key_goes_to_the_vendor_to_this_machine_and_to_whom_the_operator_names() {
        let may = |url: &str| {
            may_go_to(
                &Url::parse(url).expect(url),
                &env(&[(HOSTS, "proxy.example, b.example")]),
            )
        };
        for good in [
            "https://api.massive.com",
            "https://api.polygon.io",
            "wss://socket.massive.com",
            "wss://delayed.polygon.io",
            "ws://127.0.0.1:8098",
            "http://127.0.0.1:8098",
            "http://[::1]:8098",
            "https://localhost",
            "https://proxy.example",
            "https://B.example",
        ] {
            assert_eq!(may(good), Ok(()), "{good}");
        }
        for bad in [
            "http://api.massive.com",
            "ws://socket.massive.com",
            "wss://socket.example",
            "https://api.massive.com.example",
            "https://other.example",
            "http://proxy.example",
            "https://128.0.0.1",
        ] {
            assert!(may(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_answer_that_repeats_the_key_anywhere_loses_it() {
        let key = Secret::new("hunter2");
        for (told, kept) in [
            ("{}", "{}"),
            ("hunter2", "***"),
            (
                r#"{"ticker":"hunter2","next_url":"https://a/b?c=hunter2x"}"#,
                r#"{"ticker":"***","next_url":"https://a/b?c=***x"}"#,
            ),
        ] {
            let mut body = told.as_bytes().to_vec();
            scrub_body(&mut body, &key);
            assert_eq!(String::from_utf8(body).as_deref(), Ok(kept));
        }
        for target in ["/v3/x?c=hunter2", "/v3/x?d=1&c=%68unter2", "/v3/hunter2"] {
            assert!(is_in_target(target, &key), "{target}");
        }
        assert!(!is_in_target("/v3/x?c=hunter1", &key));
    }

    #[test]
    fn a_text_that_repeats_the_key_loses_it() {
        let key = Secret::new("hunter2");
        assert_eq!(
            scrubbed("key hunter2: hunter2!", Some(&key)),
            "key ***: ***!"
        );
        assert_eq!(scrubbed("hunter", Some(&key)), "hunter");
    }
}
