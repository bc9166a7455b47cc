//! Which beats carry behind them what the daemon counts of its work.

use redis::{ConnectionLike, RedisError, Value, from_redis_value};

use crate::bus::{BusError, Commands};
use crate::clock::{self, Mono};
use crate::contract::metrics::{
    METRICS_EVERY, METRICS_FORGOTTEN_SEC, METRICS_INDEX, METRICS_TTL, metrics_key, metrics_member,
};
use crate::service::metrics::Metrics;

/// What is counted, and when it went out last.
pub(super) struct Reporting {
    metrics: Metrics,
    svc: String,
    inst: String,
    sent: Option<Mono>,
}

impl Reporting {
    /// Reports `metrics` in the name of this instance.
    pub fn new(metrics: Metrics, svc: &str, inst: &str) -> Reporting {
        Reporting {
            metrics,
            svc: svc.to_owned(),
            inst: inst.to_owned(),
            sent: None,
        }
    }

    /// Publishes a beat; how many heard it. When a report is due it goes out in the same packet, behind the beat, so that
    /// the beat is said first and waits for nothing. What becomes of the report is no matter: it is made anew soon.
    ///
    /// # Errors
    /// Those of the beat.
    pub fn publish(
        &mut self,
        commands: &mut Commands,
        channel: &str,
        beat: &str,
        now: Mono,
    ) -> Result<u64, BusError> {
        let mut packet = redis::pipe();
        packet.cmd("PUBLISH").arg(channel).arg(beat);
        let count = 1 + self.add_report(&mut packet, now);
        let packet = packet.get_packed_pipeline();
        commands.run(|line| {
            let answers = line.req_packed_commands(&packet, 0, count)?;
            let heard = answers.into_iter().next().unwrap_or(Value::Nil);
            match heard {
                Value::ServerError(error) => Err(RedisError::from(error)),
                heard => Ok(from_redis_value(heard)?),
            }
        })
    }

    /// How many commands it adds.
    fn add_report(&mut self, packet: &mut redis::Pipeline, now: Mono) -> usize {
        if self
            .sent
            .is_some_and(|sent| now.since(sent) < METRICS_EVERY)
        {
            return 0;
        }
        self.sent = Some(now);
        let now_ts = clock::wall_secs();
        let Some(report) = self.metrics.report(&self.svc, &self.inst, now_ts) else {
            return 0;
        };
        let member = metrics_member(&self.svc, &self.inst);
        packet.cmd("SET").arg(metrics_key(&member)).arg(report);
        packet.arg("EX").arg(METRICS_TTL.as_secs());
        packet
            .cmd("ZADD")
            .arg(METRICS_INDEX)
            .arg(now_ts)
            .arg(member);
        packet.cmd("ZREMRANGEBYSCORE").arg(METRICS_INDEX);
        packet.arg(0).arg(now_ts - METRICS_FORGOTTEN_SEC);
        3
    }
}
