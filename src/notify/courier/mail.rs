//! E-mail.

use std::time::{Duration, Instant, SystemTime};

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls as Wire, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, SmtpTransport, Transport};

use crate::net::resolve::OTHERS;
use crate::notify::config::{Email, Tls};
use crate::notify::outbox::Message;
use crate::notify::retry::Answer;

/// Hands mails to one server.
pub struct Mail {
    email: Email,
    server: SmtpTransport,
}

impl Mail {
    pub fn new(email: Email, host: &str) -> Result<Mail, String> {
        let mut tls = TlsParameters::builder(email.host.clone());
        if let Some(pem) = &email.ca {
            let certificate = Certificate::from_pem(pem.as_bytes())
                .map_err(|e| format!("bad certificate: {e}"))?;
            tls = tls
                .certificate_store(CertificateStore::None)
                .add_root_certificate(certificate);
        }
        let tls = tls.build_rustls().map_err(|e| format!("TLS: {e}"))?;
        let wire = match email.tls {
            Tls::StartTls => Wire::Required(tls),
            Tls::Implicit => Wire::Wrapper(tls),
            Tls::None => Wire::None,
        };
        let mut server = SmtpTransport::builder_dangerous(&email.host)
            .port(email.port)
            .tls(wire)
            .timeout(Some(email.timeout))
            .hello_name(hello(host));
        if let Some((user, pass)) = &email.login {
            let credentials = Credentials::new(user.expose().to_owned(), pass.expose().to_owned());
            server = server.credentials(credentials);
        }
        let server = server.build();
        Ok(Mail { email, server })
    }

    /// Sends `message` once to one recipient.
    pub fn deliver(&self, message: &Message, to: &str) -> Answer {
        let Ok(address) = to.parse::<Address>() else {
            return Answer::Never("not an address".to_owned());
        };
        let mail = match self.write(message, &address) {
            Ok(mail) => mail,
            Err(error) => return Answer::Never(format!("the mail cannot be written: {error}")),
        };
        // The transport looks the name up itself, but knows no limit for that.
        let (host, port) = (self.email.host.as_str(), self.email.port);
        if let Err(error) = OTHERS.resolve(host, port, Instant::now() + self.email.timeout, None) {
            return Answer::none(&format!("the host name {host} does not resolve: {error}"));
        }
        let envelope = Envelope::new(Some(self.email.from.clone()), vec![address]);
        let sent = envelope
            .map_err(|e| e.to_string())
            .map(|envelope| self.server.send_raw(&envelope, &mail));
        match sent {
            Ok(Ok(reply)) => {
                let said = reply.message().collect::<Vec<_>>().join(" ");
                Answer::of_smtp(u16::from(reply.code()), &said)
            }
            Ok(Err(error)) => answer_of(&error, self.email.timeout),
            Err(error) => Answer::Never(error),
        }
    }

    /// The mail as bytes: the same for every attempt.
    fn write(&self, message: &Message, to: &Address) -> Result<Vec<u8>, lettre::error::Error> {
        let from = Mailbox::new(Some("MarketSwarm".to_owned()), self.email.from.clone());
        let made = Duration::from_millis(u64::try_from(message.made_ms).unwrap_or(0));
        let mut mail: MessageBuilder = lettre::Message::builder()
            .from(from)
            .to(Mailbox::new(None, to.clone()))
            .date(SystemTime::UNIX_EPOCH + made)
            .message_id(Some(self.message_id(&message.id, to)))
            .header(ContentType::TEXT_PLAIN);
        let usual = [
            // So that no vacation notice answers.
            ("Auto-Submitted", "auto-generated"),
            ("X-MarketSwarm-Id", &message.id),
        ];
        let own = message.headers.iter();
        let own = own.map(|(n, v)| (n.as_str(), v.as_str()));
        for (name, value) in usual.into_iter().chain(own).filter(|(_, v)| !v.is_empty()) {
            if let Ok(name) = HeaderName::new_from_ascii(name.to_owned()) {
                mail = mail.raw_header(HeaderValue::new(name, value.to_owned()));
            }
        }
        mail = match &message.thread {
            Some(thread) => {
                let first = self.message_id(&thread.message_id, to);
                mail.in_reply_to(first.clone())
                    .references(first)
                    .subject(format!("Re: {}", thread.subject))
            }
            None => mail.subject(message.title.clone()),
        };
        Ok(mail.body(message.body.clone())?.formatted())
    }

