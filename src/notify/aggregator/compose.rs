//! From the news of a closed group to one message.

use super::*;

/// The least time between two updates about services that are silent because of another.
const UPDATE_MS: Ms = 10_000;
/// Longest chain of dependencies that is followed.
const DEPTH_MAX: usize = 64;

/// What an incident has to say, dependencies and silences considered.
enum Outcome {
    Wait(Option<Ms>),
    NotificationKind(NotificationKind),
    /// Silent because of that service: part of the message about it.
    Because(Arc<str>),
    Forget,
}

impl Aggregator {
    /// Gives the message that is due at `now_ms`, if any.
    ///
    /// `digest_since_ms`: the channel could not be reached since then. `message_id` will name the message, so that
    /// the end of an outage can answer its beginning.
    pub fn compose(
        &mut self,
        now_ms: Ms,
        digest_since_ms: Option<Ms>,
        message_id: &str,
    ) -> Option<Notification> {
        self.wake(now_ms);
        let remind = self.meta.remind_at_ms.is_some_and(|at| at <= now_ms);
        let closes = self.group_window.close_ms(self.rules.group_wait_ms);
        if !remind && closes.is_none_or(|at| at > now_ms) {
            return None;
        }
        let mut notification = Notification {
            now_ms,
            digest_since_ms,
            ..Notification::default()
        };
        let mut said = Vec::new();
        let mut folded = Vec::new();
        for key in std::mem::take(&mut self.dirty) {
            if let Some(incident) = self.incidents.get_mut(&key) {
                incident.dirty = false;
            }
            match self.outcome(&key, now_ms) {
                Outcome::NotificationKind(say) => self.say(&mut notification, key, say, &mut said),
                Outcome::Because(cause) => folded.push((key, cause)),
                Outcome::Wait(at) => self.sleep(key, at),
                Outcome::Forget => self.forget(key),
            }
        }
        if remind {
            self.remind(&mut notification, &mut said);
        }
        self.fold(&mut notification, folded, &mut said);
        notification.notes = std::mem::take(&mut self.meta.notes);
        if self.meta.lost > 0 {
            notification.lost = Some(std::mem::take(&mut self.meta.lost));
        }
        self.group_window.close(now_ms, !notification.is_empty());
        self.meta.recent_ms = self.group_window.recent_ms().to_vec();
        if notification.is_empty() {
            self.plan_reminder(now_ms, remind, false);
            return None;
        }
        let begins = notification
            .groups
            .iter()
            .any(|g| g.say <= NotificationKind::Flapping);
        self.plan_reminder(now_ms, remind, begins);
        self.list_also_down(&mut notification, &said, now_ms);
        self.thread(&mut notification, &said, message_id);
        Some(notification)
    }

    /// Puts incidents whose time has come on the list, when they have something to say.
    fn wake(&mut self, now_ms: Ms) {
        if self.silence_change_ms.is_some_and(|at| at <= now_ms) {
            self.silence_changed(now_ms);
        }
        while let Some((at, _)) = self.wakes.first()
            && *at <= now_ms
        {
            let Some((_, key)) = self.wakes.pop_first() else {
                break;
            };
            if let Some(incident) = self.incidents.get_mut(&key) {
                incident.wake_ms = None;
            }
            match self.outcome(&key, now_ms) {
                Outcome::Wait(at) => self.sleep(key, at),
                Outcome::Forget => self.forget(key),
                Outcome::NotificationKind(_) | Outcome::Because(_) => self.look_at(now_ms, key),
            }
        }
    }

