//! The truth that a daemon starts with: it waits for one that can be used.

use std::sync::Arc;
use std::time::Duration;

use super::healthcheck::Notes;
use super::truth_watch::{Found, judge, keep};
use super::{Error, Notice, Profile, ServiceManager};
use crate::bus::{Address, Backoff, BusError, Buses, Commands, Limits};
use crate::clock::Mono;
use crate::contract::{TRUTH_KEY, TRUTH_LAST_GOOD};
use crate::env::Env;
use crate::swarm_state::TruthSource;
use crate::truth::{Rules, Truth};

/// The truth a daemon starts with, and where it was read.
pub(super) struct First {
    pub truth: Arc<Truth>,
    pub source: TruthSource,
    /// Of the document at the key, which may not be the one in force.
    pub digest: Option<String>,
    /// What there is to say when it is not.
    pub notice: Option<Notice>,
}

/// A truth that can be put in force, the digest of the document at the key, and what there is to say when that is another.
type Usable = (Arc<Truth>, Option<String>, Option<Notice>);

/// The truth in `source`, or else the last good one.
///
/// # Errors
/// Why neither can be used.
fn usable(
    profile: &Profile,
    rules: Rules,
    source: &mut TruthSource,
    last_good: &mut TruthSource,
) -> Result<Usable, Error> {
    let (digest, found) = judge(source.read()?, rules);
    let place = source.place();
    let (notice, problem) = match found {
        Found::Good(truth) => {
            log::info!(
                "truth {} from {place}",
                digest.as_deref().unwrap_or_default()
            );
            if profile.keeps_last_good {
                keep(source);
            }
            return Ok((truth, digest, None));
        }
        Found::Bad(reason) => {
            let problem = format!("the truth in {place} cannot be used: {reason}");
            (Notice::TruthRejected { reason }, problem)
        }
        Found::Nothing => {
            let problem = format!(
                "there is no truth in {place}: run bootstrap, which writes truth.json there"
            );
            (Notice::TruthMissing, problem)
        }
    };
    let problem = Error::Truth(problem);
    if let Ok(document) = last_good.read()
        && let (_, Found::Good(truth)) = judge(document, rules)
    {
        log::warn!("{problem}; the last good one is in force");
        return Ok((truth, digest, Some(notice)));
    }
    Err(problem)
}

/// Waits for a usable truth; `None` when told to stop meanwhile.
pub(super) fn find_truth(
    profile: &Profile,
    env: &Env,
    rules: Rules,
    buses: &Buses,
    service_manager: &ServiceManager,
    notes: Option<&Notes>,
    mut away: impl FnMut(Mono, &Address, &BusError),
) -> Result<Option<First>, Error> {
    let key = env.text("TRUTH_REDIS_KEY", TRUTH_KEY)?;
    let limit = env.secs("TRUTH_WAIT_SEC", 60.0, 0.0, 86_400.0)?;
    let address = match env.get("TRUTH_REDIS_URL")? {
        Some(url) => buses.address(&url, "TRUTH_REDIS_URL")?,
        None => buses.system(),
    };
    let connect = |role: &str| {
        Commands::new(
            address.clone(),
            format!("{}:{role}", profile.id),
            Limits::default(),
        )
    };
    let mut source = TruthSource::new(connect("truth"), key);
    let mut last_good = TruthSource::new(connect("truth"), TRUTH_LAST_GOOD);
    let mut backoff = Backoff::bus();
    let started = Mono::now();
    let mut said = None::<Mono>;
    let mut away_since = None::<Mono>;
    loop {
        let problem = match usable(profile, rules, &mut source, &mut last_good) {
            Ok((truth, digest, notice)) => {
                return Ok(Some(First {
                    truth,
                    source,
                    digest,
                    notice,
                }));
            }
            Err(problem) => problem,
        };
        let waited = Mono::now().since(started);
        let for_ever = match problem {
            Error::Bus(_) => profile.never_gives_up,
            _ => profile.waits_for_truth,
        };
        if buses.connections().is_ending() {
            return Ok(None);
        }
        let hopeless = matches!(&problem, Error::Bus(e) if e.is_bad_setting());
        if hopeless || (waited >= limit && !for_ever) {
            return Err(problem);
        }
        if said.is_none_or(|at| Mono::now().since(at) >= Duration::from_secs(10)) {
            said = Some(Mono::now());
            let rest = if for_ever {
                "for ever".to_owned()
            } else {
                format!("up to {} s", limit.as_secs())
            };
            log::warn!("{problem}; waiting, {rest}");
        }
        match &problem {
            Error::Bus(error) => away(*away_since.get_or_insert_with(Mono::now), &address, error),
            _ => away_since = None,
        }
        service_manager.wait(Duration::from_secs(30), "waiting for the bus and the truth");
        if let Some(notes) = notes {
            notes.turned(Duration::ZERO);
        }
        // Nothing is lost by asking Redis twice a second.
        let pause = backoff.next_pause().min(Duration::from_millis(500));
        if buses.connections().wait(pause) {
            return Ok(None);
        }
    }
}
