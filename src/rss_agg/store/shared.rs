//! The store, shared by the pollers: as many connections as are in use at once, and one knowledge of whether it is there.
//!
//! Nobody holds a lock while he waits for the net, so no poller waits for another's time limit. That the store is away
//! is found out once: from then on everybody is refused at once, but for one at a time who tries whether it is back.

use std::sync::{Arc, Mutex, MutexGuard};

use super::Store;
use crate::bus::lease::Fence;
use crate::bus::{Address, Backoff, BusError};
use crate::clock::Mono;
use crate::fail_stop::lock;

/// Clones are the same store.
#[derive(Clone)]
pub struct SharedStore {
    shared: Arc<Shared>,
    /// In the name of which holding of the lease this clone writes, if in any.
    fence: Option<Fence>,
}

struct Shared {
    /// What the connections call themselves.
    name: String,
    state: Mutex<State>,
}

struct State {
    address: Address,
    /// Connections that were made in an earlier era are not used again.
    era: u64,
    /// Connections that nobody uses: no more than were ever used at once, which is one for each poller.
    idle: Vec<Store>,
    away: Option<Away>,
}

/// The store did not answer.
struct Away {
    why: BusError,
    /// Somebody tries whether it is back.
    is_tried: bool,
    /// The next try, from then on.
    next: Mono,
    backoff: Backoff,
}

impl SharedStore {
    /// The store at `address`; `name` is what the connections call themselves.
    pub fn new(address: Address, name: &str) -> SharedStore {
        let state = State {
            address,
            era: 0,
            idle: Vec::new(),
            away: None,
        };
        SharedStore {
            shared: Arc::new(Shared {
                name: name.to_owned(),
                state: Mutex::new(state),
            }),
            fence: None,
        }
    }

    /// The same store, for work that is done in the name of this holding of the lease: once another has begun, nothing
    /// of that work is written.
    pub fn fenced_by(&self, fence: &Fence) -> SharedStore {
        SharedStore {
            shared: Arc::clone(&self.shared),
            fence: Some(fence.clone()),
        }
    }

    /// Goes to another address from the next call on.
    pub fn set_address(&self, address: Address) {
        let mut state = self.state();
        if state.address != address {
            state.address = address;
            state.away = None;
            state.end_era();
        }
    }

    /// Runs `work` on a connection of its own. While the store is known to be away it is not run, unless the time has
    /// come to try again and nobody else does.
    pub fn with<T>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, BusError>,
    ) -> Result<T, BusError> {
        let mut loan = self.lend()?;
        let was_connected = loan.store.is_connected();
        let done = work(&mut loan.store);
        loan.lesson = match &done {
            Err(error) if error.is_connection_lost() => {
                // A connection that broke while it was idle proves nothing: the next one will tell.
                let is_proof = !was_connected || matches!(error, BusError::TimedOut { .. });
                Lesson::Broken(is_proof.then(|| error.clone()))
            }
            _ => Lesson::Answers,
        };
        done
    }

    /// Runs `work`, which does no harm when it is done twice; once more on a fresh connection when the old one turned
    /// out to be dead, as an idle one may be after the store was restarted.
    pub fn with_retry<T>(
        &self,
        work: impl Fn(&mut Store) -> Result<T, BusError>,
    ) -> Result<T, BusError> {
        match self.with(&work) {
            Err(error) if error.is_connection_lost() => self.with(&work),
            done => done,
        }
    }

    /// Looks up afresh where the name of the store leads: no connection need break when it moves. When somebody answers
    /// there, the connections of before are not used again.
    pub fn look_afresh(&self) {
        let Ok(mut loan) = self.lend() else { return };
        if loan.store.look_afresh() {
            let mut state = self.state();
            state.end_era();
            loan.era = state.era;
        }
    }

    fn lend(&self) -> Result<Loan<'_>, BusError> {
        let mut state = self.state();
        let is_trial = match &mut state.away {
            None => false,
            Some(away) if away.is_tried || Mono::now() < away.next => {
                return Err(away.why.clone());
            }
            Some(away) => {
                away.is_tried = true;
                true
            }
        };
        let idle = state.idle.pop();
        let mut store =
            idle.unwrap_or_else(|| Store::new(state.address.clone(), &self.shared.name));
        store.set_fence(self.fence.clone());
        Ok(Loan {
            shared: self,
            era: state.era,
            store,
            is_trial,
            lesson: Lesson::None,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }
}

