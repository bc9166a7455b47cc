//! From the news of a closed group to one message.

use super::*;

/// The least time between two updates about services that are silent because of another.
const UPDATE_MS: Ms = 10_000;
/// Longest chain of dependencies that is followed.
const DEPTH_MAX: usize = 64;

/// What a case has to say, dependencies and silences considered.
enum Outcome {
    Wait(Option<Ms>),
    Say(Say),
    /// Silent because of that service: part of the message about it.
    Because(Arc<str>),
    Forget,
}

impl Teller {
    /// Gives the message that is due at `now_ms`, if any.
    ///
    /// `digest_since_ms`: the channel could not be reached since then. `message_id` will name the message, so that
    /// the end of an outage can answer its beginning.
    pub fn compose(
        &mut self,
        now_ms: Ms,
        digest_since_ms: Option<Ms>,
        message_id: &str,
    ) -> Option<Telling> {
        self.wake(now_ms);
        let remind = self.meta.remind_at_ms.is_some_and(|at| at <= now_ms);
        let closes = self.window.close_ms(self.rules.group_wait_ms);
        if !remind && closes.is_none_or(|at| at > now_ms) {
            return None;
        }
        let mut telling = Telling {
            now_ms,
            digest_since_ms,
            ..Telling::default()
        };
        let mut said = Vec::new();
        let mut folded = Vec::new();
        for key in std::mem::take(&mut self.dirty) {
            if let Some(case) = self.cases.get_mut(&key) {
                case.dirty = false;
            }
            match self.outcome(&key, now_ms) {
                Outcome::Say(say) => self.say(&mut telling, key, say, &mut said),
                Outcome::Because(cause) => folded.push((key, cause)),
                Outcome::Wait(at) => self.sleep(key, at),
                Outcome::Forget => self.forget(key),
            }
        }
        if remind {
            self.remind(&mut telling, &mut said);
        }
        self.fold(&mut telling, folded, &mut said);
        telling.notes = std::mem::take(&mut self.meta.notes);
        if self.meta.lost > 0 {
            telling.lost = Some(std::mem::take(&mut self.meta.lost));
        }
        self.window.close(now_ms, !telling.is_empty());
        self.meta.recent_ms = self.window.recent_ms().to_vec();
        if telling.is_empty() {
            self.plan_reminder(now_ms, remind, false);
            return None;
        }
        let begins = telling.groups.iter().any(|g| g.say <= Say::Flapping);
        self.plan_reminder(now_ms, remind, begins);
        self.list_also_down(&mut telling, &said, now_ms);
        self.thread(&mut telling, &said, message_id);
        Some(telling)
    }

