//! A real mail server with STARTTLS and a login, in a process of its own.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::{Daemon, PATIENCE, python_with, say_skipped, until};

/// What the server asks for.
pub const LOGIN: (&str, &str) = ("swarm", "hunter2-mail");

/// The server; it ends with this value.
pub struct MailServer {
    port: u16,
    folder: TempDir,
    process: Daemon,
}

impl MailServer {
    /// Starts one; `None`, said aloud, where Python's aiosmtpd is missing.
    pub fn start() -> Option<MailServer> {
        MailServer::start_with(&[], false)
    }

    /// One that is encrypted from the first byte on, without STARTTLS.
    pub fn start_implicit() -> Option<MailServer> {
        MailServer::start_with(&["implicit"], false)
    }

    /// One whose certificate signs itself and says that it is a CA, as `openssl req -x509` makes them.
    pub fn start_as_ca() -> Option<MailServer> {
        MailServer::start_with(&[], true)
    }

    fn start_with(mode: &[&str], is_ca: bool) -> Option<MailServer> {
        let Some(python) = python_with("aiosmtpd") else {
            say_skipped(
                "no Python here has aiosmtpd (Debian: python3-aiosmtpd); mail is not tested",
            );
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        certificate(folder.path(), is_ca);
        let mut command = Command::new(python);
        command
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/support/smtp_server.py"
            ))
            .args([
                folder.path().join("cert.pem"),
                folder.path().join("key.pem"),
            ])
            .args(mode)
            .stdin(Stdio::null());
        let process = Daemon::spawn("smtp_server.py", command);
        let ready = process.wait_log("READY ", PATIENCE);
        let port = ready["READY ".len()..].parse().unwrap();
        Some(MailServer {
            port,
            folder,
            process,
        })
    }

    /// The variables that lead to it.
    pub fn env(&self, to: &str) -> Vec<(String, String)> {
        let (user, pass) = LOGIN;
        let ca = self.folder.path().join("cert.pem");
        [
            ("SMTP_HOST", "localhost"),
            ("SMTP_PORT", &self.port.to_string()),
            ("SMTP_USER", user),
            ("SMTP_PASS", pass),
            ("SMTP_FROM", "swarm@example.org"),
            ("SMTP_TO", to),
            ("SMTP_CA_FILE", ca.to_str().unwrap()),
        ]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .into()
    }

    /// Everything that it said so far.
    pub fn said(&self) -> Vec<Value> {
        let log = self.process.log();
        log.lines()
            .filter_map(|l| serde_json::from_str(l).ok())
            .collect()
    }

    /// The mails that it took, in order.
    pub fn mails(&self) -> Vec<Value> {
        self.said()
            .into_iter()
            .filter(|s| s["data"].is_string())
            .collect()
    }

    /// Waits for a mail to `to` that contains `words`.
    #[track_caller]
    pub fn wait_mail(&self, to: &str, words: &str, within: Duration) -> Value {
        until(&format!("a mail to {to} with `{words}`"), within, || {
            let mails = self.mails();
            let found = mails.iter().find(|m| {
                m["to"][0] == to && m["data"].as_str().is_some_and(|d| d.contains(words))
            });
            found.cloned().ok_or_else(|| self.process.log())
        })
    }
}

/// A header of a mail.
pub fn header(mail: &Value, name: &str) -> String {
    let data = mail["data"].as_str().unwrap_or_default();
    let head = data
        .split("\r\n\r\n")
        .next()
        .unwrap_or_default()
        .replace("\r\n ", " ");
    let value = head
        .lines()
        .find_map(|l| l.strip_prefix(name)?.strip_prefix(": "))
        .unwrap_or_default();
    value.trim().to_owned()
}

fn certificate(folder: &Path, is_ca: bool) {
    let ca = if is_ca { "TRUE" } else { "FALSE" };
    let done = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args([
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-addext", &format!("basicConstraints=critical,CA:{ca}")])
        .arg("-keyout")
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(folder.join("cert.pem"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("openssl is installed");
    assert!(done.success() && fs::metadata(folder.join("cert.pem")).is_ok());
}
