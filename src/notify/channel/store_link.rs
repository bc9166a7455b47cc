//! A channel's dealings with the bus.

use super::*;
use crate::bus::{BusError, Rights};
use crate::clock::Mono;
use crate::contract::AlertKind;
use crate::notify::aggregator::Heard;
use crate::notify::store::Committed;
use crate::swarm_state::{LOG_READ_MAX, Logged};

/// How often the holding of the channel is renewed.
const HOLD_EVERY_MS: Ms = 3_000;
/// How often silences are looked up.
const SILENCE_EVERY_MS: Ms = 1_000;
/// How often a standby looks whether the holder is gone.
const LOOK_EVERY_MS: Ms = 2_000;
/// An entry that is older when it is read was written before this channel, or its connection, was there.
const OLD_MS: Ms = 60_000;
/// Entries that may wait for an acknowledgement; beyond, nothing more is read.
const UNACKNOWLEDGED_MAX: usize = 200_000;

/// A connection that fails for so long is a channel that cannot read.
const DEAF_AFTER_MS: Ms = 3_000;

/// The consumer group is gone, and with it perhaps the log.
fn is_no_group(error: &BusError) -> bool {
    matches!(error, BusError::Reply { reason, .. } if reason.starts_with("NOGROUP"))
}

impl Channel {
    /// What a file remembers from before the start.
    pub(super) fn remember(&mut self, now_ms: Ms) {
        let Some(left) = self.state_file.read() else {
            return;
        };
        match Aggregator::restore(self.rules, now_ms, &left.meta, left.records) {
            Ok(aggregator) => {
                self.aggregator = aggregator;
                self.aggregator.touch_all();
            }
            Err(e) => log::warn!("channel {}: what was told is forgotten: {e}", self.name),
        }
        for message in &left.outbox {
            self.owed.put(&message.id);
        }
        self.owed.failed(0);
        self.outbox = Outbox::restore(left.outbox);
    }

    /// After a step of the wall clock everything remembered steps with it: no pause grows or shrinks, and what people
    /// and other programs date by the new clock is understood.
    pub(super) fn follow_clock(&mut self) {
        let Some(by) = self.clock.follow() else {
            return;
        };
        log::info!(
            "channel {}: the wall clock stepped by {} s",
            self.name,
            by / 1000
        );
        self.aggregator.shift(by);
        self.outbox.shift(by);
        self.refiring.shift(by);
        self.owed.shift(by);
        match &mut self.link {
            StoreLink::Away { next_try_ms: at } | StoreLink::Standby { next_look_ms: at } => {
                *at += by
            }
            StoreLink::Held => {}
        }
        let moments = [
            &mut self.next_hold_ms,
            &mut self.next_silence_ms,
            &mut self.next_absorb_ms,
        ];
        let moments = moments.into_iter().chain(&mut self.digest_since_ms);
        let moments = moments.chain(&mut self.away_since_ms);
        for at in moments.chain(&mut self.write_due_ms) {
            *at += by;
        }
    }

    /// One step along the bus: connect, or read.
    pub(super) fn follow_bus(&mut self) {
        let now_ms = self.clock.now_ms();
        let step = match self.link {
            StoreLink::Away { next_try_ms } if now_ms >= next_try_ms => self.connect(now_ms),
            StoreLink::Standby { next_look_ms } if now_ms >= next_look_ms => self.stand_by(now_ms),
            StoreLink::Held => self.read(now_ms),
            _ => Ok(()),
        };
        if let Err(error) = step {
            self.bus_failed(&error);
        }
    }

    fn bus_failed(&mut self, error: &BusError) {
        if is_no_group(error) {
            // The group was lost with the data: begin again at 0, and write down what is known.
            let now_ms = self.clock.now_ms();
            log::warn!(
                "channel {}: the alert log was lost; starting again at its beginning",
                self.name
            );
            if self.rejoin(now_ms).is_ok() {
                return;
            }
        }
        self.say_failure(error);
        let now_ms = self.clock.now_ms();
        let since_ms = *self.away_since_ms.get_or_insert(now_ms);
        // The bus answers others, or will: what is written there meanwhile must not wait for this connection.
        if error.is_refusal() || now_ms - since_ms >= DEAF_AFTER_MS {
            self.be_deaf(now_ms);
        }
        let pause = self.backoff.next_pause().as_millis() as Ms;
        self.link = StoreLink::Away {
            next_try_ms: self.clock.now_ms() + pause,
        };
    }

    /// Says each kind of trouble once; a right that is missing to people, too, since nothing but they can mend it.
    fn say_failure(&mut self, error: &BusError) {
        if !self.outage.is_news(error) {
            return;
        }
        if !Rights::is_about(error) {
            return log::warn!("channel {}: {error}; trying on", self.name);
        }
        let error = self.store.explain(error.clone());
        let text = format!(
            "CHANNEL {} cannot keep what it tells: {error}. Alerts are told all the same",
            self.name
        );
        log::error!("{text}");
        self.aggregator.note(self.clock.now_ms(), text);
    }

