//! What stands between us and people: a proxy that was not asked, a greeting that cost the message.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::support::certificates::Authority;
use crate::support::feed_server::{FeedServer, Reply};
use crate::support::notifier::{log_alert, miss, notifier};
use crate::support::{PATIENCE, RedisServer, until};

/// A listener on loopback whose connections are each served by `serve`, on a thread of its own.
fn listen(serve: impl Fn(TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            // Whoever hangs up ends it.
            thread::spawn(move || drop(serve(stream)));
        }
    });
    port
}

/// A proxy that leads every CONNECT to `target`; and the names that it was asked for.
fn proxy_to(target: u16) -> (u16, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let names = Arc::clone(&asked);
    let port = listen(move |client| {
        let mut head = BufReader::new(client.try_clone()?);
        let mut line = String::new();
        head.read_line(&mut line)?;
        names.lock().unwrap().push(line.trim().to_owned());
        while line.trim() != "" {
            line.clear();
            head.read_line(&mut line)?;
        }
        let server = TcpStream::connect(("127.0.0.1", target))?;
        (&client).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        let mut up = server.try_clone()?;
        thread::spawn(move || std::io::copy(&mut head, &mut up));
        std::io::copy(&mut (&server), &mut (&client))?;
        Ok(())
    });
    (port, asked)
}

fn wait_for_a_hit(server: &FeedServer) {
    until("the message comes", PATIENCE, || {
        match server.hits().len() {
            0 => Err("no request".to_owned()),
            _ => Ok(()),
        }
    });
}

#[test]
fn a_webhook_goes_by_the_proxy_of_the_environment() {
    let (redis, authority) = (RedisServer::start(), Authority::new());
    // Nobody here can look that name up.
    let server = FeedServer::start_tls(&authority.issue("hook", &["hook.example.test"]));
    server.always("/hook", Reply::ok("ok"));
    let url = server.url("/hook");
    let port = url.trim_end_matches("/hook").rsplit(':').next().unwrap();
    let (proxy, asked) = proxy_to(port.parse().unwrap());
    let (proxy, file) = (format!("http://127.0.0.1:{proxy}"), authority.file());
    let env = [
        ("WEBHOOK_URL", "https://hook.example.test/hook"),
        ("WEBHOOK_CA_FILE", &file),
        ("HTTPS_PROXY", &proxy),
    ];
    let _notifier = notifier(&redis, &env);
    log_alert(&redis, &miss("a"));
    wait_for_a_hit(&server);
    let asked = asked.lock().unwrap();
    assert_eq!(asked[0], "CONNECT hook.example.test:443 HTTP/1.1");
}

/// A mail server in the clear that answers the first greeting with `first`, and no recipient called `nobody`.
struct Server {
    port: u16,
    said: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(first: &'static str) -> Server {
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let port = listen(move |client| {
            let mut reader = BufReader::new(client.try_clone()?);
            let mut client = client;
            client.write_all(b"220 test\r\n")?;
            let (mut line, mut is_text) = (String::new(), false);
            while reader.read_line(&mut line)? > 0 {
                let text = std::mem::take(&mut line).trim_end().to_owned();
                if is_text && text != "." {
                    continue;
                }
                let is_first = {
                    let mut heard = heard.lock().unwrap();
                    heard.push(text.clone());
                    heard.iter().filter(|text| text.starts_with("EHLO")).count() == 1
                };
                let reply = match text.split([' ', ':']).next().unwrap_or("") {
                    "EHLO" if is_first => first,
                    "EHLO" => "250 test\r\n",
                    "RCPT" if text.contains("nobody@") => {
                        "550-5.1.1 No such user here.\r\n550 5.1.1 See rfc5321.\r\n"
                    }
                    "DATA" => "354 go on\r\n",
                    _ => "250 2.0.0 OK\r\n",
                };
                is_text = text == "DATA";
                client.write_all(reply.as_bytes())?;
            }
            Ok(())
        });
        Server { port, said }
    }

    fn env(&self, to: &str) -> Vec<(String, String)> {
        let port = self.port.to_string();
        let pairs = [
            ("SMTP_HOST", "127.0.0.1"),
            ("SMTP_PORT", &port),
            ("SMTP_TLS", "none"),
            ("SMTP_FROM", "swarm@example.org"),
            ("SMTP_TO", to),
        ];
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    }

    fn count(&self, start: &str) -> usize {
        let said = self.said.lock().unwrap();
        said.iter().filter(|text| text.starts_with(start)).count()
    }

    fn first(&self, start: &str) -> String {
        until(&format!("the server is told {start}"), PATIENCE, || {
            let said = self.said.lock().unwrap();
            let found = said.iter().find(|text| text.starts_with(start));
            found.cloned().ok_or_else(|| format!("{said:?}"))
        })
    }
}

fn pairs(env: &[(String, String)]) -> Vec<(&str, &str)> {
    env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect()
}

#[test]
fn a_refused_greeting_is_no_verdict_on_the_mail_and_an_address_in_brackets_is_a_name() {
    let (redis, server) = (
        RedisServer::start(),
        Server::start("550 5.7.1 Bad HELO\r\n"),
    );
    let env = server.env("ops@example.org");
    let _notifier = notifier(&redis, &pairs(&env));
    log_alert(&redis, &miss("a"));
    server.first("DATA");
    assert_eq!(server.first("EHLO"), "EHLO [127.0.0.1]");
    assert_eq!(redis.query::<i64>(&["LLEN", "healer:dead:email"]), 0);
}

#[test]
fn a_host_is_greeted_by_the_name_that_it_was_given_and_each_address_gets_one_mail() {
    let (redis, server) = (RedisServer::start(), Server::start("250 test\r\n"));
    let mut env = server.env("ops@example.org, Ops@Example.org, boss@example.org");
    env.push(("SMTP_HELO".into(), "relay.example.org".into()));
    let _notifier = notifier(&redis, &pairs(&env));
    log_alert(&redis, &miss("a"));
    server.first("RCPT TO:<boss@example.org>");
    until("nothing is under way", PATIENCE, || {
        let left: i64 = redis.query(&["HLEN", "notify:healer:email:outbox"]);
        match (left, server.count("DATA")) {
            (0, 2) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    assert_eq!(server.first("EHLO"), "EHLO relay.example.org");
    assert_eq!(server.count("RCPT TO:<ops@example.org>"), 1);
    assert_eq!(server.count("RCPT"), 2);
}

#[test]
fn what_a_mail_server_says_is_shown_whole() {
    let (redis, server) = (RedisServer::start(), Server::start("250 test\r\n"));
    let env = server.env("nobody@example.org");
    let _notifier = notifier(&redis, &pairs(&env));
    log_alert(&redis, &miss("a"));
    let dead: String = until("a dead letter", PATIENCE, || {
        let list: Vec<String> = redis.query(&["LRANGE", "healer:dead:email", "0", "-1"]);
        list.into_iter().next().ok_or_else(|| "none".into())
    });
    let dead: Value = serde_json::from_str(&dead).unwrap();
    let said = "answered 550 5.1.1 No such user here. See rfc5321.";
    assert_eq!(dead["reason"], said);
}
