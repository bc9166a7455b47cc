//! What is said to people in one message, before any words are chosen.

use serde::{Deserialize, Serialize};

use crate::contract::{Alert, AlertKind};

/// Milliseconds since the epoch, on a clock that never steps while the process lives.
pub type Ms = i64;

/// Names that a message spells out; the rest becomes `+ 480 more`.
pub const NAMES_MAX: usize = 20;
/// Alert objects that a message carries for programs; the rest is counted as `omitted`.
pub const ALERTS_MAX: usize = 1000;

/// One message: groups of lines, the most important first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notification {
    /// When it was composed.
    pub now_ms: Ms,
    /// What there is to say.
    pub groups: Vec<NotificationGroup>,
    /// What else is down, told before.
    pub also_down: Names,
    /// Entries of the log that were lost before they could be told; their number when it is known.
    pub lost: Option<u64>,
    /// Where the console shows what is told.
    pub link: Option<String>,
    /// Where it is written what to do about the one service that is told of.
    pub runbook: Option<String>,
    /// It only tries the channel out.
    pub test: bool,
    /// What is to be said about other channels.
    pub notes: Vec<String>,
    /// The channel could not be reached since then: this message is the digest of what it missed.
    pub digest_since_ms: Option<Ms>,
    /// The alerts behind the lines, oldest first, at most [`ALERTS_MAX`].
    pub alerts: Vec<Alert>,
    /// Alerts that found no room in `alerts`.
    pub omitted: usize,
    /// The conversation that this message goes on with.
    pub thread: Option<Thread>,
}

/// Lines that say the same thing of different services.
#[derive(Clone, Debug, PartialEq)]
pub struct NotificationGroup {
    /// What is said of them.
    pub say: NotificationKind,
    /// The kind of alert that begins what is spoken of (`HeartbeatMiss` also for its end).
    pub kind: AlertKind,
    /// Nothing was ever heard of these services.
    pub never_heard: bool,
    /// At most [`NAMES_MAX`] lines.
    pub lines: Vec<NotificationLine>,
    /// Lines that found no room in `lines`.
    pub more: usize,
}

impl NotificationGroup {
    /// How many lines there are, spelled out or not.
    pub fn len(&self) -> usize {
        self.lines.len() + self.more
    }

    /// Never so: a group is made for its first line.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is said of a service. In the order in which a message says it: what is true and bad comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotificationKind {
    /// It began: `DOWN`.
    Begin,
    /// It began, was told, and is still so: after a silence, or when the record of it was old.
    Still,
    /// It began because something else is down, and that was told before.
    Because,
    /// It comes and goes; nothing more is said until it holds still.
    Flapping,
    /// It held still after flapping.
    Steady,
    /// It happened; such things have no end (`service_restarting`).
    Once,
    /// A reminder of what is still so.
    Remind,
    /// It ended: `UP`.
    End,
    /// It began and ended before it could be told.
    Past,
    /// The service is watched no longer, so its end will never be heard.
    Gone,
}

/// One service in a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NotificationLine {
    /// The service, or the bus.
    pub svc: String,
    /// Whether it is bad now.
    pub bad: bool,
    /// The alert that began it.
    pub begin: Option<Alert>,
    /// The alert that ended it.
    pub end: Option<Alert>,
    /// For `Flapping` and `Steady`: since when it has been so. For `Because`: unused.
    pub since_ms: Option<Ms>,
    /// Times it was so and was not told, or times it went down while flapping.
    pub times: u32,
    /// When it was so and was not told: the oldest few of those times.
    pub spans: Vec<DownSpan>,
    /// Services that are silent because of it.
    pub because: Names,
    /// The service behind `Because`.
    pub cause: Option<String>,
}

/// From when to when something was bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownSpan {
    /// When it began.
    pub from_ms: Ms,
    /// When it ended.
    pub to_ms: Ms,
}

/// A list of names with a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// At most [`NAMES_MAX`].
    pub names: Vec<String>,
    /// How many found no room in `names`.
    pub more: usize,
}

impl Names {
    /// Adds a name, or counts it when [`NAMES_MAX`] are there.
    pub fn push(&mut self, name: &str) {
        if self.names.len() < NAMES_MAX {
            self.names.push(name.to_owned());
        } else {
            self.more += 1;
        }
    }

    /// How many there are, spelled out or not.
    pub fn len(&self) -> usize {
        self.names.len() + self.more
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A conversation about one outage: the messages about its end answer the message about its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// Id of the message that began it.
    pub message_id: String,
    /// Its subject line.
    pub subject: String,
}

impl Notification {
    /// Puts a line into the group of its kind.
    pub(super) fn push(&mut self, say: NotificationKind, kind: AlertKind, line: NotificationLine) {
        let never_heard = line.begin.as_ref().is_some_and(|b| b.never_heard);
        let at = self
            .groups
            .iter()
            .position(|g| (g.say, g.kind, g.never_heard) == (say, kind, never_heard));
        let group = match at {
            Some(at) => &mut self.groups[at],
            None => {
                let at = self.groups.partition_point(|g| g.say <= say);
                let empty = NotificationGroup {
                    say,
                    kind,
                    never_heard,
                    lines: Vec::new(),
                    more: 0,
                };
                self.groups.insert(at, empty);
                &mut self.groups[at]
            }
        };
        if group.lines.len() < NAMES_MAX {
            group.lines.push(line);
        } else {
            group.more += 1;
        }
    }

    /// Adds the alerts behind a line, as far as there is room.
    pub(super) fn carry(&mut self, alerts: Vec<Alert>, dropped: u32) {
        let room = ALERTS_MAX.saturating_sub(self.alerts.len());
        self.omitted += alerts.len().saturating_sub(room) + dropped as usize;
        self.alerts.extend(alerts.into_iter().take(room));
    }

    /// The line that says of `svc` that it is down.
    pub(super) fn line_mut(&mut self, svc: &str) -> Option<&mut NotificationLine> {
        let down = |g: &&mut NotificationGroup| {
            let says = matches!(
                g.say,
                NotificationKind::Begin
                    | NotificationKind::Still
                    | NotificationKind::Flapping
                    | NotificationKind::Remind
            );
            says && g.kind == AlertKind::HeartbeatMiss
        };
        self.groups
            .iter_mut()
            .filter(down)
            .flat_map(|g| g.lines.iter_mut())
            .find(|line| line.svc == svc)
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.notes.is_empty() && self.lost.is_none()
    }

    /// All lines that are spelled out, with what is said of them.
    pub fn lines(&self) -> impl Iterator<Item = (NotificationKind, AlertKind, &NotificationLine)> {
        self.groups
            .iter()
            .flat_map(|g| g.lines.iter().map(|l| (g.say, g.kind, l)))
    }
}
