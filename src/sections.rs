//! Who checks which section of truth: the owners hand their validators in here, truth itself knows none of them.

use crate::notify;
use crate::rss_agg::config;
use crate::truth::Check;

/// Everybody who checks sections of truth.
pub const CHECKS: &[Check] = &[
    Check {
        svc: config::SERVICE,
        validator: config::check,
        is_spared: false,
    },
    Check {
        svc: "healer",
        validator: notify::config::check,
        // Both watchers go on with the channels that are usable.
        is_spared: true,
    },
];
