//! The thread of one connection: it does what its link says, and passes on what comes. It looks into a message only for
//! words about the connection itself.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{SendTimeoutError, Sender};
use memchr::memmem;

use super::link::{Action, Input, Link, Standing};
use super::queue::{Frame, Item, Queue};
use super::target::{Board, Target};
use crate::bus::ConnectionRegistry;
use crate::clock::Mono;
use crate::massive::facts::Refusals;
use crate::massive::frames::{self, Cluster};
use crate::massive::key;
use crate::massive::meter::mono_ms;
use crate::massive::socket::{Came, Lost, Socket};
use crate::massive::{Event, StreamNews};
use crate::net::ssrf_guard::SsrfGuard;
use crate::net::trust_store::TrustStore;
use crate::service::{Error, Progress};
use crate::text::SafeText;

/// How long it waits while there is no connection.
const IDLE: Duration = Duration::from_millis(100);
/// Messages that are read before the time is looked at.
const AT_ONCE: usize = 256;
/// What is kept of the vendor's words.
const WORDS_MAX_BYTES: usize = 200;
/// How long the loop may have no room for news before it is looked whether it still wants any.
const ROOM: Duration = Duration::from_millis(50);

/// One thread.
pub struct Reader {
    pub cluster: Cluster,
    pub target: Board<Target>,
    pub queue: Arc<Queue>,
    pub sender: Sender<Event>,
    pub progress: Progress,
    pub connections: ConnectionRegistry,
    pub trust: TrustStore,
}

/// What it has in hand.
struct Work {
    link: Link,
    target: Arc<Target>,
    socket: Option<Socket>,
    told: Option<Standing>,
}

impl Reader {
    /// Works until the service ends.
    ///
    /// # Errors
    /// None: a connection that fails is tried again for ever.
    pub fn run(self) -> Result<(), Error> {
        let mut work = Work {
            link: Link::new(self.cluster),
            target: self.target.get(),
            socket: None,
            told: None,
        };
        work.link.want(&work.target.symbols);
        let progress = self.progress.clone();
        let working = progress.working();
        while !self.connections.is_ending() {
            working.tick();
            self.follow(&mut work);
            self.step(&mut work, Input::Tick);
            self.tell(&mut work);
            if work.socket.is_some() {
                self.read(&mut work);
            } else if self.connections.wait(IDLE) {
                break;
            }
        }
        if let Some(socket) = work.socket {
            socket.close();
        }
        Ok(())
    }

    /// Takes what it is told by now.
    fn follow(&self, work: &mut Work) {
        let target = self.target.get();
        if Arc::ptr_eq(&target, &work.target) {
            return;
        }
        let is_other = (&target.url, &target.key, &target.allow_hosts)
            != (&work.target.url, &work.target.key, &work.target.allow_hosts);
        work.target = target;
        work.link.want(&work.target.symbols);
        if is_other {
            let actions = work.link.renew();
            self.act(work, actions);
        }
    }

    fn read(&self, work: &mut Work) {
        for _ in 0..AT_ONCE {
            let Some(socket) = &mut work.socket else {
                return;
            };
            match socket.read() {
                Ok(Came::Nothing) => return,
                Ok(Came::Sign) => self.step(work, Input::Heard),
                Ok(Came::Text(text)) => {
                    self.step(work, Input::Heard);
                    if memmem::find(text.as_bytes(), b"\"status\"").is_some() {
                        self.words(work, &text);
                    }
                    let (cluster, came) = (self.cluster, Mono::now());
                    self.queue.push(Frame {
                        cluster,
                        text,
                        came,
                    });
                }
                Err(lost) => return self.lost(work, &lost),
            }
        }
    }

    /// What the vendor says of the connection.
    fn words(&self, work: &mut Work, text: &str) {
        let mut words = Vec::new();
        // What is no frame, or not as documented, is counted where frames are read.
        let mut refusals = Refusals::default();
        let _ = frames::read(text, self.cluster, 0, &mut refusals, &mut |event| {
            if let frames::Event::Status { status, message } = event {
                words.push((status, message));
            }
        });
        for (status, message) in words {
            let (status, message) = (&*status, &*message);
            let level = match status {
                // One for each channel that is not in the plan; how many there are stands in the status.
                "connected" | "auth_success" | "success" | "error" => log::Level::Debug,
                _ => log::Level::Warn,
            };
            if log::log_enabled!(level) {
                let said = self.safe(work, &format!("{status}: {message}"));
                log::log!(level, "{}: the vendor says {said}", self.cluster.word());
            }
            self.step(work, Input::Status { status, message });
        }
    }

    /// A text of the vendor's, short and without the key.
    fn safe(&self, work: &Work, text: &str) -> String {
        let text = key::scrubbed(text, work.target.key.as_ref());
        SafeText::cut(&text, WORDS_MAX_BYTES).into()
    }

    fn lost(&self, work: &mut Work, lost: &Lost) {
        work.socket = None;
        let why = self.safe(work, &lost.to_string());
        self.step(
            work,
            Input::Lost {
                code: lost.code,
                why: &why,
            },
        );
    }

    fn step(&self, work: &mut Work, input: Input<'_>) {
        let actions = work.link.step(input, mono_ms(), fastrand::u64(..));
        self.act(work, actions);
    }

    fn act(&self, work: &mut Work, actions: Vec<Action>) {
        for action in actions {
            let done = match action {
                Action::Connect => self.connect(work),
                Action::Authenticate => self.authenticate(work),
                Action::Send(text) => work.socket.as_mut().map_or(Ok(()), |s| s.send(text)),
                Action::Ping => work.socket.as_mut().map_or(Ok(()), Socket::ping),
                Action::Close => {
                    if let Some(socket) = work.socket.take() {
                        socket.close();
                    }
                    Ok(())
                }
                Action::Prices(sources) => {
                    self.queue.push_item(Item::Sources(self.cluster, sources));
                    Ok(())
                }
                Action::Gap { ms, why } => {
                    let cluster = Some(self.cluster);
                    self.news(StreamNews::Gap { cluster, ms, why });
                    Ok(())
                }
            };
            if let Err(lost) = done {
                // What was still to be done was for the connection that is over.
                return self.lost(work, &lost);
            }
        }
    }

    fn connect(&self, work: &mut Work) -> Result<(), Lost> {
        let target = work.target.clone();
        let guard = SsrfGuard::new(&target.allow_hosts).unwrap_or_default();
        let is_over = || self.connections.is_ending();
        let socket = Socket::open(&target.url, self.cluster, &guard, &self.trust, &is_over)?;
        work.socket = Some(socket);
        self.step(work, Input::Opened);
        Ok(())
    }

    /// The one place where the key goes out.
    fn authenticate(&self, work: &mut Work) -> Result<(), Lost> {
        let key = work.target.key.as_ref().map_or("", |key| key.expose());
        let params = serde_json::Value::from(key);
        let frame = format!(r#"{{"action":"auth","params":{params}}}"#);
        work.socket.as_mut().map_or(Ok(()), |s| s.send(frame))
    }

    /// Tells the loop how the connection stands, where that is other than before.
    fn tell(&self, work: &mut Work) {
        let standing = work.link.standing();
        if work.told.as_ref() != Some(&standing) {
            self.news(StreamNews::Standing(standing.clone()));
            work.told = Some(standing);
        }
    }

    fn news(&self, news: StreamNews) {
        let mut event = Event::Stream(Box::new(news));
        while let Err(SendTimeoutError::Timeout(back)) = self.sender.send_timeout(event, ROOM) {
            if self.connections.is_ending() {
                return;
            }
            event = back;
        }
    }
}
