//! What Redis does with what it is sent.

use super::super::healer::Input;
use super::super::redis::{Client, Command, Mode};
use super::super::truth::{inst, name};
use super::{Event, Sent, World};

impl World {
    pub(super) fn arrive(&mut self, client: Client, command: Command) {
        if let Command::Beat { svc, next, .. } = command {
            let (at, served) = (self.now, None);
            self.services[svc].sent.push(Sent { at, next, served });
        }
        if let (Mode::Dead, &Client::Tell { healer, boot, .. }) = (self.redis.mode, &client) {
            if let Command::Ask(question, _) = command {
                // The connection is refused.
                let answer = None;
                self.reply(healer, boot, Input::Answer { question, answer });
            }
            return;
        }
        let waits = self.redis.mode == Mode::Stalled || self.redis.pending.contains_key(&client);
        if waits {
            self.redis
                .pending
                .entry(client)
                .or_default()
                .push_back(command);
        } else {
            self.serve(client, command);
        }
    }

    pub(super) fn serve(&mut self, client: Client, command: Command) {
        let now = self.now;
        match (client, command) {
            (
                _,
                Command::Beat {
                    svc,
                    channel,
                    i,
                    inst,
                    ..
                },
            ) => {
                self.services[svc].served(now);
                for healer in 0..self.healers.len() {
                    if self.healers[healer].heard.contains(&channel) {
                        let payload = format!(
                            r#"{{"svc":"{}","i":{i},"ts":1,"inst":"{inst}"}}"#,
                            name(svc)
                        );
                        let link = self.healers[healer].link;
                        self.deliver(
                            healer,
                            Input::Frame {
                                link,
                                channel,
                                payload,
                            },
                        );
                    }
                }
            }
            (Client::Link { healer, boot, .. }, command) if boot == self.healers[healer].boot => {
                self.subscribe(healer, command);
            }
            (Client::Echo { healer, boot }, command) if boot == self.healers[healer].boot => {
                match command {
                    Command::Echo { link, seq } if link == self.healers[healer].link => {
                        self.deliver(healer, Input::Echo { link, seq });
                    }
                    Command::Check => self.reply(healer, boot, Input::Checked),
                    _ => {}
                }
            }
            (Client::Tell { healer, boot, .. }, Command::Ask(question, what)) => {
                let services = &self.services;
                let dropped = |svc: usize| services[svc].dropped_at;
                let store = &mut self.redis.store;
                let before = (store.log.len(), store.holder(now).map(str::to_owned));
                let answer = store.answer(&inst(healer, boot), *what, dropped, now);
                // Who begins to speak tells what he finds.
                let is_news = (store.log.len(), store.holder(now).map(str::to_owned)) != before;
                if is_news || self.people.truth_is_news {
                    self.wake_teller(now);
                }
                let answer = Some(Box::new(answer));
                self.reply(healer, boot, Input::Answer { question, answer });
            }
            _ => {}
        }
    }

    fn subscribe(&mut self, healer: usize, command: Command) {
        let h = &mut self.healers[healer];
        if let Command::Subscribe {
            link,
            added: channels,
            removed,
        } = command
            && link == h.link
        {
            h.heard.retain(|channel| !removed.contains(channel));
            h.heard.extend(&channels);
            self.deliver(healer, Input::Proven { link, channels });
        }
    }

    /// A word of one healer that the others hear.
    pub(super) fn say_to_others(&mut self, from: usize, word: &str) {
        let (inst, running) = (self.healers[from].inst(), self.redis.mode == Mode::Running);
        let others = self.healers.iter_mut().filter(|h| h.number != from);
        for healer in others.filter(|_| running) {
            healer.words.push((inst.clone(), word.as_bytes().to_vec()));
        }
    }

    /// Over the link, in order.
    pub(super) fn deliver(&mut self, healer: usize, input: Input) {
        if self.healers[healer].half_open {
            return;
        }
        let takes = self.rng.u64(10..80) + self.a_way();
        let at = (self.now + takes).max(self.healers[healer].delivered);
        self.healers[healer].delivered = at;
        let boot = self.healers[healer].boot;
        self.at(
            at,
            Event::Deliver {
                healer,
                boot,
                input,
            },
        );
    }

    /// An answer on another connection; lost when Redis dies first.
    pub(super) fn reply(&mut self, healer: usize, boot: u32, input: Input) {
        let may_be_lost = matches!(input, Input::Answer { .. });
        if self.rng.u8(..) < 3 && !self.calm && may_be_lost {
            return;
        }
        let takes = self.rng.u64(10..=80) + self.a_way();
        let at = (self.now + takes).max(self.healers[healer].replied);
        self.healers[healer].replied = at;
        self.at(
            at,
            Event::Deliver {
                healer,
                boot,
                input,
            },
        );
    }
}
