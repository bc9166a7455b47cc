//! Signatures by the Standard Webhooks specification.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// Longest secret that is accepted.
const SECRET_MAX_BYTES: usize = 512;

/// The secret that a receiver shares with us.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// Reads `whsec_` and base64 (the prefix may be missing).
    ///
    /// # Errors
    /// Why it is no key, without repeating it.
    pub fn parse(text: &str) -> Result<SigningKey, &'static str> {
        let text = text.trim();
        let bytes = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text));
        match bytes {
            Ok(secret) if (1..=SECRET_MAX_BYTES).contains(&secret.len()) => {
                Ok(SigningKey(hmac::Key::new(hmac::HMAC_SHA256, &secret)))
            }
            _ => Err("not a signing secret; write whsec_ and 24 to 64 random bytes in base64"),
        }
    }

    /// The value of `webhook-signature` for a message.
    pub fn sign(&self, id: &str, timestamp_secs: i64, body: &str) -> String {
        let signed = format!("{id}.{timestamp_secs}.{body}");
        let tag = hmac::sign(&self.0, signed.as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    }
}

/// Keys that sign alike are alike.
impl PartialEq for SigningKey {
    fn eq(&self, other: &SigningKey) -> bool {
        let sign = |key: &SigningKey| hmac::sign(&key.0, b"");
        sign(self).as_ref() == sign(other).as_ref()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specifications_example() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        let body = r#"{"test": 2432232314}"#;
        assert_eq!(
            key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert_eq!(format!("{key:?}"), "***");
    }
}
