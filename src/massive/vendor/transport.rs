//! The connection under a request: a call is taken just before the first byte goes out.

use std::sync::{Arc, Mutex};

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use crate::fail_stop::lock;
use crate::massive::meter::Meter;
use crate::net::http::connect::NetConnector;

/// What is connected, with a meter on top.
#[derive(Debug)]
pub(super) struct MeteredConnector {
    inner: NetConnector,
    meter: Arc<Mutex<Meter>>,
}

impl MeteredConnector {
    pub fn new(inner: NetConnector, meter: Arc<Mutex<Meter>>) -> MeteredConnector {
        MeteredConnector { inner, meter }
    }
}

impl Connector<()> for MeteredConnector {
    type Out = Metered<Box<dyn Transport>>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        // The handshake of TLS is over when this returns.
        let open = self.inner.connect(details, chained)?;
        Ok(open.map(|inner| Metered {
            inner,
            meter: self.meter.clone(),
            is_between: true,
        }))
    }
}

/// A connection that takes a call for each request.
#[derive(Debug)]
pub(super) struct Metered<T> {
    inner: T,
    meter: Arc<Mutex<Meter>>,
    /// No byte of the next request went out yet.
    is_between: bool,
}

impl<T: Transport> Transport for Metered<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        if self.is_between && amount > 0 {
            // Only the thread that this client belongs to ever takes it.
            let mut meter = lock(&self.meter);
            let taken = meter.take();
            taken.map_err(|none| ureq::Error::Other(Box::new(none)))?;
            self.is_between = false;
        }
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        // A GET has no body: whoever waits for the answer has sent all of it.
        self.is_between = true;
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