    /// Derived from the delivery alone, so that a repeat carries the same, and an answer finds what it answers.
    fn message_id(&self, id: &str, to: &Address) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, to.to_string().as_bytes());
        let short: String = digest
            .as_ref()
            .iter()
            .take(4)
            .map(|b| format!("{b:02x}"))
            .collect();
        format!("<{id}.{short}@{}>", self.email.from.domain())
    }
}

/// How this machine greets the server; a name that is none is replaced.
fn hello(host: &str) -> ClientId {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if !host.is_empty() && host.chars().all(is_name) {
        ClientId::Domain(host.to_owned())
    } else {
        ClientId::Domain("localhost".to_owned())
    }
}

fn answer_of(error: &lettre::transport::smtp::Error, timeout: Duration) -> Answer {
    if let Some(code) = error.status() {
        return Answer::of_smtp(u16::from(code), &reply_text(error));
    }
    if error.is_timeout() {
        return Answer::none(&format!(
            "no answer within {}",
            crate::clock::human(timeout)
        ));
    }
    if error.is_client() {
        // The server offers no STARTTLS, or no login that we know: that may be mended there.
        return Answer::none(&format!(
            "the server lacks what is needed: {}",
            source_text(error)
        ));
    }
    if error.is_tls() {
        return Answer::none(&format!("TLS: {}", source_text(error)));
    }
    Answer::none(&format!(
        "the connection was refused or cut: {}",
        source_text(error)
    ))
}

fn reply_text(error: &lettre::transport::smtp::Error) -> String {
    let text = source_text(error);
    let without_code =
        text.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ' || c == '-');
    without_code.to_owned()
}

fn source_text(error: &lettre::transport::smtp::Error) -> String {
    use std::error::Error;
    error
        .source()
        .map_or_else(|| error.to_string(), |s| s.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::telling::Thread;

    fn mail() -> Mail {
        let email = Email {
            host: "localhost".into(),
            port: 25,
            tls: Tls::None,
            login: None,
            from: "swarm@example.org".parse().expect("an address"),
            to: Vec::new(),
            timeout: Duration::from_secs(1),
            ca: None,
        };
        Mail::new(email, "host").expect("a transport")
    }

    #[test]
    fn a_name_cannot_add_a_header_to_a_mail() {
        let message = Message {
            id: "msg_1".into(),
            title: "DOWN evil\r\nBcc: victim@example.org".into(),
            body: "text".into(),
            ..Message::default()
        };
        let to = "a@example.org".parse().expect("an address");
        let written = mail().write(&message, &to).expect("written");
        let text = String::from_utf8_lossy(&written);
        assert!(!text.lines().any(|l| l.starts_with("Bcc")), "{text}");
    }

    #[test]
    fn the_end_of_an_outage_answers_the_mail_about_its_beginning() {
        let to = "a@example.org".parse().expect("an address");
        let mut message = Message {
            id: "msg_1".into(),
            made_ms: 1_795_528_800_000,
            title: "DOWN a".into(),
            body: "text".into(),
            ..Message::default()
        };
        let first = String::from_utf8(mail().write(&message, &to).expect("written")).expect("text");
        message.id = "msg_2".into();
        message.thread = Some(Thread {
            message_id: "msg_1".into(),
            subject: "DOWN a".into(),
        });
        let second =
            String::from_utf8(mail().write(&message, &to).expect("written")).expect("text");
        let header = |text: &str, name: &str| {
            let line = text
                .lines()
                .find(|l| l.starts_with(name))
                .map(str::to_owned);
            line.unwrap_or_default()
        };
        let id = header(&first, "Message-ID: ").replace("Message-ID: ", "");
        assert!(id.starts_with("<msg_1."), "{first}");
        assert_eq!(
            header(&second, "In-Reply-To: "),
            format!("In-Reply-To: {id}")
        );
        assert_eq!(header(&second, "Subject: "), "Subject: Re: DOWN a");
        assert_eq!(header(&second, "Date: "), header(&first, "Date: "));
    }
}
