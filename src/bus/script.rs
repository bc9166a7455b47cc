//! Scripts that run on the server in one go: called by their hash, or spelled out where the server cannot be told them.

use std::time::Duration;

use redis::{ConnectionLike, Pipeline, Value};

use super::commands::packed;
use super::{BusError, Commands};

/// A call of a script by its hash.
const COMMAND: &str = "EVALSHA";

/// One script. Clones are the same script.
#[derive(Clone, Debug)]
pub struct Script {
    text: std::sync::Arc<str>,
    hash: std::sync::Arc<str>,
}

impl Script {
    /// The script with this text (Lua, as EVAL takes it).
    pub fn new(text: &str) -> Script {
        Script {
            text: text.into(),
            hash: redis::Script::new(text).get_hash().into(),
        }
    }

    /// Begins a call on these keys in `packet`; what follows there are its arguments. To be sent by [`Scripts`].
    pub fn call<'p>(&self, packet: &'p mut Pipeline, keys: &[&str]) -> &'p mut Pipeline {
        self.call_with_room(packet, keys, (0, 0))
    }

    /// The same with room for so many arguments, of so many bytes together.
    pub fn call_with_room<'p>(
        &self,
        packet: &'p mut Pipeline,
        keys: &[&str],
        (arguments, bytes): (usize, usize),
    ) -> &'p mut Pipeline {
        let ours = COMMAND.len() + self.hash.len() + keys.iter().map(|k| k.len()).sum::<usize>();
        let words = 3 + keys.len() + arguments;
        let mut call = redis::Cmd::with_capacity(words, ours + bytes);
        call.arg(COMMAND).arg(&*self.hash).arg(keys.len()).arg(keys);
        packet.add_command(call)
    }
}

/// The scripts that go through one [`Commands`], and what the server at its other end knows of them.
#[derive(Debug, Default)]
pub struct Scripts {
    all: Vec<Script>,
    /// The connection that was told the scripts.
    loaded_on: u64,
    /// It takes scripts with their text only: SCRIPT or EVALSHA are forbidden there, or have another name.
    by_text: bool,
    /// How long each wait for an answer may take, if other than the connection's limits say.
    patience: Option<Duration>,
}