    fn outcome(&mut self, key: &Key, now_ms: Ms) -> Outcome {
        let (kind, svc) = key;
        let silent = self.silences.silent_until(svc, now_ms);
        let cause = match self.incidents.get(key) {
            Some(incident)
                if *kind == AlertKind::HeartbeatMiss
                    && incident.bad
                    && !incident.told_bad
                    && !incident.gone =>
            {
                self.cause(svc)
            }
            _ => None,
        };
        let freed_ms = self.freed_ms(svc);
        let Some(incident) = self.incidents.get_mut(key) else {
            return Outcome::Forget;
        };
        if silent.is_some() && !incident.gone {
            incident.silence();
            self.changed.insert(key.clone());
            // The end of the silence looks at every incident that is bad.
            return if incident.is_open() {
                Outcome::Wait(None)
            } else {
                Outcome::Forget
            };
        }
        if let Some(cause) = cause {
            incident.waited = true;
            return Outcome::Because(cause);
        }
        // What it depends on is back: it gets its own time-out to be heard again.
        let grace = freed_ms
            .map(|at| at + incident.timeout_ms())
            .filter(|_| incident.waited);
        match incident.judge(*kind, now_ms, self.rules.rate_limit_ms, grace) {
            Verdict::Wait(at) => Outcome::Wait(at),
            Verdict::NotificationKind(say) => Outcome::NotificationKind(say),
            Verdict::Forget => Outcome::Forget,
        }
    }

    fn say(
        &mut self,
        notification: &mut Notification,
        key: Key,
        say: NotificationKind,
        said: &mut Vec<Key>,
    ) {
        let Some(incident) = self.incidents.get_mut(&key) else {
            return;
        };
        notification.push(say, key.0, incident.line(&key.1, say));
        let (alerts, dropped) = incident.said(say, notification.now_ms);
        notification.carry(alerts, dropped);
        self.changed.insert(key.clone());
        // Looked at once more on the next wake: to be steady, or to be forgotten.
        self.sleep(key.clone(), Some(notification.now_ms));
        said.push(key);
    }

    /// Adds services that are silent because of others to the lines about those, where there are such lines.
    fn fold(
        &mut self,
        notification: &mut Notification,
        folded: Vec<(Key, Arc<str>)>,
        said: &mut Vec<Key>,
    ) {
        let now_ms = notification.now_ms;
        let interval = self.rules.rate_limit_ms.max(UPDATE_MS);
        for (key, cause) in folded {
            let root = (AlertKind::HeartbeatMiss, Arc::clone(&cause));
            let (told, said_ms) = self
                .incidents
                .get(&root)
                .map_or((false, None), |c| (c.told_bad, c.said_ms));
            let next = said_ms.unwrap_or(now_ms) + interval;
            let updated = notification.lines().any(|(say, _, line)| {
                say == NotificationKind::Because && line.cause.as_deref() == Some(&*cause)
            });
            if !told || (said_ms != Some(now_ms) && next > now_ms && !updated) {
                let at = if told { next } else { now_ms + UPDATE_MS };
                self.waiting.entry(cause).or_default().push(key.clone());
                self.sleep(key, Some(at));
                continue;
            }
            let Some(incident) = self.incidents.get_mut(&key) else {
                continue;
            };
            let mut line = incident.line(&key.1, NotificationKind::Because);
            line.cause = Some(cause.to_string());
            match notification.line_mut(&cause) {
                Some(root_line) => root_line.because.push(&key.1),
                None => notification.push(NotificationKind::Because, key.0, line),
            }
            let (alerts, dropped) = incident.said(NotificationKind::Because, now_ms);
            notification.carry(alerts, dropped);
            self.changed.insert(key.clone());
            said.push(key);
        }
        for (_, _, line) in notification
            .lines()
            .filter(|(say, _, _)| *say == NotificationKind::Because)
        {
            let root = line
                .cause
                .as_deref()
                .map(|c| (AlertKind::HeartbeatMiss, Arc::from(c)));
            if let Some(incident) = root.and_then(|root| self.incidents.get_mut(&root)) {
                incident.said_ms = Some(now_ms);
            }
        }
    }

    /// Lists everything that is still down and that nobody acknowledged.
    fn remind(&mut self, notification: &mut Notification, said: &mut Vec<Key>) {
        let now_ms = notification.now_ms;
        let mut keys: Vec<Key> = self
            .incidents
            .iter()
            .filter(|((_, svc), incident)| {
                incident.remindable()
                    && incident.said_ms != Some(now_ms)
                    && self.silences.silent_until(svc, now_ms).is_none()
                    && !self.silences.acked(svc, incident.bad_since_ms())
            })
            .map(|(key, _)| key.clone())
            .collect();
        keys.sort_by_cached_key(|key| self.incidents.get(key).map(IncidentRecord::bad_since_ms));
        for key in keys {
            match self
                .cause(&key.1)
                .filter(|_| key.0 == AlertKind::HeartbeatMiss)
            {
                Some(cause) if notification.line_mut(&cause).is_some() => {
                    if let Some(line) = notification.line_mut(&cause) {
                        line.because.push(&key.1);
                    }
                }
                _ => self.say(notification, key, NotificationKind::Remind, said),
            }
        }
    }

