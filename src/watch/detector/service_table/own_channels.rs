//! The channels that services chose themselves.

use std::collections::HashMap;

/// Channels that are not the default one of their service, found from both sides.
///
/// Invariant: the two maps are each other's inverse. A channel belongs to one service at most, and a service has one
/// channel at most, at every moment: so a look-up never finds somebody whose channel this is no more, and nobody who
/// goes takes away what another has by now. Each operation leaves the maps of one size and checks the pair that it
/// touched, which keeps the rest true.
#[derive(Debug, Default)]
pub struct OwnChannels {
    owners: HashMap<Box<[u8]>, u32>,
    channels: HashMap<u32, Box<[u8]>>,
}

impl OwnChannels {
    /// Whose channel this is.
    pub fn owner(&self, channel: &[u8]) -> Option<u32> {
        self.owners.get(channel).copied()
    }

    /// The channel of the service at `index`.
    pub fn of(&self, index: u32) -> Option<&[u8]> {
        self.channels.get(&index).map(|channel| &**channel)
    }

    /// Gives a service without a channel one that nobody has.
    pub fn give(&mut self, index: u32, channel: &[u8]) {
        let had = self.channels.insert(index, channel.into());
        let other = self.owners.insert(channel.into(), index);
        debug_assert_eq!((had, other), (None, None), "both were free");
        debug_assert_eq!(self.owners.len(), self.channels.len());
    }

    /// Takes the channel of a service away, if it has one here.
    pub fn take(&mut self, index: u32) {
        if let Some(channel) = self.channels.remove(&index) {
            let owner = self.owners.remove(&channel);
            debug_assert_eq!(owner, Some(index), "each other's inverse");
        }
        debug_assert_eq!(self.owners.len(), self.channels.len());
    }
}
