//! `marketswarm vexy model test`: asks the configured model about one made-up item, as the analyst would.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::swarm::Swarm;
use super::{Words, print};
use crate::clock::human;
use crate::env::Env;
use crate::service::Error;
use crate::text::SafeText;
use crate::vexy_ai::config::Config;
use crate::vexy_ai::model::answer::Answer;
use crate::vexy_ai::model::ask::{Asker, Go, Hooks, Subject, Verdict};
use crate::vexy_ai::model::client::{Client, trust_store};
use crate::vexy_ai::model::dialect::{Dialect, Format, Memory};
use crate::vexy_ai::model::endpoint::{Endpoint, Environment};
use crate::vexy_ai::model::ledger::Ledger;

/// The item that is asked about: it names a ticker, numbers and an event.
const TITLE: &str = "Acme raises dividend as profit climbs 12%";
const TEXT: &str = "Acme Corp (NYSE: ACME) said on Tuesday that quarterly profit climbed 12% to $8.4 million, compared \
    with $7.5 million a year earlier. The company raised its dividend to 20 cents a share.";
/// The longest that is waited for breaker and budget, all in all.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Runs `vexy model test`.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.only(&[])?;
    match &words.values[..] {
        [what] if what == "test" => test(env),
        _ => Err(Error::Config(
            "vexy model takes the word test; see marketswarm vexy --help".into(),
        )),
    }
}

fn test(env: &Env) -> Result<ExitCode, Error> {
    let swarm = Swarm::find(env)?;
    let settings = Config::from_truth(&swarm.truth)
        .map_err(|problem| Error::Truth(problem.to_string()))?
        .model;
    let Some(endpoint) = Environment::read(env)?.endpoint(&settings) else {
        return Err(Error::Config(
            "no model is configured: set VEXY_LLM_URL and VEXY_LLM_MODEL, or services.vexy_ai.model in truth".into(),
        ));
    };
    print(&about(&endpoint))?;
    let client = Client::new(&trust_store(env)?);
    let memory = Memory::default();
    let address = swarm.store.address().clone();
    let mut ledger = Ledger::new(address, "marketswarm:model");
    let mut asker = Asker {
        endpoint: &endpoint,
        settings: &settings,
        client: &client,
        memory: &memory,
        ledger: &mut ledger,
    };
    let subject = Subject {
        title: TITLE,
        text: TEXT,
        url: "",
        tickers: &[],
        // What is kept from before says nothing about the server of today.
        anew: true,
    };
    let mut once = Once::default();
    let began = Instant::now();
    let verdict = asker.ask(&subject, &mut once)?;
    let took = human(began.elapsed());
    let (said, code) = match verdict {
        Verdict::Answered { answer, .. } => {
            let way = dialect(memory.recall(&endpoint.base, &endpoint.model));
            let calls = match once.calls {
                1 => "1 call".to_owned(),
                calls => format!("{calls} calls"),
            };
            let said = format!(
                "answered  in {took}, {calls}; asked {way}\n{}",
                shown(&answer)
            );
            (said, ExitCode::SUCCESS)
        }
        Verdict::Failed(because) => (format!("failed    {because}\n"), ExitCode::FAILURE),
        Verdict::Skipped(because) => (format!("not asked {because}\n"), ExitCode::FAILURE),
        Verdict::Stopped => {
            let why = once.why;
            (format!("not asked {why}\n"), ExitCode::FAILURE)
        }
    };
    print(&said)?;
    let spent = ledger.spent()?;
    print(&format!(
        "today     {} calls, {} tokens\n",
        spent.calls, spent.tokens
    ))?;
    Ok(code)
}

/// What is asked, and whether it is sent the key.
fn about(endpoint: &Endpoint) -> String {
    let key = match (&endpoint.withheld, &endpoint.key) {
        (Some(why), _) => why.as_str(),
        (None, Some(_)) => "the key is sent",
        (None, None) => "there is no key",
    };
    let (model, host) = (
        SafeText::new(&endpoint.model),
        SafeText::new(endpoint.host()),
    );
    format!("model     {model} at {host}; {key}\n")
}

/// How it was asked in the end.
fn dialect(dialect: Dialect) -> String {
    let form = match dialect.format {
        Format::Schema => "with a JSON schema",
        Format::Object => "for a JSON object",
        Format::Text => "for JSON by the prompt alone",
    };
    let limit = if dialect.by_completion {
        ", by max_completion_tokens"
    } else {
        ""
    };
    let temperature = if dialect.has_temperature {
        ""
    } else {
        ", without a temperature"
    };
    format!("{form}{limit}{temperature}")
}

fn shown(answer: &Answer) -> String {
    let mut out = format!(
        "summary   {}\nsentiment {:+.2} (sure: {:.2}), event {}",
        answer.summary,
        answer.sentiment,
        answer.confidence,
        answer.event.as_str()
    );
    if !answer.tickers.is_empty() {
        out += &format!(", tickers {}", answer.tickers.join(" "));
    }
    out.push('\n');
    for takeaway in &answer.takeaways {
        out += &format!("takeaway  {takeaway}\n");
    }
    out
}

/// Waits a little, and then says what for.
#[derive(Default)]
struct Once {
    waited: Duration,
    why: String,
    calls: u32,
}

impl Hooks for Once {
    fn wait(&mut self, time: Duration, why: &str) -> Go {
        if !why.is_empty() {
            why.clone_into(&mut self.why);
        }
        self.waited += time;
        if self.waited > WAIT_MAX {
            return Go::Stop;
        }
        std::thread::sleep(time);
        Go::On
    }

    fn calls(&mut self) {
        self.calls += 1;
    }

    fn called(&mut self) -> bool {
        true
    }
}