    /// The log cannot be read: what is written there is handed over.
    fn be_deaf(&mut self, now_ms: Ms) {
        for alert in self.deafness.begin() {
            self.aggregator.hear_out_of_band(now_ms, alert);
        }
    }

    /// What was asked of the bus worked.
    fn bus_works(&mut self) {
        self.backoff.reset();
        self.away_since_ms = None;
        if self.owed.unstored_since_ms().is_none() && self.outage.end() {
            log::info!("channel {}: the bus is back", self.name);
        }
    }

    fn connect(&mut self, now_ms: Ms) -> Result<(), BusError> {
        if self.loaded {
            if !self.store.hold(0)? {
                self.yield_channel(now_ms);
                return Ok(());
            }
            self.rejoin(now_ms)?;
        } else {
            self.load(now_ms)?;
        }
        self.deafness.end();
        self.link = StoreLink::Held;
        (self.next_hold_ms, self.next_silence_ms) =
            (now_ms + HOLD_EVERY_MS, now_ms + SILENCE_EVERY_MS);
        Ok(())
    }

    /// Takes the channel and goes on where whoever held it was.
    fn load(&mut self, now_ms: Ms) -> Result<(), BusError> {
        let found = self.store.open()?;
        let restored = match &found.meta {
            Some(meta) => Aggregator::restore(self.rules, now_ms, meta, found.records),
            None => Ok(Aggregator::new(self.rules, now_ms)),
        };
        let mut aggregator = restored.unwrap_or_else(|e| {
            log::warn!("channel {}: what was told is forgotten: {e}", self.name);
            Aggregator::new(self.rules, now_ms)
        });
        std::mem::swap(&mut self.aggregator, &mut aggregator);
        self.aggregator.absorb(now_ms, aggregator);
        let mut outbox = Outbox::restore(found.outbox);
        std::mem::swap(&mut self.outbox, &mut outbox);
        self.outbox.absorb(outbox);
        self.loaded = true;
        self.adopt_truth(now_ms);
        let silences = self.store.silences()?;
        self.aggregator.set_silences(now_ms, silences);
        let left = self.store.unacknowledged()?;
        self.hear(now_ms, left)
    }

    /// After a lost connection: memory is right, the store may be behind or empty.
    fn rejoin(&mut self, now_ms: Ms) -> Result<(), BusError> {
        // What else is needed to read: better missed here than with the first alert.
        self.store.now_ms()?;
        self.store.make_group()?;
        if !self.store.has_records()? {
            self.aggregator.touch_all();
            let ids: Vec<String> = self.outbox.messages().map(|m| m.id.clone()).collect();
            for id in ids {
                self.owed.put(&id);
            }
        }
        let silences = self.store.silences()?;
        self.aggregator.set_silences(now_ms, silences);
        Ok(())
    }

    fn stand_by(&mut self, now_ms: Ms) -> Result<(), BusError> {
        if self.store.holder()?.is_none() {
            return self.connect(now_ms);
        }
        self.link = StoreLink::Standby {
            next_look_ms: now_ms + LOOK_EVERY_MS,
        };
        Ok(())
    }

    /// Another instance tells now; what this one knew is that one's to know.
    fn yield_channel(&mut self, now_ms: Ms) {
        log::info!("channel {}: another instance tells; standing by", self.name);
        self.aggregator = Aggregator::new(self.rules, now_ms);
        self.outbox = Outbox::default();
        self.refiring = Refiring::new(now_ms);
        self.owed.clear();
        self.unacknowledged.clear();
        self.loaded = false;
        self.deafness.end();
        self.bus_works();
        self.link = StoreLink::Standby {
            next_look_ms: now_ms + LOOK_EVERY_MS,
        };
    }

    fn read(&mut self, now_ms: Ms) -> Result<(), BusError> {
        if now_ms >= self.next_hold_ms {
            self.next_hold_ms = now_ms + HOLD_EVERY_MS;
            if !self.store.hold(0)? {
                self.yield_channel(now_ms);
                return Ok(());
            }
            self.look_for_strays(now_ms)?;
        }
        if now_ms >= self.next_silence_ms {
            self.next_silence_ms = now_ms + SILENCE_EVERY_MS;
            let silences = self.store.silences()?;
            self.aggregator.set_silences(now_ms, silences);
        }
        if self.is_full() {
            self.be_deaf(now_ms);
            return Ok(());
        }
        self.deafness.end();
        let wait = millis(self.next_event_ms() - now_ms).min(READ_MAX);
        let began = Mono::now();
        let new = self.store.read(wait)?;
        let now_ms = self.clock.now_ms();
        if new.len() < LOG_READ_MAX {
            self.deafness.has_read(began);
        }
        self.hear(now_ms, new)?;
        self.bus_works();
        Ok(())
    }

