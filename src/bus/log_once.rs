//! Says what is new about an outage, and nothing twice.

use std::mem::{Discriminant, discriminant};

use super::BusError;

/// The kinds of trouble that one outage has shown so far. There are as many kinds as [`BusError`] has variants.
#[derive(Clone, Debug, Default)]
pub struct LogOnce {
    told: Vec<Discriminant<BusError>>,
}

impl LogOnce {
    /// Whether this kind of trouble is new in this outage: a server that comes back may still be loading, or ask for
    /// a password, and that is another thing to mend.
    pub fn is_news(&mut self, error: &BusError) -> bool {
        let kind = discriminant(error);
        let is_new = !self.told.contains(&kind);
        if is_new {
            self.told.push(kind);
        }
        is_new
    }

    /// Whether nothing worked so far.
    pub fn is_on(&self) -> bool {
        !self.told.is_empty()
    }

    /// Something worked: whether that ends an outage.
    pub fn end(&mut self) -> bool {
        !std::mem::take(&mut self.told).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_trouble_is_news_once_in_an_outage() {
        let address = || "redis://h:1".to_owned();
        let gone = |reason: &str| BusError::Unreachable {
            address: address(),
            reason: reason.into(),
        };
        let mut outage = LogOnce::default();
        assert!(!outage.end(), "there was none");
        assert!(outage.is_news(&gone("connection refused")));
        assert!(!outage.is_news(&gone("connection reset")));
        assert!(outage.is_news(&BusError::Loading { address: address() }));
        assert!(!outage.is_news(&gone("connection refused")));
        assert!(outage.is_on() && outage.end() && !outage.is_on());
        assert!(
            outage.is_news(&gone("connection refused")),
            "another outage"
        );
    }
}
