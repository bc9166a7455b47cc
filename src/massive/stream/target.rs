//! What the threads of the stream are told: it is looked at, and replaced whole.

use std::sync::{Arc, Mutex};

use url::Url;

use super::coalesce::Rules;
use crate::env::Secret;
use crate::fail_stop::lock;
use crate::massive::config::StreamMode;
use crate::massive::daemon::clock::VendorClock;

/// What the thread of a connection is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub url: Url,
    /// Hosts beyond the public internet that it may go to.
    pub allow_hosts: Vec<String>,
    pub key: Option<Secret>,
    /// Nothing is to be done where there is none.
    pub symbols: Arc<Vec<String>>,
}

/// What events are judged by.
#[derive(Clone, Debug)]
pub struct Terms {
    pub mode: StreamMode,
    pub clock: VendorClock,
    pub rules: Arc<Rules>,
}

/// A value that one thread puts and another looks at.
#[derive(Debug)]
pub struct Board<T>(Arc<Mutex<Arc<T>>>);

impl<T> Clone for Board<T> {
    fn clone(&self) -> Board<T> {
        Board(self.0.clone())
    }
}

impl<T> Board<T> {
    /// With this on it.
    pub fn new(value: T) -> Board<T> {
        Board(Arc::new(Mutex::new(Arc::new(value))))
    }

    /// What is on it.
    pub fn get(&self) -> Arc<T> {
        lock(&self.0).clone()
    }

    /// Puts another in its place.
    pub fn put(&self, value: T) {
        *lock(&self.0) = Arc::new(value);
    }
}