    /// Puts cases whose time has come on the list, when they have something to say.
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
            if let Some(case) = self.cases.get_mut(&key) {
                case.wake_ms = None;
            }
            match self.outcome(&key, now_ms) {
                Outcome::Wait(at) => self.sleep(key, at),
                Outcome::Forget => self.forget(key),
                Outcome::Say(_) | Outcome::Because(_) => self.look_at(now_ms, key),
            }
        }
    }

    fn outcome(&mut self, key: &Key, now_ms: Ms) -> Outcome {
        let (kind, svc) = key;
        let silent = self.silences.silent_until(svc, now_ms);
        let cause = match self.cases.get(key) {
            Some(case)
                if *kind == AlertKind::HeartbeatMiss
                    && case.bad
                    && !case.told_bad
                    && !case.gone =>
            {
                self.cause(svc)
            }
            _ => None,
        };
        let freed_ms = self.freed_ms(svc);
        let Some(case) = self.cases.get_mut(key) else {
            return Outcome::Forget;
        };
        if silent.is_some() && !case.gone {
            case.hush();
            self.changed.insert(key.clone());
            // The end of the silence looks at every case that is bad.
            return if case.is_open() {
                Outcome::Wait(None)
            } else {
                Outcome::Forget
            };
        }
        if let Some(cause) = cause {
            case.waited = true;
            return Outcome::Because(cause);
        }
        // What it depends on is back: it gets its own time-out to be heard again.
        let grace = freed_ms
            .map(|at| at + case.timeout_ms())
            .filter(|_| case.waited);
        match case.judge(*kind, now_ms, self.rules.rate_limit_ms, grace) {
            Verdict::Wait(at) => Outcome::Wait(at),
            Verdict::Say(say) => Outcome::Say(say),
            Verdict::Forget => Outcome::Forget,
        }
    }

    fn say(&mut self, telling: &mut Telling, key: Key, say: Say, said: &mut Vec<Key>) {
        let Some(case) = self.cases.get_mut(&key) else {
            return;
        };
        telling.push(say, key.0, case.line(&key.1, say));
        let (alerts, dropped) = case.said(say, telling.now_ms);
        telling.carry(alerts, dropped);
        self.changed.insert(key.clone());
        // Looked at once more on the next wake: to be steady, or to be forgotten.
        self.sleep(key.clone(), Some(telling.now_ms));
        said.push(key);
    }

    /// Adds services that are silent because of others to the lines about those, where there are such lines.
    fn fold(&mut self, telling: &mut Telling, folded: Vec<(Key, Arc<str>)>, said: &mut Vec<Key>) {
        let now_ms = telling.now_ms;
        let interval = self.rules.rate_limit_ms.max(UPDATE_MS);
        for (key, cause) in folded {
            let root = (AlertKind::HeartbeatMiss, Arc::clone(&cause));
            let (told, said_ms) = self
                .cases
                .get(&root)
                .map_or((false, None), |c| (c.told_bad, c.said_ms));
            let next = said_ms.unwrap_or(now_ms) + interval;
            let updated = telling.lines().any(|(say, _, line)| {
                say == Say::Because && line.cause.as_deref() == Some(&*cause)
            });
            if !told || (said_ms != Some(now_ms) && next > now_ms && !updated) {
                let at = if told { next } else { now_ms + UPDATE_MS };
                self.waiting.entry(cause).or_default().push(key.clone());
                self.sleep(key, Some(at));
                continue;
            }
            let Some(case) = self.cases.get_mut(&key) else {
                continue;
            };
            let mut line = case.line(&key.1, Say::Because);
            line.cause = Some(cause.to_string());
            match telling.line_mut(&cause) {
                Some(root_line) => root_line.because.push(&key.1),
                None => telling.push(Say::Because, key.0, line),
            }
            let (alerts, dropped) = case.said(Say::Because, now_ms);
            telling.carry(alerts, dropped);
            self.changed.insert(key.clone());
            said.push(key);
        }
        for (_, _, line) in telling.lines().filter(|(say, _, _)| *say == Say::Because) {
            let root = line
                .cause
                .as_deref()
                .map(|c| (AlertKind::HeartbeatMiss, Arc::from(c)));
            if let Some(case) = root.and_then(|root| self.cases.get_mut(&root)) {
                case.said_ms = Some(now_ms);
            }
        }
    }

    /// Lists everything that is still down and that nobody acknowledged.
    fn remind(&mut self, telling: &mut Telling, said: &mut Vec<Key>) {
        let now_ms = telling.now_ms;
        let mut keys: Vec<Key> = self
            .cases
            .iter()
            .filter(|((_, svc), case)| {
                case.remindable()
                    && case.said_ms != Some(now_ms)
                    && self.silences.silent_until(svc, now_ms).is_none()
                    && !self.silences.acked(svc, case.bad_since_ms())
            })
            .map(|(key, _)| key.clone())
            .collect();
        keys.sort_by_cached_key(|key| self.cases.get(key).map(Case::bad_since_ms));
        for key in keys {
            match self
                .cause(&key.1)
                .filter(|_| key.0 == AlertKind::HeartbeatMiss)
            {
                Some(cause) if telling.line_mut(&cause).is_some() => {
                    if let Some(line) = telling.line_mut(&cause) {
                        line.because.push(&key.1);
                    }
                }
                _ => self.say(telling, key, Say::Remind, said),
            }
        }
    }

    fn plan_reminder(&mut self, now_ms: Ms, reminded: bool, begins: bool) {
        if self.rules.remind_ms <= 0 {
            self.meta.remind_at_ms = None;
        } else if reminded {
            let any = self.cases.values().any(Case::remindable);
            self.meta.remind_at_ms = any.then_some(now_ms + self.rules.remind_ms);
        } else if begins && self.meta.remind_at_ms.is_none() {
            self.meta.remind_at_ms = Some(now_ms + self.rules.remind_ms);
        }
    }

    fn list_also_down(&self, telling: &mut Telling, said: &[Key], now_ms: Ms) {
        let said: HashSet<&Key> = said.iter().collect();
        let mut others: Vec<(Ms, &str)> = self
            .cases
            .iter()
            .filter(|(key, case)| {
                case.bad
                    && key.0 != AlertKind::ServiceDegraded
                    && !said.contains(key)
                    && self.silences.silent_until(&key.1, now_ms).is_none()
            })
            .map(|((_, svc), case)| (case.bad_since_ms(), &**svc))
            .collect();
        others.sort_unstable();
        for (_, svc) in others {
            telling.also_down.push(svc);
        }
    }

    /// The message goes on with the conversation of its first line, or begins one for all its lines.
    fn thread(&mut self, telling: &mut Telling, said: &[Key], message_id: &str) {
        let first = telling
            .lines()
            .next()
            .map(|(_, kind, line)| (kind, line.svc.clone()));
        telling.thread = first.and_then(|(kind, svc)| {
            let case = self.cases.get(&(kind, svc.into()))?;
            case.thread.clone()
        });
        let thread = telling.thread.clone().unwrap_or_else(|| Thread {
            message_id: message_id.to_owned(),
            subject: wording::title(telling),
        });
        for key in said {
            if let Some(case) = self.cases.get_mut(key) {
                let over = !case.told_bad;
                let thread = case.thread.take().unwrap_or_else(|| thread.clone());
                case.thread = (!over).then_some(thread);
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
                self.cases.get(&key).is_some_and(|c| c.bad && !c.gone)
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
            .filter_map(|dep| self.cases.get(&(AlertKind::HeartbeatMiss, Arc::clone(dep))))
            .map(Case::last_change)
            .max()
    }

    fn sleep(&mut self, key: Key, at: Option<Ms>) {
        let Some(case) = self.cases.get_mut(&key) else {
            return;
        };
        if let Some(old) = std::mem::replace(&mut case.wake_ms, at) {
            self.wakes.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.wakes.insert((at, key));
        }
    }

    fn forget(&mut self, key: Key) {
        self.sleep(key.clone(), None);
        self.cases.remove(&key);
        self.changed.insert(key);
    }
}
