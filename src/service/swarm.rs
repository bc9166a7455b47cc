//! Which services make up a swarm.

/// The services that watch the others.
pub const WATCHERS: [&str; 2] = ["healer", "sentinel"];

/// All services, in the order in which they are shown.
pub const SERVICES: [&str; 7] = [
    "rss_agg",
    "massive",
    "mesh",
    "vexy_ai",
    WATCHERS[0],
    WATCHERS[1],
    "console",
];
