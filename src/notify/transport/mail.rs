//! E-mail.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{CertificateStore, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands;
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use rustls::pki_types::CertificateDer;

use crate::net::resolve::OTHERS;
use crate::net::trust_store::tls_error;
use crate::notify::config::{Email, Tls};
use crate::notify::outbox::OutboxMessage;
use crate::notify::retry::Answer;

/// Addresses of one server that are tried; each may take the channel's time-out.
const ADDRESSES_MAX: usize = 4;

/// Hands mails to one server.
pub struct Mail {
    email: Email,
    /// How this host calls itself, where that is a name that others can look up.
    hello: Option<ClientId>,
    /// Encrypts, and sees to it that the server has the key of the certificate that it shows. Whether the certificate is
    /// believed is judged by the trust store, before anything is said that others may not hear.
    tls: TlsParameters,
}

/// Why a mail was not taken.
enum Failure {
    Smtp(lettre::transport::smtp::Error),
    /// The server wants nothing to do with us, which says nothing of the mail.
    Greeting(lettre::transport::smtp::Error),
    Certificate(rustls::Error),
    /// It was sent, and how that was answered is not known.
    Unanswered(lettre::transport::smtp::Error),
    /// The server cannot do what this mail needs.
    Lacks(&'static str),
}

impl From<lettre::transport::smtp::Error> for Failure {
    fn from(error: lettre::transport::smtp::Error) -> Failure {
        Failure::Smtp(error)
    }
}

impl Mail {
    /// Hands mails to the server of `email`; `host` is how this machine calls itself.
    ///
    /// # Errors
    /// When TLS cannot be set up at all.
    pub fn new(email: Email, host: &str) -> Result<Mail, String> {
        let tls = TlsParameters::builder(email.host.clone())
            .certificate_store(CertificateStore::None)
            .dangerous_accept_invalid_certs(true)
            .dangerous_accept_invalid_hostnames(true)
            .build_rustls()
            .map_err(|e| format!("TLS: {e}"))?;
        let hello = email.helo.clone().map(ClientId::Domain);
        let hello = hello.or_else(|| full_name(host));
        Ok(Mail { email, hello, tls })
    }

    /// Sends `message` once to one recipient.
    pub fn deliver(&self, message: &OutboxMessage, to: &str) -> Answer {
        let Ok(address) = to.parse::<Address>() else {
            return Answer::Never("not an address".to_owned());
        };
        let mail = match self.write(message, &address) {
            Ok(mail) => mail,
            Err(error) => return Answer::Never(format!("the mail cannot be written: {error}")),
        };
        let envelope = match Envelope::new(Some(self.email.from.clone()), vec![address]) {
            Ok(envelope) => envelope,
            Err(error) => return Answer::Never(error.to_string()),
        };
        let (host, port) = (self.email.host.as_str(), self.email.port);
        let end = Instant::now() + self.email.timeout;
        let mut found = match OTHERS.resolve(host, port, end, None) {
            Ok(found) => found,
            Err(error) => {
                return Answer::none(&format!("the host name {host} does not resolve: {error}"));
            }
        };
        found.truncate(ADDRESSES_MAX);
        match self.send(&found, &envelope, &mail) {
            Ok(reply) => {
                let said = reply.message().collect::<Vec<_>>().join(" ");
                Answer::of_smtp(u16::from(reply.code()), &said)
            }
            Err(Failure::Certificate(error)) => {
                Answer::none(&self.email.trust.explain(&error, host))
            }
            Err(Failure::Greeting(error)) => match error.status() {
                Some(code) => {
                    let (code, text) = (u16::from(code), source_text(&error));
                    Answer::none(&format!("the server refuses our greeting: {code} {text}"))
                }
                None => self.answer_of(&error),
            },
            Err(Failure::Smtp(error)) => self.answer_of(&error),
            Err(Failure::Unanswered(error)) => Answer::unsure(self.answer_of(&error).reason()),
            Err(Failure::Lacks(what)) => {
                Answer::none(&format!("the server lacks what is needed: {what}"))
            }
        }
    }

    /// One conversation with the server.
    fn send(
        &self,
        server: &[SocketAddr],
        envelope: &Envelope,
        mail: &[u8],
    ) -> Result<Response, Failure> {
        let limit = Some(self.email.timeout);
        let outer = matches!(self.email.tls, Tls::Implicit).then_some(&self.tls);
        let hello = match &self.hello {
            Some(hello) => hello.clone(),
            None => own_address(server),
        };
        let mut server = SmtpConnection::connect(server, limit, &hello, outer, None)
            .map_err(Failure::Greeting)?;
        let sent = self.converse(&mut server, &hello, envelope, mail);
        server.abort();
        sent
    }