    /// More waits to be acknowledged than may: nothing is read until that can be written.
    pub(super) fn is_full(&self) -> bool {
        self.unacknowledged.len() + self.owed.unacknowledged() > UNACKNOWLEDGED_MAX
    }

    /// Entries that were handed to an instance which stood still and lost the channel: they are in nobody's hands.
    fn look_for_strays(&mut self, now_ms: Ms) -> Result<(), BusError> {
        let last = self.aggregator.last_id().to_owned();
        if last.is_empty() || self.store.newest()?.is_none_or(|newest| newest == last) {
            return Ok(());
        }
        let new = self.store.read(Duration::from_millis(1))?;
        if new.is_empty() {
            let strays = self.store.between(&last, "+")?;
            return self.hear(now_ms, strays);
        }
        self.hear(now_ms, new)
    }

    fn hear(&mut self, now_ms: Ms, entries: Vec<Logged>) -> Result<(), BusError> {
        let mut gap = false;
        for logged in entries {
            let number = logged.entry.as_ref().and_then(|e| e.n);
            if number.is_some_and(|n| self.aggregator.gap_before(n)) {
                let last = self.aggregator.last_id().to_owned();
                let missing = self.store.between(&last, &format!("({}", logged.id))?;
                for missed in missing {
                    gap |= self.hear_one(now_ms, missed);
                }
            }
            gap |= self.hear_one(now_ms, logged);
        }
        if gap {
            log::warn!("channel {}: entries of the alert log are lost", self.name);
            self.resync(now_ms)?;
        }
        Ok(())
    }

    /// True when entries before it are lost.
    fn hear_one(&mut self, now_ms: Ms, logged: Logged) -> bool {
        self.unacknowledged.push(logged.id);
        let Some(mut entry) = logged.entry else {
            return false;
        };
        entry.at_ms += now_ms;
        let ours = self.role.owns(&entry.alert);
        let (svc, is_old) = (entry.alert.svc.clone(), now_ms - entry.at_ms > OLD_MS);
        let heard = self.aggregator.hear(now_ms, entry, ours);
        // Of a time before truth dropped it. (What is fresh is told, whichever truth is the newer.)
        if ours && is_old && self.role == Role::Healer && !self.is_watched(&svc) {
            self.aggregator.forget_service(now_ms, &svc);
        }
        heard == Heard::AfterGap
    }

    fn resync(&mut self, now_ms: Ms) -> Result<(), BusError> {
        let (kinds, services): (&[AlertKind], Vec<String>) = match self.role {
            Role::Healer => {
                let watched = self.truth.iter().flat_map(|truth| truth.watched());
                let watched = watched.map(|s| s.name().to_owned());
                (
                    &[AlertKind::HeartbeatMiss, AlertKind::ServiceDegraded],
                    watched.collect(),
                )
            }
            Role::Sentinel => (&[AlertKind::HealerMiss], vec!["healer".to_owned()]),
        };
        let states = self.store.states(&services)?;
        self.aggregator.resync(now_ms, kinds, states);
        Ok(())
    }

    /// Keeps the channel for as long as a send may take.
    pub(super) fn hold_while_sending(&mut self) {
        if matches!(self.link, StoreLink::Held)
            && let Err(error) = self.store.hold(self.target.longest_send_ms())
        {
            self.bus_failed(&error);
        }
        self.next_hold_ms = 0;
    }

    /// Lets another instance have the channel at once.
    pub(super) fn release(&mut self) {
        if matches!(self.link, StoreLink::Held)
            && let Err(error) = self.store.release()
        {
            log::warn!("channel {}: {error}", self.name);
        }
    }

    /// Writes everything that is owed, in one transaction.
    pub(super) fn flush(&mut self) {
        self.numbers.waits(&self.outbox, self.clock.now_ms());
        if self.owed.is_empty() {
            return;
        }
        let now_ms = self.clock.now_ms();
        let may_write = self.write_due_ms.is_none_or(|due| now_ms >= due);
        if !matches!(self.link, StoreLink::Held) || !may_write {
            self.state_file.keep(&self.owed, &self.outbox);
            return self.owed.failed(now_ms);
        }
        let store = &mut self.store;
        match self
            .owed
            .commit(&self.outbox, |commit| store.commit(commit))
        {
            Ok(Committed::Done) => {
                self.write_due_ms = None;
                self.write_backoff.reset();
                self.owed.clear();
                self.state_file.forget();
            }
            Ok(Committed::Lost) => self.yield_channel(now_ms),
            Err(error) => {
                self.owed.failed(now_ms);
                if !error.is_refusal() || is_no_group(&error) {
                    return self.bus_failed(&error);
                }
                // The log can be read all the same.
                self.say_failure(&error);
                let pause = self.write_backoff.next_pause().as_millis() as Ms;
                self.write_due_ms = Some(now_ms + pause);
            }
        }
    }
}