    fn plan_reminder(&mut self, now_ms: Ms, reminded: bool, begins: bool) {
        if self.rules.remind_ms <= 0 {
            self.meta.remind_at_ms = None;
        } else if reminded {
            let any = self.incidents.values().any(IncidentRecord::remindable);
            self.meta.remind_at_ms = any.then_some(now_ms + self.rules.remind_ms);
        } else if begins && self.meta.remind_at_ms.is_none() {
            self.meta.remind_at_ms = Some(now_ms + self.rules.remind_ms);
        }
    }

    fn list_also_down(&self, notification: &mut Notification, said: &[Key], now_ms: Ms) {
        let said: HashSet<&Key> = said.iter().collect();
        let mut others: Vec<(Ms, &str)> = self
            .incidents
            .iter()
            .filter(|(key, incident)| {
                incident.bad
                    && key.0 != AlertKind::ServiceDegraded
                    && !said.contains(key)
                    && self.silences.silent_until(&key.1, now_ms).is_none()
            })
            .map(|((_, svc), incident)| (incident.bad_since_ms(), &**svc))
            .collect();
        others.sort_unstable();
        for (_, svc) in others {
            notification.also_down.push(svc);
        }
    }

    /// The message goes on with the conversation of its first line, or begins one for all its lines.
    fn thread(&mut self, notification: &mut Notification, said: &[Key], message_id: &str) {
        let first = notification
            .lines()
            .next()
            .map(|(_, kind, line)| (kind, line.svc.clone()));
        notification.thread = first.and_then(|(kind, svc)| {
            let incident = self.incidents.get(&(kind, svc.into()))?;
            incident.thread.clone()
        });
        let thread = notification.thread.clone().unwrap_or_else(|| Thread {
            message_id: message_id.to_owned(),
            subject: rendering::title(notification),
        });
        for key in said {
            if let Some(incident) = self.incidents.get_mut(key) {
                let over = !incident.told_bad;
                let thread = incident.thread.take().unwrap_or_else(|| thread.clone());
                incident.thread = (!over).then_some(thread);
            }
        }
    }

    /// The service at the end of the chain of dead services that `svc` depends on.
    fn cause(&self, svc: &Arc<str>) -> Option<Arc<str>> {
        let mut seen = HashSet::from([svc]);
        let mut level: Vec<&Arc<str>> = vec![svc];
        let mut found = None;
        for _ in 0..DEPTH_MAX {
            let on = level
                .iter()
                .filter_map(|s| self.depends_on.get(*s))
                .flatten();
            let next: Vec<&Arc<str>> = on.filter(|dep| seen.insert(dep)).collect();
            let dead = |dep: &&&Arc<str>| {
                let key = (AlertKind::HeartbeatMiss, Arc::clone(dep));
                self.incidents.get(&key).is_some_and(|c| c.bad && !c.gone)
            };
            if let Some(dep) = next.iter().find(dead) {
                found = Some(Arc::clone(dep));
            }
            if next.is_empty() {
                break;
            }
            level = next;
        }
        found
    }

    /// When the last of those that `svc` depends on came back.
    fn freed_ms(&self, svc: &Arc<str>) -> Option<Ms> {
        let on = self.depends_on.get(svc)?;
        on.iter()
            .filter_map(|dep| {
                self.incidents
                    .get(&(AlertKind::HeartbeatMiss, Arc::clone(dep)))
            })
            .map(IncidentRecord::last_change)
            .max()
    }

    fn sleep(&mut self, key: Key, at: Option<Ms>) {
        let Some(incident) = self.incidents.get_mut(&key) else {
            return;
        };
        if let Some(old) = std::mem::replace(&mut incident.wake_ms, at) {
            self.wakes.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.wakes.insert((at, key));
        }
    }

    fn forget(&mut self, key: Key) {
        self.sleep(key.clone(), None);
        self.incidents.remove(&key);
        self.changed.insert(key);
    }
}
