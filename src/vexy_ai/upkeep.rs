//! A thread that looks after the store: what an operator asks for, how far behind the work is, what is old, who is gone.

mod sight;

use std::sync::Arc;
use std::time::Duration;

use super::Event;
use super::config::Analysis;
use super::context::{Context, Setup, Trouble};
use super::control::Control;
use super::queue;
use crate::bus::script::Scripts;
use crate::bus::stream::Consumer;
use crate::bus::{BusError, Commands, Limits, Script};
use crate::clock::Mono;
use crate::contract::analysis;
use crate::service::{Error, Progress};

pub use sight::{DEAD_MANY, Sight};

/// How often it asks what an operator wants.
const CONTROL_EVERY: Duration = Duration::from_secs(1);
/// How often it looks how far behind the work is.
const SIGHT_EVERY: Duration = Duration::from_secs(10);
/// How often it takes away what is old, and how soon again while there is more.
const SWEEP_EVERY: Duration = Duration::from_secs(15);
const SWEEP_ON: Duration = Duration::from_millis(100);
/// Analyses that one script takes away: while it runs, Redis does nothing else.
const SWEPT_MAX: usize = 500;
/// How often it looks for consumers that are gone.
const TIDY_EVERY: Duration = Duration::from_secs(3_600);
/// A consumer that nobody was for so long is gone.
const CONSUMER_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// A question takes no longer.
pub const PROGRESS_BUDGET: Duration = Duration::from_secs(10);

/// Takes away the oldest analyses: those from before the horizon, and those beyond the number that is kept. Answers how
/// many those were.
///
/// KEYS: analyses by time of analysis, by time of publication. ARGV: horizon, number that is kept, how many at most,
/// beginning of the keys.
const SWEEP: &str = r#"
local most = tonumber(ARGV[3])
local old = redis.call('ZRANGE', KEYS[1], '-inf', '(' .. ARGV[1], 'BYSCORE', 'LIMIT', 0, most)
local over = math.min(redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[2]), most)
if over > #old then old = redis.call('ZRANGE', KEYS[1], 0, over - 1) end
for _, uid in ipairs(old) do
  redis.call('UNLINK', ARGV[4] .. uid)
  redis.call('ZREM', KEYS[1], uid)
  redis.call('ZREM', KEYS[2], uid)
end
if #old > 0 then redis.call('HINCRBY', KEYS[3], 'expired', #old) end
return #old
"#;

/// The thread.
pub struct Upkeep {
    context: Arc<Context>,
    setup: Arc<Setup>,
    bus: Commands,
    sweep: Script,
    scripts: Scripts,
    progress: Progress,
    trouble: Trouble,
    next_sight: Mono,
    next_sweep: Mono,
    next_tidy: Mono,
}

impl Upkeep {
    /// One that has done nothing yet.
    pub fn new(context: Arc<Context>, progress: Progress) -> Upkeep {
        let setup = context.setup();
        let sweep = Script::new(SWEEP);
        let now = Mono::now();
        Upkeep {
            bus: Commands::new(
                setup.address.clone(),
                format!("{}:upkeep", context.name),
                Limits::default(),
            ),
            scripts: Scripts::new([&sweep]),
            sweep,
            progress,
            trouble: Trouble::new("upkeep"),
            next_sight: now,
            next_sweep: now,
            next_tidy: now,
            setup,
            context,
        }
    }

    /// Works until everything is to end.
    ///
    /// # Errors
    /// None: what fails is tried again.
    pub fn run(mut self) -> Result<(), Error> {
        while !self.context.is_over() {
            self.setup = self.context.setup();
            self.bus.set_address(self.setup.address.clone());
            let progress = self.progress.clone();
            let working = progress.working();
            let done = self.round();
            drop(working);
            let pause = match done {
                Ok(pause) => {
                    self.trouble.is_over(&self.context);
                    pause
                }
                Err(error) => self.trouble.with_store(&error, &self.context),
            };
            self.context.wait(pause);
        }
        Ok(())
    }

    /// Does what it is time for; how long to wait for the next.
    fn round(&mut self) -> Result<Duration, BusError> {
        self.look_at_control()?;
        let now = Mono::now();
        if now >= self.next_sight {
            let sight = Sight::take(&mut self.bus)?;
            self.context.tell(Event::Sight(sight));
            self.next_sight = now + SIGHT_EVERY;
        }
        if now >= self.next_sweep {
            let is_more = self.sweep()?;
            self.next_sweep = now + if is_more { SWEEP_ON } else { SWEEP_EVERY };
        }
        if now >= self.next_tidy {
            self.tidy()?;
            self.next_tidy = now + TIDY_EVERY;
        }
        let next = (now + CONTROL_EVERY).min(self.next_sweep);
        Ok(next.since(Mono::now()))
    }

    fn look_at_control(&mut self) -> Result<(), BusError> {
        let mut ask = redis::cmd("HGETALL");
        let fields: Vec<(String, String)> = self.bus.query(ask.arg(analysis::CONTROL))?;
        if self.context.control(Control::read(fields)) {
            self.context.tell(Event::Control);
        }
        Ok(())
    }

    /// Takes away what is kept no longer; whether there is more.
    fn sweep(&mut self) -> Result<bool, BusError> {
        let Analysis {
            keep_sec,
            keep_items,
            ..
        } = self.setup.config.analysis;
        let horizon = crate::clock::wall_secs().saturating_sub_unsigned(keep_sec);
        let mut packet = redis::pipe();
        let keys = [analysis::DONE, analysis::INDEX, analysis::TOTALS];
        let call = self.sweep.call(&mut packet, &keys);
        call.arg(horizon).arg(keep_items).arg(SWEPT_MAX);
        call.arg(analysis::analysis_key(""));
        let swept = self.scripts.run(&mut self.bus, &packet)?;
        Ok(swept == redis::Value::Int(SWEPT_MAX as i64))
    }

    /// Takes consumers away that are gone for good and owe nothing.
    fn tidy(&mut self) -> Result<(), BusError> {
        let policy = queue::policy(&self.setup.config.analysis);
        for key in queue::STREAMS.into_iter().chain([analysis::MODEL_TODO]) {
            let mut consumer: Consumer = queue::member(key, &self.context.name, policy);
            match consumer.tidy(&mut self.bus, CONSUMER_LIFE) {
                Ok(0) => {}
                Ok(gone) => log::info!("{gone} consumers of {key} are gone for a day: removed"),
                // There is no such stream, or no such group, yet.
                Err(BusError::Reply { reason, .. }) => log::debug!("{key}: {reason}"),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
