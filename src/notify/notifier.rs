//! The channels that run: started, stopped and exchanged as truth says.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use super::aggregator::Rules;
use super::channel::{Channel, Peers, Setup};
use super::config::Unusable;
use super::config::Url;
use super::inbox::{INBOX_MAX, Inbox};
use super::transport::Transport;
use super::{Config, ConfigError, Relay, Role, config, deadman};
use crate::bus::Address;
use crate::clock::Mono;
use crate::contract::Alert;
use crate::env::Env;
use crate::net::proxy::proxy_for;
use crate::service::metrics::Metrics;
use crate::service::{Notice, deliver};
use crate::text::cut;
use crate::truth::Truth;

/// Longest text about the channels: there may be sixteen of them, with fifteen mistakes each.
const NOTE_MAX_BYTES: usize = 1000;
/// How long a stop waits for threads that are in the middle of a send; the message is stored.
const STOP_MAX: Duration = Duration::from_millis(1000);

/// What the notifier needs of its daemon.
#[derive(Clone)]
pub struct Context {
    /// Holds the secrets that truth names.
    pub env: Env,
    /// Says which channels there are.
    pub truth: Arc<Truth>,
    /// False: `truth` is good for nothing but the channels.
    pub knows_services: bool,
    /// Where the system bus is.
    pub bus: Address,
    /// The instance, to hold the channels with.
    pub inst: String,
    /// The machine it runs on.
    pub host: String,
    /// Where the channels count.
    pub metrics: Metrics,
    /// Hands alerts to channels that cannot read the log.
    pub relay: Relay,
}

/// The running channels. Dropping it stops them.
pub struct Notifier {
    role: Role,
    context: Context,
    rules: Rules,
    console: Option<Url>,
    state_dir: Option<PathBuf>,
    channels: Vec<Running>,
    /// What was last said to be wrong with the channels.
    said: String,
    peers: Peers,
    /// Channels started so far: each holds its place under a name of its own.
    started: u32,
    well: Option<Sender<bool>>,
    threads: Vec<JoinHandle<()>>,
    /// Tells the daemon that a thread ended.
    tell: Arc<dyn Fn(Notice) + Send + Sync>,
    /// From here on nobody needs to be told.
    closing: Arc<AtomicBool>,
    /// Shared by all threads; `None` once they were told to stop.
    alive: Option<Sender<()>>,
    /// Disconnected once the last thread has ended.
    ended: Receiver<()>,
}

/// A channel at work.
struct Running {
    channel: config::Channel,
    inbox: Sender<Inbox>,
    /// A word on it: truth names the channel no more. Dropped: the daemon stops.
    stop: Sender<()>,
}

/// Starts a thread for each configured channel; with none configured it costs nothing.
///
/// To be called by the instance that speaks: the healer that holds the lease, not the one that stands by. A thread
/// that ends by itself is told to `events`. Fails only on a setting that cannot be used, with its name.
///
/// # Errors
/// The first setting that cannot be used, by name.
pub fn start<E: From<Notice> + Send + 'static>(
    role: Role,
    context: Context,
    events: Sender<E>,
) -> Result<Notifier, ConfigError> {
    let config = ready(&context.env, &context.truth, &context.host)?;
    let state_dir = context.env.folder("STATE_DIR")?;
    let mut notifier = idle(role, context, events);
    notifier.state_dir = state_dir;
    notifier.rules = config.rules;
    notifier.console = config.console;
    let complaint = complaint(&config.unusable, |_| false);
    for channel in notifier.or_usual(config.channels, &config.unusable) {
        notifier.open(channel);
    }
    notifier.say(complaint);
    if role == Role::Sentinel
        && let Some(url) = config.deadman
    {
        let proxy = proxy_for(&notifier.context.env, "WEBHOOK_PROXY", url.expose())?;
        let (sender, well) = bounded(1);
        notifier.well = Some(sender);
        notifier.spawn("deadman".to_owned(), move || {
            deadman::run(&url, proxy, &well)
        });
    }
    Ok(notifier)
}