impl Scripts {
    /// These scripts, none of them told yet.
    pub fn new<'s>(all: impl IntoIterator<Item = &'s Script>) -> Scripts {
        Scripts {
            all: all.into_iter().cloned().collect(),
            ..Scripts::default()
        }
    }

    /// The same for calls that carry or do so much that each wait for an answer may take up to `patience`.
    pub fn with_patience(self, patience: Duration) -> Scripts {
        Scripts {
            patience: Some(patience),
            ..self
        }
    }

    /// Sends a packet of `count` calls of these scripts; each answer may be an error, for itself.
    ///
    /// Some of the calls may run twice: where the server lost the scripts in the middle of it (SCRIPT FLUSH), all of the
    /// packet is sent again. So a script must find out by itself that it has run before.
    ///
    /// # Errors
    /// When there is no connection, or it breaks: then nobody knows which of the calls ran.
    pub fn send(
        &mut self,
        commands: &mut Commands,
        packet: &Pipeline,
        count: usize,
    ) -> Result<Vec<Value>, BusError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        commands.connect()?;
        if self.loaded_on != commands.connects() {
            self.load(commands)?;
        }
        let mut again = false;
        loop {
            let answers = if self.by_text {
                self.ask(commands, &self.spelled_out(packet), count)?
            } else {
                self.ask(commands, packet, count)?
            };
            if !self.by_text && answers.iter().any(is_no_evalsha) {
                self.by_text = true;
                continue;
            }
            let lost = |v: &Value| matches!(v, Value::ServerError(e) if e.code() == "NOSCRIPT");
            if !std::mem::replace(&mut again, true) && answers.iter().any(lost) {
                self.load(commands)?;
                continue;
            }
            return Ok(answers);
        }
    }

    /// As [`send`](Scripts::send) for a packet of one call, whose answer is no error.
    ///
    /// # Errors
    /// Those of the connection, and what the server or the script answers as an error.
    pub fn run(&mut self, commands: &mut Commands, packet: &Pipeline) -> Result<Value, BusError> {
        let answer = self.send(commands, packet, 1)?.pop().unwrap_or(Value::Nil);
        match answer {
            Value::ServerError(e) => {
                let error = refusal(&e, commands);
                if matches!(error, BusError::ReadOnly { .. }) {
                    // It may have lost its place to another server, which the name leads to by now.
                    commands.close();
                }
                Err(error)
            }
            answer => Ok(answer),
        }
    }

    fn ask(
        &self,
        commands: &mut Commands,
        packet: &Pipeline,
        count: usize,
    ) -> Result<Vec<Value>, BusError> {
        match self.patience {
            None => commands.answers(packet, count),
            Some(patience) => {
                let packet = packed(packet);
                commands.run_within(patience, |connection| {
                    connection.req_packed_commands(&packet, 0, count)
                })
            }
        }
    }

    /// Tells the server the scripts, unless it does not listen.
    fn load(&mut self, commands: &mut Commands) -> Result<(), BusError> {
        self.by_text = false;
        for script in &self.all {
            let load = redis::cmd("SCRIPT")
                .arg("LOAD")
                .arg(&*script.text)
                .to_owned();
            match commands.query::<String>(&load) {
                Err(error) if error.is_no_such_command() => self.by_text = true,
                done => drop(done?),
            }
        }
        self.loaded_on = commands.connects();
        Ok(())
    }

    /// The same calls with the scripts spelled out.
    fn spelled_out(&self, packet: &Pipeline) -> Pipeline {
        let mut out = redis::pipe();
        for call in packet.cmd_iter() {
            let mut words = call.args_iter().skip(1);
            let spelled = out.cmd("EVAL");
            // Only the first word is a hash: what stands in arguments is left as it is.
            if let Some(redis::Arg::Simple(hash)) = words.next() {
                let known = self.all.iter().find(|s| s.hash.as_bytes() == hash);
                match known {
                    Some(script) => spelled.arg(&*script.text),
                    None => spelled.arg(hash),
                };
            }
            for word in words {
                if let redis::Arg::Simple(word) = word {
                    spelled.arg(word);
                }
            }
        }
        out
    }
}

/// The error that a script answered, as one of the bus.
pub fn refusal(error: &redis::ServerError, commands: &Commands) -> BusError {
    let details = error.details().unwrap_or_default();
    BusError::from_reply(error.code(), details, commands.address())
}

/// The text of an answer that is one.
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

/// Whether it says that there is no EVALSHA, so that nothing was run.
fn is_no_evalsha(answer: &Value) -> bool {
    let Value::ServerError(error) = answer else {
        return false;
    };
    let details = error.details().unwrap_or_default().to_ascii_lowercase();
    matches!(error.code(), "ERR" | "NOPERM") && details.contains("'evalsha'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_is_spelled_out_has_the_same_keys_and_arguments() {
        let (one, two) = (Script::new("return 1"), Script::new("return 2"));
        let scripts = Scripts::new([&one, &two]);
        let mut packet = redis::pipe();
        two.call(&mut packet, &["k", "l"]).arg("a").arg(5);
        // Words from outside may look like a hash.
        one.call(&mut packet, &[]).arg(&*two.hash);
        let mut wanted = redis::pipe();
        let call = wanted.cmd("EVAL").arg("return 2").arg(2);
        call.arg("k").arg("l").arg("a").arg(5);
        wanted.cmd("EVAL").arg("return 1").arg(0).arg(&*two.hash);
        assert_eq!(
            scripts.spelled_out(&packet).get_packed_pipeline(),
            wanted.get_packed_pipeline()
        );
    }
}
