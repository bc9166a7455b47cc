//! What the working services keep, read when somebody looks at it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use super::access::Who;
use super::answer::{Known, WITHIN, html_page, said};
use super::page::{self, Reader};
use super::shared::Shared;
use super::sheet::{self, Sheet};
use super::topic::Topic;
use crate::bus::{Address, Commands, Limits};
use crate::clock::{self, Mono};
use crate::http::Response;
use crate::massive::config::Config as MarketConfig;
use crate::reports::{analysis, feeds, market, mesh, notify, truth};
use crate::rss_agg::config::Config as FeedConfig;
use crate::rss_agg::store::Store;
use crate::service::Error;
use crate::text::SafeText;
use crate::truth::Truth;
use crate::vexy_ai::config::Config as AnalysisConfig;

/// What was read serves whoever asks within this.
const FRESH: Duration = Duration::from_secs(1);
/// How long it waits for a bus: what takes longer finds nobody who waits for it.
const LIMITS: Limits = Limits {
    connect: WITHIN,
    read: WITHIN,
};
/// Feeds and symbols that are told; of more their number.
const ROWS_MAX: usize = 1000;
/// Of more instances only the number is read.
const INSTANCES_MAX: usize = 5000;

/// How the answer is to be.
pub enum Form {
    /// JSON, unless the client knows it already by this tag.
    Json(Known),
    Page {
        who: Who,
        has_login: bool,
    },
}

/// Somebody wants to look at something.
pub struct Question {
    pub topic: Topic,
    pub form: Form,
}

/// What was read of a topic, as JSON and as people read it.
struct Report {
    json: Json,
    sheet: Sheet,
}

/// Whoever reads.
pub struct Reporter {
    shared: Arc<Shared>,
    /// What was read of late, and when.
    recent: HashMap<Topic, (Mono, Arc<Report>)>,
    system: Commands,
    /// The bus that carries data, and where it is.
    store: Option<(Address, Store)>,
    truth_key: String,
}

impl Reporter {
    /// One that reads the bus at `system`, and the one that carries data; truth lies at `truth_key`.
    pub fn new(system: Address, truth_key: String, shared: Arc<Shared>) -> Reporter {
        Reporter {
            shared,
            recent: HashMap::new(),
            system: Commands::new(system, "console:report", LIMITS),
            store: None,
            truth_key,
        }
    }

    /// What there is, or why it cannot be read.
    pub fn answer(&mut self, question: Question, now: Mono) -> Response {
        let Question { topic, form } = question;
        let report = self.report(topic, now);
        match (form, report) {
            (Form::Json(known), Ok(report)) => known.answer(report.json.to_string().into_bytes()),
            (Form::Json(_), Err(why)) => said(503, &why),
            (Form::Page { who, has_login }, report) => {
                let reader = Reader {
                    who: &who,
                    has_login,
                };
                let (view, now_ts) = (self.shared.view(), clock::wall_secs());
                let page = |sheet| page::topic(&view, reader, topic, sheet, now_ts);
                match report {
                    Ok(report) => html_page(200, page(&report.sheet)),
                    Err(why) => html_page(503, page(&Sheet::only(why.as_str()))),
                }
            }
        }
    }

    fn report(&mut self, topic: Topic, now: Mono) -> Result<Arc<Report>, SafeText> {
        if let Some((read, report)) = self.recent.get(&topic)
            && now.since(*read) < FRESH
        {
            return Ok(Arc::clone(report));
        }
        let truth = self.shared.truth().ok_or("no truth was found yet")?;
        let report = match topic {
            Topic::Feeds => self.feeds(&truth),
            Topic::Market => self.market(&truth),
            Topic::Analysis => self.analysis(&truth),
            Topic::Mesh => self.mesh(),
            Topic::Truth => self.truth(),
            Topic::Notify => self.notify(),
        }
        .map_err(|error| SafeText::new(&format!("this cannot be read: {error}")))?;
        let report = Arc::new(report);
        self.recent
            .insert(topic, (Mono::now(), Arc::clone(&report)));
        Ok(report)
    }

    /// The bus that carries data.
    fn store(&mut self) -> Result<&mut Store, Error> {
        let address = self.shared.data_bus().ok_or_else(|| {
            Error::Config("the address of the bus that carries data cannot be used".into())
        })?;
        let store = match self.store.take() {
            Some((known, store)) if known == address => store,
            _ => Store::with_limits(address.clone(), "console:report", LIMITS),
        };
        Ok(&mut self.store.insert((address, store)).1)
    }

    fn feeds(&mut self, truth: &Truth) -> Result<Report, Error> {
        let config = FeedConfig::from_truth(truth).map_err(|p| Error::Truth(p.to_string()))?;
        let store = self.store()?;
        let found = feeds::Feeds::read(store, &config)?;
        let refused = feeds::refused(store)?;
        Ok(Report {
            json: found.json(&refused, ROWS_MAX),
            sheet: sheet::feeds(&found, &refused, clock::wall_secs()),
        })
    }

    fn market(&mut self, truth: &Truth) -> Result<Report, Error> {
        let config = MarketConfig::from_truth(truth).map_err(|p| Error::Truth(p.to_string()))?;
        let found = market::Market::read(self.store()?.commands(), &config, ROWS_MAX)?;
        let now_ms = i64::try_from(clock::wall_millis()).unwrap_or(i64::MAX);
        Ok(Report {
            json: found.json(now_ms),
            sheet: sheet::market(&found, now_ms),
        })
    }

    fn analysis(&mut self, truth: &Truth) -> Result<Report, Error> {
        let config = AnalysisConfig::from_truth(truth).map_err(|p| Error::Truth(p.to_string()))?;
        let store = self.store()?.commands();
        let work = analysis::Work::read(store, config.model)?;
        let items = analysis::Items::read(store)?;
        let state = work.state(config.analysis.behind_warn_sec);
        let mut json = work.json(state);
        (json["items"], json["letters"]) = items.json();
        Ok(Report {
            json,
            sheet: sheet::analysis(&work, state, &items, clock::wall_secs()),
        })
    }

    fn mesh(&mut self) -> Result<Report, Error> {
        let count = mesh::instance_count(&mut self.system)?;
        let registry = match count {
            0..=INSTANCES_MAX => Some(mesh::registry(&mut self.system)?),
            _ => None,
        };
        let works = mesh::Works::read(&mut self.system)?;
        let mut json = registry
            .as_ref()
            .map_or_else(Json::default, mesh::registry_json);
        json["total"] = count.into();
        json["work"] = serde_json::json!(works.works);
        Ok(Report {
            json,
            sheet: sheet::mesh(registry.as_ref(), count, &works),
        })
    }

    fn truth(&mut self) -> Result<Report, Error> {
        let found = truth::Document::read(&mut self.system, &self.truth_key)?;
        Ok(Report {
            json: found.json(),
            sheet: sheet::truth(&found, clock::wall_secs()),
        })
    }

    fn notify(&mut self) -> Result<Report, Error> {
        let channels = notify::channels(&mut self.system)?;
        let all: Vec<Json> = channels.iter().map(notify::Channel::json).collect();
        Ok(Report {
            json: serde_json::json!({ "channels": all }),
            sheet: sheet::notify(&channels, clock::wall_secs()),
        })
    }
}