/// Whether all that the environment says of the channels can be used; a start is the time to find out.
///
/// # Errors
/// As [`start`].
pub fn try_environment(env: &Env, truth: &Truth, host: &str) -> Result<(), ConfigError> {
    ready(env, truth, host).map(drop)
}

/// One without a channel, until a truth comes whose channels can be used.
pub fn idle<E: From<Notice> + Send + 'static>(
    role: Role,
    context: Context,
    events: Sender<E>,
) -> Notifier {
    let (alive, ended) = bounded(0);
    let closing = Arc::new(AtomicBool::new(false));
    Notifier {
        role,
        rules: Rules::default(),
        console: None,
        state_dir: context.env.folder("STATE_DIR").unwrap_or_default(),
        context,
        channels: Vec::new(),
        said: String::new(),
        peers: Peers::default(),
        started: 0,
        well: None,
        threads: Vec::new(),
        tell: {
            let closing = Arc::clone(&closing);
            Arc::new(move |notice| deliver(&events, E::from(notice), &closing))
        },
        closing,
        alive: Some(alive),
        ended,
    }
}

impl Notifier {
    /// Tells an alert that the bus cannot carry now. When the log has it later (with the same `id`), it is not told
    /// again. Never blocks.
    pub fn tell_out_of_band(&self, alert: &Alert) {
        self.send_all(|| Inbox::Alert(Box::new(alert.clone())));
    }

    /// These alerts stand in the log now: those of its channels that cannot read it have them.
    pub fn written(&self, alerts: Vec<Alert>) {
        self.context.relay.written(alerts, Mono::now());
    }

    /// What hands alerts to its channels when they cannot read the log.
    pub fn relay(&self) -> Relay {
        self.context.relay.clone()
    }

    /// Tells people something that no alert says.
    pub fn tell(&self, text: &str) {
        self.send_all(|| Inbox::Note(text.to_owned()));
    }

    /// Follows a new truth, and where the system bus is by it: channels that it names no more or otherwise stop, those
    /// that are new start, the others go on. One that cannot be used keeps its former settings, if it had any; when
    /// none can be used, all of before stay.
    pub fn set_truth(&mut self, truth: &Arc<Truth>, bus: &Address) {
        (self.context.truth, self.context.bus) = (Arc::clone(truth), bus.clone());
        self.context.knows_services = true;
        match ready(&self.context.env, truth, &self.context.host) {
            Ok(config) => {
                let nobody = config.channels.is_empty() && !config.unusable.is_empty();
                let is_running = |name: &str| self.channels.iter().any(|r| r.channel.name == name);
                let complaint = complaint(&config.unusable, is_running);
                if !nobody {
                    self.follow(config);
                    self.say(complaint);
                } else if self.channels.is_empty() {
                    for channel in self.or_usual(Vec::new(), &config.unusable) {
                        self.open(channel);
                    }
                    self.say(complaint);
                } else {
                    self.say(format!(
                        "CHANNELS stay as they were: {}",
                        why(&config.unusable)
                    ));
                }
            }
            Err(error) => self.say(format!("CHANNELS stay as they were: {error}")),
        }
        self.send_all(|| Inbox::Truth(Arc::clone(truth), Box::new(bus.clone())));
    }

    fn follow(&mut self, config: Config) {
        self.rules = config.rules;
        self.console.clone_from(&config.console);
        let keeps = |name: &String| {
            let mut names = config.unusable.iter().filter_map(|u| u.name.as_ref());
            names.any(|unusable| unusable == name)
        };
        self.channels.retain(|running| {
            let stays = config.channels.contains(&running.channel) || keeps(&running.channel.name);
            if !stays {
                // There is room for the one word that is ever said.
                let _ = running.stop.try_send(());
                self.peers.remove(&running.channel.name);
            }
            stays
        });
        for channel in config.channels {
            if self.channels.iter().all(|r| r.channel.name != channel.name) {
                self.open(channel);
            }
        }
    }

