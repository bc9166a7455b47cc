//! A server of models as OpenAI's: it answers well, or in every other way that servers do.

use std::time::Duration;

use marketswarm::bus::{Address, BusError};
use marketswarm::env::Env;
use marketswarm::vexy_ai::config::Model;
use marketswarm::vexy_ai::model::ask::{Asker, Go, Hooks, Subject, Verdict};
use marketswarm::vexy_ai::model::client::{Client, trust_store};
use marketswarm::vexy_ai::model::dialect::Memory;
use marketswarm::vexy_ai::model::endpoint::{Endpoint, Environment};
use marketswarm::vexy_ai::model::ledger::Ledger;
use serde_json::{Value, json};

use super::receiver::{Receiver, Reply, Taken};
use super::{PATIENCE, RedisServer};

/// In the key that the tests give: no process may write it.
pub const KEY: &str = "hunter2-of-the-model";

/// The item that most tests ask about.
pub const TITLE: &str = "Acme raises dividend as profit climbs 12%";
pub const TEXT: &str = "Acme Corp (NYSE: ACM) said quarterly profit climbed 12% to $8.4 million. The company raised its \
    dividend to 20 cents a share.";

/// The server; it ends with this value.
pub struct ModelServer {
    pub receiver: Receiver,
}

/// What stands between the markers of a request: the title, and the text.
pub fn shown(request: &Value) -> (String, String) {
    let user = request["messages"][1]["content"].as_str().unwrap();
    let mut lines = user.lines().skip_while(|line| !line.starts_with('['));
    let marker = lines.next().unwrap();
    let inner: Vec<&str> = lines.take_while(|line| *line != marker).collect();
    (inner[0].to_owned(), inner[1..].join("\n"))
}

/// A good answer's fields.
pub fn fields(summary: &str) -> Value {
    json!({"summary": summary, "sentiment": 0.5, "event": "dividend", "tickers": [], "takeaways": [], "confidence": 0.9})
}

/// 200 with this text of the model's, and what it cost.
pub fn wrote(content: &str) -> Reply {
    with_message(&json!({"role": "assistant", "content": content}))
}

/// 200 with this message.
pub fn with_message(message: &Value) -> Reply {
    ok(&json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 60, "total_tokens": 460},
    }))
}

/// 200 with this body.
pub fn ok(body: &Value) -> Reply {
    status(200, body)
}

pub fn status(status: u16, body: &Value) -> Reply {
    Reply::Full(
        status,
        "Content-Type: application/json\r\n".into(),
        body.to_string().into_bytes(),
    )
}

/// An error as OpenAI writes them.
pub fn error(code: u16, words: &str, param: Option<&str>, name: &str) -> Reply {
    let error =
        json!({"message": words, "type": "invalid_request_error", "param": param, "code": name});
    status(code, &json!({"error": error}))
}

/// The answer of a model that does as it is told by us: it repeats the title.
pub fn good(taken: &Taken) -> Reply {
    let (title, _) = shown(&taken.json());
    wrote(&fields(&title).to_string())
}

impl ModelServer {
    pub fn good() -> ModelServer {
        ModelServer::that(|_, taken| good(taken))
    }

    /// The number of the request, from 0, and the request give the reply.
    pub fn that(manners: impl Fn(usize, &Taken) -> Reply + Send + Sync + 'static) -> ModelServer {
        ModelServer {
            receiver: Receiver::that(manners),
        }
    }

    /// One that gives these replies in turn, and then good ones.
    pub fn first(replies: Vec<Reply>) -> ModelServer {
        ModelServer::that(move |nth, taken| {
            replies.get(nth).cloned().unwrap_or_else(|| good(taken))
        })
    }

    pub fn url(&self) -> String {
        format!("{}/v1", self.receiver.base())
    }

    pub fn calls(&self) -> usize {
        self.receiver.all().len()
    }

    /// Bodies of the requests.
    pub fn requests(&self) -> Vec<Value> {
        self.receiver.all().iter().map(Taken::json).collect()
    }
}

/// One thread's means to ask.
pub struct Desk {
    pub endpoint: Endpoint,
    pub settings: Model,
    pub client: Client,
    pub memory: Memory,
    pub ledger: Ledger,
    /// What was waited for.
    pub waits: Vec<String>,
    /// After so many waits it stops.
    pub patience: usize,
}

impl Desk {
    /// For the model `m` of this server, with the key of the environment.
    pub fn new(redis: &RedisServer, url: &str) -> Desk {
        Desk::with(redis, url, &[("VEXY_LLM_KEY", KEY)], json!({}))
    }

    /// With these variables and this section of truth.
    pub fn with(redis: &RedisServer, url: &str, env: &[(&str, &str)], truth: Value) -> Desk {
        let mut all = vec![("VEXY_LLM_URL", url), ("VEXY_LLM_MODEL", "m")];
        all.extend(env);
        let env = Env::from_pairs(all);
        let settings: Model = serde_json::from_value(truth).unwrap();
        let environment = Environment::read(&env).unwrap();
        let address = Address::parse(&redis.url(), "TEST").unwrap();
        Desk {
            endpoint: environment.endpoint(&settings).unwrap(),
            settings,
            client: Client::new(&trust_store(&env).unwrap()),
            memory: Memory::default(),
            ledger: Ledger::new(address, "test:model"),
            waits: Vec::new(),
            patience: 1_000,
        }
    }

    pub fn ask(&mut self) -> Verdict {
        self.ask_about(TITLE, TEXT)
    }

    pub fn ask_about(&mut self, title: &str, text: &str) -> Verdict {
        self.try_ask(title, text).unwrap()
    }

    pub fn try_ask(&mut self, title: &str, text: &str) -> Result<Verdict, BusError> {
        let mut hooks = Waiting {
            waits: &mut self.waits,
            patience: self.patience,
        };
        let mut asker = Asker {
            endpoint: &self.endpoint,
            settings: &self.settings,
            client: &self.client,
            memory: &self.memory,
            ledger: &mut self.ledger,
        };
        let subject = Subject {
            title,
            text,
            url: "https://news.example/acme",
            tickers: &[],
            anew: false,
        };
        asker.ask(&subject, &mut hooks)
    }
}

struct Waiting<'a> {
    waits: &'a mut Vec<String>,
    patience: usize,
}

impl Hooks for Waiting<'_> {
    fn wait(&mut self, time: Duration, why: &str) -> Go {
        if time > Duration::ZERO {
            self.waits.push(why.to_owned());
        }
        if self.waits.len() > self.patience {
            return Go::Stop;
        }
        std::thread::sleep(time.min(PATIENCE));
        Go::On
    }

    fn calls(&mut self) {}

    fn called(&mut self) -> bool {
        true
    }
}

/// The summary of an answer; the verdict where it is none.
#[track_caller]
pub fn answered(verdict: Verdict) -> String {
    match verdict {
        Verdict::Answered { answer, .. } => answer.summary,
        other => panic!("no answer: {other:?}"),
    }
}

/// Why there is no answer.
#[track_caller]
pub fn failed(verdict: Verdict) -> String {
    match verdict {
        Verdict::Failed(because) => because,
        other => panic!("not failed: {other:?}"),
    }
}
