//! The history of each service: what was so from when to when, and what follows from it.
//!
//! Transitions are kept, not samples. The alert log is folded into spans; which of them count, and as what, depends on
//! who was watching, and is found out when somebody asks.
//!
//! - [`Intervals`]: sets of seconds;
//! - [`Span`]: something that was so for a while, and its text in Redis;
//! - [`Fold`]: makes spans of alerts, one alert at a time;
//! - [`Record`]: all that is kept of one service; [`Record::stretches`] and [`Record::sums`] say how it stood at each
//!   instant of a [`Window`], and for how long;
//! - [`outages()`]: how often it was down, how long, how long between;
//! - [`incidents()`]: outages that belong together;
//! - [`store`]: keeps all of it in Redis, once, however many follow the log.
//!
//! All but `store` is pure.

mod account;
mod fold;
mod id;
mod incidents;
mod intervals;
mod open;
mod outages;
mod record;
mod span;
pub mod store;

pub use account::{Account, Seen, Stretch, Sums, Uptime, Window};
pub use fold::{Change, Fold};
pub use id::AlertId;
pub use incidents::{Incident, Member, incidents};
pub use intervals::Intervals;
pub use open::{Open, OpenOutages};
pub use outages::{Outages, outages};
pub use record::{Days, Record};
pub use span::{Span, SpanKind};

/// How far back the history goes, in seconds.
pub const KEPT_SEC: i64 = 90 * DAY_SEC;
/// The seconds of a day.
pub const DAY_SEC: i64 = 86_400;
/// Spans of a service that are kept one by one; older ones are added up by day.
pub const SPANS_MAX: usize = 64;