    /// `channels`, or those of the usual variables where truth names some and none can be used: better told by another
    /// way than not.
    fn or_usual(
        &self,
        channels: Vec<config::Channel>,
        unusable: &[Unusable],
    ) -> Vec<config::Channel> {
        if !channels.is_empty() || unusable.is_empty() {
            return channels;
        }
        let usual = config::of_environment(&self.context.env).unwrap_or_default();
        let is_ready = |channel: &config::Channel| try_out(channel, &self.context.host).is_ok();
        usual.into_iter().filter(is_ready).collect()
    }

    /// Says what is wrong with the channels, once, to the log and to people by those that work.
    fn say(&mut self, complaint: String) {
        if complaint == self.said {
            return;
        }
        if !complaint.is_empty() {
            log::error!("{complaint}");
            self.send_all(|| Inbox::Note(complaint.clone()));
        }
        self.said = complaint;
    }

    fn open(&mut self, channel: config::Channel) {
        log::info!("channel {channel}");
        let (inbox, items) = unbounded();
        let (stop, stopped) = bounded(1);
        self.started += 1;
        self.peers.add(&channel.name, inbox.clone());
        let setup = Setup {
            role: self.role,
            channel: channel.clone(),
            rules: self.rules,
            console: self.console.clone(),
            truth: self
                .context
                .knows_services
                .then(|| Arc::clone(&self.context.truth)),
            bus: self.context.bus.clone(),
            // One that was stopped and is in the middle of a send must not be taken for its successor.
            inst: format!("{}-{}", self.context.inst, self.started),
            host: self.context.host.clone(),
            metrics: self.context.metrics.clone(),
            relay: self.context.relay.clone(),
            to_itself: inbox.clone(),
            state_dir: self.state_dir.clone(),
            inbox: items,
            stop: stopped,
            peers: self.peers.clone(),
        };
        let name = format!("notify-{}", channel.name);
        self.spawn(name, move || Channel::new(setup).map(Channel::run));
        self.channels.push(Running {
            channel,
            inbox,
            stop,
        });
    }

    /// Says whether the healer beats and the bus echoes: while so, `DEADMAN_URL` is pinged.
    pub fn set_well(&self, well: bool) {
        if let Some(sender) = &self.well {
            // Full only while a ping hangs; the next word comes soon.
            let _ = sender.try_send(well);
        }
    }

    /// Tells the channels to stop; dropping the notifier then waits for them.
    pub fn stop(&mut self) {
        self.channels.clear();
        self.well = None;
        self.closing.store(true, Ordering::SeqCst);
        self.alive = None;
    }

    fn send_all(&self, item: impl Fn() -> Inbox) {
        for running in &self.channels {
            if running.inbox.len() >= INBOX_MAX || running.inbox.try_send(item()).is_err() {
                log::error!(
                    "channel {} is behind by {INBOX_MAX}: it is not told of this",
                    running.channel.name
                );
            }
        }
    }

    /// Runs `body` on a thread of its own; when it fails, or ends before it was told to, that is an event.
    fn spawn(&mut self, name: String, body: impl FnOnce() -> Result<(), String> + Send + 'static) {
        let end = End {
            name: name.clone(),
            tell: Arc::clone(&self.tell),
            _alive: self.alive.clone(),
        };
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || end.tell(body().err()));
        // Channels come and go for as long as the daemon runs.
        self.threads.retain(|thread| !thread.is_finished());
        match thread {
            Ok(thread) => self.threads.push(thread),
            Err(e) => log::error!("cannot start a thread for a channel: {e}"),
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.stop();
        match self.ended.recv_timeout(STOP_MAX) {
            Err(RecvTimeoutError::Disconnected) => {
                for thread in self.threads.drain(..) {
                    // A panic there has ended the process.
                    let _ = thread.join();
                }
            }
            _ => log::warn!(
                "a channel is in the middle of a send; its message is stored and will be sent again"
            ),
        }
    }
}

