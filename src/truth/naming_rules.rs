//! Names in truth: which are allowed, which look like secrets, and which was probably meant.

use crate::contract::NAME_MAX_BYTES;

/// Whether `name` can name an environment variable.
pub fn is_env_name(name: &str) -> bool {
    let first = name.as_bytes().first().is_some_and(|b| !b.is_ascii_digit());
    first && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether a field of this name says where a secret is, rather than holding it: `token_env`, `password_file`.
pub(super) fn is_reference(field: &str) -> bool {
    is_env_field(field) || words(field).last().is_some_and(|word| word == "file")
}

/// Whether a field of this name holds names of environment variables.
pub(super) fn is_env_field(field: &str) -> bool {
    words(field).last().is_some_and(|word| word == "env")
}

/// Whether a field of this name holds a secret. The last word decides, so that `max_tokens` and `token_limit` pass.
pub(super) fn is_secret(field: &str) -> bool {
    const SECRETS: [&str; 14] = [
        "password",
        "passwords",
        "passwd",
        "passphrase",
        "pass",
        "pwd",
        "secret",
        "secrets",
        "token",
        "apikey",
        "credential",
        "credentials",
        "authorization",
        "bearer",
    ];
    const KEYS_OF: [&str; 8] = [
        "api",
        "access",
        "private",
        "secret",
        "auth",
        "signing",
        "encryption",
        "client",
    ];
    let words = words(field);
    let Some(last) = words.last() else {
        return false;
    };
    SECRETS.contains(&last.as_str())
        || (matches!(last.as_str(), "key" | "keys")
            && words.len() > 1
            && KEYS_OF.contains(&words[words.len() - 2].as_str()))
}

/// `smtpPassword`, `smtp-password`, `SMTP_PASSWORD2` → `smtp`, `password`.
fn words(field: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in field.chars().take(256) {
        let splits = !c.is_ascii_alphabetic() || (after_lower && c.is_ascii_uppercase());
        if splits && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && c.is_ascii_alphabetic()
        {
            word.push(c.to_ascii_lowercase());
        }
        after_lower = c.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The one of `known` that `name` is probably a slip of: at most two changes away, and not most of it.
pub fn did_you_mean<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if name.len() > NAME_MAX_BYTES {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(d, candidate)| *d <= 2 && d * 3 <= candidate.len().min(name.len()))
        .min_by_key(|(d, _)| *d)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, substitutions and swaps of neighbours between two names; 3 stands for more than two.
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 2 {
        return 3;
    }
    let lower = |s: &str| {
        s.bytes()
            .map(|c| c.to_ascii_lowercase())
            .collect::<Vec<_>>()
    };
    let (a, b) = (lower(a), lower(b));
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (above[j] + 1)
                .min(row[j - 1] + 1)
                .min(above[j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()].min(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_holds_a_secret_is_known_by_its_last_word() {
        for secret in [
            "password",
            "smtpPassword",
            "SMTP_PASS",
            "x-api-key",
            "apiKey",
            "token",
            "bot_token",
            "client_secret",
            "PASSWORD2",
            "Authorization",
            "privateKey",
        ] {
            assert!(is_secret(secret), "{secret}");
        }
        for harmless in [
            "max_tokens",
            "token_limit",
            "key",
            "publish_key",
            "passes",
            "compass",
            "secretary",
            "",
            "url",
            "bypass",
        ] {
            assert!(!is_secret(harmless), "{harmless}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_another_word_is_not() {
        let known = ["heartbeat", "enabled", "access_points", "depends_on"];
        for (slip, meant) in [
            ("hearbeat", Some("heartbeat")),
            ("heartbaet", Some("heartbeat")),
            ("Enabled", Some("enabled")),
            ("acess_point", Some("access_points")),
            ("colour", None),
            ("on", None),
            ("", None),
        ] {
            assert_eq!(did_you_mean(slip, known), meant, "{slip}");
        }
    }
}
