//! The edge of the server: one thread that waits for sockets and for whoever wakes it, and moves bytes.

mod client;
mod files;
mod site;
mod waker;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;

use super::conn::{Conn, Step};
use super::response::Response;
use super::table::Table;
use crate::clock::Mono;
use client::{Client, read, write};
pub use site::{Answer, Order, Site, Ticket};
pub use waker::Waker;

const LISTENER: u64 = u64::MAX;
const WAKER: u64 = u64::MAX - 1;
/// Events of one wait.
const EVENTS_MAX: usize = 256;
/// Bytes of one read.
const READ_MAX: usize = 16 * 1024;
/// Connections that are taken in before others are served again.
const ACCEPTS_MAX: usize = 64;
/// Requests of one connection that are answered before others are served again.
const TURNS_MAX: usize = 16;
/// Deadlines are looked at as often at most.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// After the system had no room for another connection, none is taken in for so long.
const FULL_PAUSE: Duration = Duration::from_millis(100);
/// That is said as often at most.
const FULL_SAID_EVERY: Duration = Duration::from_secs(60);

/// How many there may be.
#[derive(Clone, Copy, Debug)]
pub struct ServerSettings {
    /// Connections besides live ones.
    pub connections: usize,
    /// Live ones.
    pub live: usize,
}

/// A server, listening.
pub struct Server<S> {
    site: S,
    listener: TcpListener,
    epoll: OwnedFd,
    waker: Waker,
    settings: ServerSettings,
    table: Table<Client>,
    live: usize,
    /// Connections with more requests, whose turn comes after the others.
    backlog: Vec<u64>,
    /// The earliest deadline of a connection, or earlier.
    due: Option<Mono>,
    swept: Mono,
    /// No connections are taken in before.
    paused: Option<Mono>,
    /// When that was last said.
    said_full: Option<Mono>,
    date: (u64, String),
    buffer: Vec<u8>,
}

impl<S: Site> Server<S> {
    /// Serves `site` on `listener`. As many connections as `settings` say, or as the system allows files.
    ///
    /// # Errors
    /// When the system has no room for it.
    pub fn new(
        listener: TcpListener,
        waker: Waker,
        settings: ServerSettings,
        site: S,
    ) -> io::Result<Server<S>> {
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(
            &epoll,
            &listener,
            EventData::new_u64(LISTENER),
            EventFlags::IN,
        )?;
        epoll::add(
            &epoll,
            waker.fd(),
            EventData::new_u64(WAKER),
            EventFlags::IN,
        )?;
        Ok(Server {
            site,
            listener,
            epoll,
            waker,
            settings: files::within_limit(settings),
            table: Table::default(),
            live: 0,
            backlog: Vec::new(),
            due: None,
            swept: Mono::now(),
            paused: None,
            said_full: None,
            date: (0, String::new()),
            buffer: vec![0; READ_MAX],
        })
    }

    /// Serves until the site ends it.
    ///
    /// # Errors
    /// When the system does not let it wait.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let mut orders = Vec::new();
        loop {
            let wait = self.wait(Mono::now());
            match epoll::wait(&self.epoll, spare_capacity(&mut events), wait.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let now = Mono::now();
            for event in events.drain(..) {
                match event.data.u64() {
                    LISTENER => self.accept(now),
                    WAKER => self.waker.clear(),
                    id => self.ready(id, event.flags, now),
                }
            }
            if !self.site.turn(self.live, now, &mut orders) {
                return Ok(());
            }
            for order in orders.drain(..) {
                self.obey(order, now);
            }
            for id in std::mem::take(&mut self.backlog) {
                self.attend(id, now);
            }
            self.sweep(now);
        }
    }