/// What environment and truth make of the channels, each tried out: a thread that cannot begin would end its daemon.
fn ready(env: &Env, truth: &Truth, host: &str) -> Result<Config, ConfigError> {
    let mut config = Config::read(env, truth)?;
    let are_of_truth = truth.section("healer", "notify").is_some();
    for channel in std::mem::take(&mut config.channels) {
        match try_out(&channel, host) {
            Ok(()) => config.channels.push(channel),
            Err(why) if are_of_truth => config.unusable.push(Unusable {
                name: Some(channel.name),
                why,
            }),
            Err(error) => return Err(error),
        }
    }
    Ok(config)
}

fn try_out(channel: &config::Channel, host: &str) -> Result<(), ConfigError> {
    let tried = Transport::new(channel, host).map(drop);
    tried.map_err(|reason| ConfigError::Transport {
        channel: channel.name.clone(),
        reason,
    })
}

/// What people are told of channels that cannot be used; empty when all can.
fn complaint(unusable: &[Unusable], is_running: impl Fn(&str) -> bool) -> String {
    if unusable.is_empty() {
        return String::new();
    }
    let kept: Vec<&str> = unusable
        .iter()
        .filter_map(|u| u.name.as_deref())
        .filter(|name| is_running(name))
        .collect();
    let kept = match kept.is_empty() {
        true => String::new(),
        false => format!("; {} as before", kept.join(", ")),
    };
    format!("CHANNELS not as truth says: {}{kept}", why(unusable))
}

fn why(unusable: &[Unusable]) -> String {
    let each = unusable.iter().map(|unusable| match &unusable.name {
        Some(name) => format!("{name}: {}", unusable.why),
        None => unusable.why.to_string(),
    });
    let all: Vec<String> = each.collect();
    cut(&all.join("; "), NOTE_MAX_BYTES).to_owned()
}

/// Tells the end of a thread that nobody stopped.
struct End {
    name: String,
    tell: Arc<dyn Fn(Notice) + Send + Sync>,
    _alive: Option<Sender<()>>,
}

impl End {
    fn tell(self, error: Option<String>) {
        // Without an error it was told to stop.
        if let Some(error) = error {
            (self.tell)(Notice::ThreadEnded {
                name: self.name,
                error: Some(error),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::truth::{Defaults, Rules, ServiceSchema};

    /// Past the validator, as a document may come.
    const OPEN: &[ServiceSchema] = &[ServiceSchema::open("healer")];

    fn truth(notify: &str) -> Arc<Truth> {
        let text = format!(
            r#"{{"services":{{"healer":{{"heartbeat":{{"interval_sec":10}},"notify":[{notify}]}}}}}}"#
        );
        Arc::new(
            Truth::parse(text.as_bytes(), Rules::strict(Defaults::default(), OPEN)).expect("valid"),
        )
    }

    #[test]
    fn channels_that_come_and_go_leave_no_handle_of_a_thread_behind() {
        let one = truth(r#"{"name":"a","kind":"webhook","url_env":"HOOK"}"#);
        let other = truth(r#"{"name":"b","kind":"webhook","url_env":"HOOK"}"#);
        let bus = Address::parse("redis://127.0.0.1:1", "TEST").expect("valid");
        let context = Context {
            env: Env::from_pairs([("HOOK", "http://127.0.0.1:1/")]),
            truth: Arc::clone(&one),
            knows_services: false,
            bus: bus.clone(),
            inst: "test".to_owned(),
            host: "test".to_owned(),
            metrics: Metrics::default(),
            relay: Relay::default(),
        };
        let (events, _ends) = bounded::<Notice>(1);
        let mut notifier = start(Role::Healer, context, events).expect("it can be used");
        assert_eq!(notifier.threads.len(), 1);
        for turn in 0..20 {
            notifier.set_truth(if turn % 2 == 0 { &other } else { &one }, &bus);
            // Each has ended before the next comes.
            let end = Instant::now() + Duration::from_secs(30);
            while notifier.threads.iter().filter(|t| !t.is_finished()).count() > 1 {
                assert!(Instant::now() < end, "a channel does not stop");
                thread::yield_now();
            }
        }
        assert!(notifier.threads.len() <= 2, "{}", notifier.threads.len());
    }
}