    fn converse(
        &self,
        server: &mut SmtpConnection,
        hello: &ClientId,
        envelope: &Envelope,
        mail: &[u8],
    ) -> Result<Response, Failure> {
        if let Tls::StartTls = self.email.tls {
            server
                .starttls(&self.tls, hello)
                .map_err(Failure::Greeting)?;
        }
        if !matches!(self.email.tls, Tls::None) {
            let chain: Vec<CertificateDer<'_>> = server
                .certificate_chain()?
                .into_iter()
                .map(CertificateDer::from)
                .collect();
            let judged = self.email.trust.judge(&chain, &self.email.host);
            judged.map_err(Failure::Certificate)?;
        }
        if let Some((user, pass)) = &self.email.login {
            let credentials = Credentials::new(user.expose().to_owned(), pass.expose().to_owned());
            server.auth(&[Mechanism::Plain, Mechanism::Login], &credentials)?;
        }
        let mut options = Vec::new();
        let mut addresses = envelope.from().into_iter().chain(envelope.to());
        if !addresses.all(|address| AsRef::<str>::as_ref(address).is_ascii()) {
            if !server
                .server_info()
                .supports_feature(Extension::SmtpUtfEight)
            {
                return Err(Failure::Lacks("addresses beyond ASCII (SMTPUTF8)"));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        if !mail.is_ascii() {
            if !server
                .server_info()
                .supports_feature(Extension::EightBitMime)
            {
                return Err(Failure::Lacks("text beyond ASCII (8BITMIME)"));
            }
            options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        server.command(commands::Mail::new(envelope.from().cloned(), options))?;
        for to in envelope.to() {
            server.command(commands::Rcpt::new(to.clone(), Vec::new()))?;
        }
        server.command(commands::Data)?;
        // Behind the dot the server may have taken it, whatever becomes of its answer (RFC 5321, 4.1.1.4).
        server.message(mail).map_err(|error| match error.status() {
            Some(_) => Failure::Smtp(error),
            None => Failure::Unanswered(error),
        })
    }

    /// The mail as bytes: the same for every attempt.
    fn write(
        &self,
        message: &OutboxMessage,
        to: &Address,
    ) -> Result<Vec<u8>, lettre::error::Error> {
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

    fn answer_of(&self, error: &lettre::transport::smtp::Error) -> Answer {
        if let Some(code) = error.status() {
            return Answer::of_smtp(u16::from(code), &source_text(error));
        }
        if error.is_timeout() || is_late(error) {
            let limit = crate::clock::human(self.email.timeout);
            return Answer::none(&format!("no answer within {limit}"));
        }
        if let Some(tls) = tls_source(error) {
            return Answer::none(&self.email.trust.explain(tls, &self.email.host));
        }
        let why = source_text(error);
        if error.is_client() {
            // The server offers no STARTTLS, or no login that we know: that may be mended there.
            return Answer::none(&format!("the server lacks what is needed: {why}"));
        }
        Answer::none(&format!("the connection was refused or cut: {why}"))
    }
}

/// Whether a socket's limit has passed, as the system says it.
fn is_late(error: &lettre::transport::smtp::Error) -> bool {
    let source = std::error::Error::source(error);
    let io = source.and_then(|source| source.downcast_ref::<io::Error>());
    io.is_some_and(|io| {
        matches!(
            io.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
        )
    })
}

/// The error of TLS in one of SMTP.
fn tls_source(error: &lettre::transport::smtp::Error) -> Option<&rustls::Error> {
    let source = std::error::Error::source(error)?;
    match source.downcast_ref::<io::Error>() {
        Some(error) => tls_error(error),
        None => source.downcast_ref(),
    }
}

/// The name of this host, if it is a full one: many servers refuse others.
fn full_name(host: &str) -> Option<ClientId> {
    let is_label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    // An address has no place here but in brackets.
    let is_full = host.contains('.') && host.split('.').all(is_label);
    let is_name = is_full && host.parse::<IpAddr>().is_err();
    is_name.then(|| ClientId::Domain(host.to_owned()))
}

/// The address that this host has on the way to a server, as a greeting may have it (RFC 5321, 4.1.3).
fn own_address(server: &[SocketAddr]) -> ClientId {
    // Nothing is sent: the system only says which way it would go.
    let own = server.first().and_then(|server| {
        let any = if server.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = UdpSocket::bind(any).ok()?;
        socket.connect(server).ok()?;
        socket.local_addr().ok()
    });
    match own.map(|own| own.ip()) {
        Some(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Some(IpAddr::V6(address)) => ClientId::Ipv6(address),
        None => ClientId::Ipv4(Ipv4Addr::LOCALHOST),
    }
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
    use crate::net::trust_store::{Protocol, TrustStore};
    use crate::notify::notification::Thread;

    fn mail() -> Mail {
        let email = Email {
            host: "localhost".into(),
            port: 25,
            tls: Tls::None,
            login: None,
            helo: None,
            from: "swarm@example.org".parse().expect("an address"),
            to: Vec::new(),
            timeout: Duration::from_secs(1),
            trust: TrustStore::public(Protocol::Smtp),
        };
        Mail::new(email, "host").expect("a transport")
    }

    #[test]
    fn a_name_cannot_add_a_header_to_a_mail() {
        let message = OutboxMessage {
            id: "msg_1".into(),
            title: "DOWN evil\r\nBcc: victim@example.org".into(),
            body: "text".into(),
            ..OutboxMessage::default()
        };
        let to = "a@example.org".parse().expect("an address");
        let written = mail().write(&message, &to).expect("written");
        let text = String::from_utf8_lossy(&written);
        assert!(!text.lines().any(|l| l.starts_with("Bcc")), "{text}");
    }

    #[test]
    fn the_end_of_an_outage_answers_the_mail_about_its_beginning() {
        let to = "a@example.org".parse().expect("an address");
        let mut message = OutboxMessage {
            id: "msg_1".into(),
            made_ms: 1_795_528_800_000,
            title: "DOWN a".into(),
            body: "text".into(),
            ..OutboxMessage::default()
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