    /// How long there is nothing to do by itself.
    fn wait(&self, now: Mono) -> Option<Timespec> {
        if !self.backlog.is_empty() {
            return Some(Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            });
        }
        let due = self.due.map(|due| due.max(self.swept + SWEEP_EVERY));
        let next = [due, self.paused, self.site.deadline()];
        let wait = next.into_iter().flatten().min()?.since(now);
        // Rounded up, so that it is due when the wait is over.
        let nanos = wait.as_nanos() as i64 + 1_000;
        Some(Timespec {
            tv_sec: nanos / 1_000_000_000,
            tv_nsec: nanos % 1_000_000_000,
        })
    }

    fn accept(&mut self, now: Mono) {
        for _ in 0..ACCEPTS_MAX {
            let (stream, peer) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if files::are_used_up(&error) => {
                    if !self.evict(now) {
                        self.pause(now);
                        return;
                    }
                    continue;
                }
                // It went before it was taken in.
                Err(_) => continue,
            };
            if self.table.len() - self.live >= self.settings.connections && !self.evict(now) {
                // All are being served: whoever comes now is turned away.
                continue;
            }
            if let Err(error) = self.take_in(stream, peer, now) {
                log::debug!("a connection is lost at its beginning: {error}");
            }
        }
    }

    fn take_in(&mut self, stream: TcpStream, peer: SocketAddr, now: Mono) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let id = self.table.insert(Client {
            stream,
            peer,
            conn: Conn::new(now),
            interest: EventFlags::IN,
            is_shut: false,
            is_live: false,
        });
        let Some(client) = self.table.get_mut(id) else {
            return Ok(());
        };
        let added = epoll::add(
            &self.epoll,
            &client.stream,
            EventData::new_u64(id),
            client.interest,
        );
        if let Err(error) = added {
            self.table.remove(id);
            return Err(error.into());
        }
        self.note_deadline(id);
        Ok(())
    }

    /// Makes room for another connection, if that is possible.
    fn evict(&mut self, now: Mono) -> bool {
        match self.table.to_evict(|client| client.conn.standing(now)) {
            Some(id) => {
                self.remove(id);
                true
            }
            None => false,
        }
    }

    /// Takes in nobody for a moment: who waits would wake us again and again.
    fn pause(&mut self, now: Mono) {
        if self
            .said_full
            .is_none_or(|at| now.since(at) >= FULL_SAID_EVERY)
        {
            self.said_full = Some(now);
            log::warn!(
                "no connection can be taken in: the system allows no more open files; raise the limit (ulimit -n, LimitNOFILE)"
            );
        }
        let _ = epoll::delete(&self.epoll, &self.listener);
        self.paused = Some(now + FULL_PAUSE);
    }

    fn resume(&mut self, now: Mono) {
        if self.paused.is_none_or(|until| now < until) {
            return;
        }
        let data = EventData::new_u64(LISTENER);
        self.paused = match epoll::add(&self.epoll, &self.listener, data, EventFlags::IN) {
            Ok(()) => None,
            Err(_) => Some(now + FULL_PAUSE),
        };
    }

    /// A socket can be read or written.
    fn ready(&mut self, id: u64, flags: EventFlags, now: Mono) {
        let Some(client) = self.table.get_mut(id) else {
            return;
        };
        // HUP: both directions are over. That would be told again and again.
        let is_over = flags.intersects(EventFlags::ERR | EventFlags::HUP);
        let is_readable = flags.contains(EventFlags::IN);
        if is_over || (is_readable && !read(client, &mut self.buffer, now)) {
            self.remove(id);
            return;
        }
        self.attend(id, now);
    }

    /// Answers what was asked, and writes what there is to write.
    fn attend(&mut self, id: u64, now: Mono) {
        for turn in 0.. {
            let Some(client) = self.table.get_mut(id) else {
                return;
            };
            match client.conn.step(now) {
                Step::Close => return self.remove(id),
                Step::Wait => break,
                Step::Request(request) => {
                    let peer = client.peer;
                    let answer = self.site.serve(*request, peer, id, now);
                    self.answer(id, answer, now);
                }
            }
            if turn == TURNS_MAX {
                self.backlog.push(id);
                break;
            }
        }
        self.flush(id, now);
    }

    fn answer(&mut self, id: u64, answer: Answer, now: Mono) {
        let date = self.date();
        let Some(client) = self.table.get_mut(id) else {
            return;
        };
        match answer {
            Answer::Later => {}
            Answer::Now(response) => client.conn.answer(response.with("Date", date), now),
            Answer::Live(_) if self.live >= self.settings.live => {
                let busy = Response::text(503, "too many live clients\n").with("Retry-After", "60");
                client.conn.answer(busy.with("Date", date), now);
            }
            Answer::Live(response) => {
                client.conn.live(response.with("Date", date), now);
                client.is_live = client.conn.is_live();
                self.live += usize::from(client.is_live);
            }
        }
    }

    fn obey(&mut self, order: Order, now: Mono) {
        match order {
            Order::Answer(id, response) => {
                self.answer(id, Answer::Now(response), now);
                self.attend(id, now);
            }
            Order::Frame(frame) => {
                let resync = self.site.resync();
                let live = self
                    .table
                    .iter()
                    .filter(|(_, client)| client.conn.is_live());
                let ids: Vec<u64> = live.map(|(id, _)| id).collect();
                for id in ids {
                    if let Some(client) = self.table.get_mut(id) {
                        client.conn.frame(&frame, &resync, now);
                        self.flush(id, now);
                    }
                }
            }
        }
    }

    /// Writes what the socket takes, and watches for what comes next.
    fn flush(&mut self, id: u64, now: Mono) {
        let Some(client) = self.table.get_mut(id) else {
            return;
        };
        if !write(client, now) {
            return self.remove(id);
        }
        let mut wanted = EventFlags::empty();
        wanted.set(EventFlags::IN, client.conn.room() > 0);
        wanted.set(EventFlags::OUT, client.conn.output().is_some());
        if wanted != client.interest {
            let data = EventData::new_u64(id);
            if epoll::modify(&self.epoll, &client.stream, data, wanted).is_err() {
                return self.remove(id);
            }
            client.interest = wanted;
        }
        self.note_deadline(id);
    }

    fn note_deadline(&mut self, id: u64) {
        let due = self.table.get_mut(id).and_then(|c| c.conn.deadline());
        self.due = [self.due, due].into_iter().flatten().min();
    }

    /// Does what is due.
    fn sweep(&mut self, now: Mono) {
        self.resume(now);
        if self.due.is_none_or(|due| now < due) || now < self.swept + SWEEP_EVERY {
            return;
        }
        self.swept = now;
        self.due = None;
        let mut overdue = Vec::new();
        for (id, client) in self.table.iter() {
            match client.conn.deadline() {
                Some(due) if due <= now => overdue.push(id),
                due => self.due = [self.due, due].into_iter().flatten().min(),
            }
        }
        for id in overdue {
            self.attend(id, now);
        }
    }

    fn remove(&mut self, id: u64) {
        if let Some(client) = self.table.remove(id) {
            self.live -= usize::from(client.is_live);
            let _ = epoll::delete(&self.epoll, &client.stream);
        }
    }

    /// The value of a Date field (RFC 9110, section 6.6.1), written once a second.
    fn date(&mut self) -> String {
        let secs = crate::clock::wall_millis() / 1000;
        if self.date.0 != secs {
            let at = std::time::UNIX_EPOCH + Duration::from_secs(secs);
            self.date = (secs, httpdate::fmt_http_date(at));
        }
        self.date.1.clone()
    }
}