impl State {
    fn end_era(&mut self) {
        self.era += 1;
        self.idle.clear();
    }

    fn learn(&mut self, lesson: &Lesson, is_trial: bool) {
        if let (Some(away), true) = (&mut self.away, is_trial) {
            away.is_tried = false;
        }
        match lesson {
            Lesson::None => {}
            Lesson::Answers => self.away = None,
            Lesson::Broken(proof) => {
                // The others are likely to be as dead.
                self.end_era();
                let Some(why) = proof else { return };
                match &mut self.away {
                    // The first try follows at once: one failure may be no more than bad luck.
                    None => {
                        self.away = Some(Away {
                            why: why.clone(),
                            is_tried: false,
                            next: Mono::now(),
                            backoff: Backoff::bus(),
                        });
                    }
                    Some(away) if is_trial => {
                        away.why = why.clone();
                        away.next = Mono::now() + away.backoff.next_pause();
                    }
                    Some(_) => {}
                }
            }
        }
    }
}

/// What the use of a connection taught.
enum Lesson {
    None,
    Answers,
    /// With the proof that the store is away, if it is one.
    Broken(Option<BusError>),
}

/// A connection in use; it comes back when this is dropped, also by a panic.
struct Loan<'a> {
    shared: &'a SharedStore,
    era: u64,
    store: Store,
    is_trial: bool,
    lesson: Lesson,
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.learn(&self.lesson, self.is_trial);
        if self.store.is_connected() && state.era == self.era {
            let address = state.address.clone();
            let fresh = Store::new(address, &self.shared.shared.name);
            state.idle.push(std::mem::replace(&mut self.store, fresh));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::bus::Limits;
    use crate::bus::lease::IfFree;

    const USERS: usize = 24;

    fn store(listener: &TcpListener) -> SharedStore {
        let port = listener.local_addr().expect("bound").port();
        let url = format!("redis://127.0.0.1:{port}");
        let store = SharedStore::new(Address::parse(&url, "TEST").expect("valid"), "test");
        store.fenced_by(&Fence::new("lease", "test#1", IfFree::Refused))
    }

    #[test]
    fn who_finds_the_store_away_keeps_nobody_waiting() {
        // Connections are taken by the kernel, and nobody ever answers.
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let store = store(&listener);
        let began = Mono::now();
        let users = (0..USERS).map(|_| {
            let store = store.clone();
            thread::spawn(move || store.with_retry(Store::probe))
        });
        for user in users.collect::<Vec<_>>() {
            let refused = user.join().expect("no panic").expect_err("nobody answers");
            assert!(matches!(refused, BusError::TimedOut { .. }), "{refused}");
        }
        let limit = Limits::default().connect;
        assert!(Mono::now().since(began) < 3 * limit + Duration::from_secs(2));
        // From here on a user is refused without a wait, unless it is the one that tries.
        let tries = AtomicUsize::new(0);
        let (begun, is_begun) = mpsc::channel();
        let (end, is_ended) = mpsc::channel();
        thread::scope(|scope| {
            let (store, tries) = (&store, &tries);
            scope.spawn(move || {
                while store
                    .with(|_| {
                        tries.fetch_add(1, Ordering::SeqCst);
                        begun.send(()).expect("heard");
                        is_ended.recv().map_err(|_| away())
                    })
                    .is_err()
                {}
            });
            is_begun.recv().expect("a try");
            for _ in 0..USERS {
                let refused = store.with::<()>(|_| panic!("two try at once"));
                assert!(refused.is_err());
            }
            end.send(()).expect("heard");
        });
        assert_eq!(tries.into_inner(), 1);
        assert!(store.with(|_| Ok(())).is_ok(), "it is known to be back");
    }

    fn away() -> BusError {
        BusError::TimedOut {
            address: "test".to_owned(),
            what: "answer".to_owned(),
        }
    }
}
