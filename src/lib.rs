//! MarketSwarm: feeds, workers and a watchful healer over a shared Redis bus.
//!
//! The house, room by room, in the direction in which data flows:
//!
//! - [`contract`]: the wire. Every message, key and channel that another program may meet.
//! - [`clock`]: the only place that reads time.
//! - [`fail_stop`]: a panic ends the process; so locks are never poisoned.
//! - [`text`]: text from outside, made safe once.
//! - [`mod@env`]: the environment and secrets.
//! - [`net`]: names, trust, HTTP, permits, back-off: what crosses a network besides Redis.
//! - [`http`]: an HTTP server, small and bounded.
//! - [`truth`]: the document that says which services there are, read and validated.
//! - [`bus`]: the only place that talks to Redis.
//! - [`swarm_state`]: the read model: how the swarm stands, for everybody who shows it.
//! - [`history`]: what was so from when to when, and what follows from it.
//! - [`service`]: what every daemon stands on: logging, truth, signals, threads, the beat.
//! - [`bootstrap`]: seeds the truth.
//! - [`feed`]: what is in a feed, and what of it is new; pure.
//! - [`rss_agg`], [`massive`], [`mesh`], [`vexy_ai`]: the working services.
//! - [`watch`]: the judging of silence, which healer and sentinel share.
//! - [`healer`]: hears the buses, and tells.
//! - [`notify`]: tells people.
//! - [`sentinel`]: watches the healer.
//! - [`reports`]: what the working services keep, read for people.
//! - [`console`]: shows how the swarm stands, over HTTP.
//! - [`sections`]: what each service keeps in truth for itself, and who looks at it.
//! - [`terminal`]: what draws to a terminal.
//! - [`demo_feeds`]: generated feeds, for who has no network; no daemon carries them.
//! - [`up`]: the local process supervisor: the whole swarm on one host.
//! - [`cli`]: the operator's command: look at the swarm, ask why.
#![forbid(unsafe_code)]

pub mod bootstrap;
pub mod bus;
pub mod cli;
pub mod clock;
pub mod console;
pub mod contract;
pub mod demo_feeds;
pub mod env;
pub mod fail_stop;
pub mod feed;
pub(crate) mod flap;
pub mod healer;
pub mod history;
pub mod http;
pub mod massive;
pub mod mesh;
pub mod net;
pub mod notify;
pub mod reports;
pub mod rss_agg;
pub mod sections;
pub mod sentinel;
pub mod service;
pub mod swarm_state;
pub mod terminal;
pub mod text;
pub mod truth;
pub mod up;
pub mod vexy_ai;
pub mod watch;
