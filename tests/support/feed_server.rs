//! A web server for feeds that behaves as badly as it is told to, and remembers what it was asked.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use super::certificates::Issued;
pub use super::http_server::{Arrival as Hit, Reply};
use super::http_server::{HttpServer, Manner};

type Route = Arc<dyn Fn(&Hit) -> Reply + Send + Sync>;
type Routes = Arc<Mutex<HashMap<String, Route>>>;

/// The server; it listens until it is dropped.
pub struct FeedServer {
    server: HttpServer,
    routes: Routes,
}

impl FeedServer {
    pub fn start() -> FeedServer {
        FeedServer::on("127.0.0.1", Manner::default())
    }

    /// Over TLS, with this certificate; its URLs are for `localhost`.
    pub fn start_tls(issued: &Issued) -> FeedServer {
        FeedServer::on("127.0.0.1", Manner::tls(issued))
    }

    /// On every address of the machine, so that 127.1.2.3 and 127.1.2.4 are two hosts of one server.
    pub fn start_everywhere() -> FeedServer {
        FeedServer::on("0.0.0.0", Manner::default())
    }

    fn on(address: &str, manner: Manner) -> FeedServer {
        let routes = Routes::default();
        let known = routes.clone();
        let server = HttpServer::start(address, manner, move |hit| {
            let route = known.lock().unwrap().get(&hit.target).cloned();
            route.map_or_else(|| Reply::status(404), |route| route(hit))
        });
        FeedServer { server, routes }
    }

    /// Answers requests for `path` from now on. Paths without an answer get 404.
    pub fn at(&self, path: &str, route: impl Fn(&Hit) -> Reply + Send + Sync + 'static) {
        let mut routes = self.routes.lock().unwrap();
        routes.insert(path.to_owned(), Arc::new(route));
    }

    /// Answers requests for `path` with this and nothing else.
    pub fn always(&self, path: &str, reply: Reply) {
        self.at(path, move |_| reply.clone());
    }

    /// Every request so far whose answer is made.
    pub fn hits(&self) -> Vec<Hit> {
        self.server.arrivals()
    }

    pub fn hits_of(&self, path: &str) -> Vec<Hit> {
        self.hits()
            .into_iter()
            .filter(|hit| hit.target == path)
            .collect()
    }
}

impl Deref for FeedServer {
    type Target = HttpServer;

    fn deref(&self) -> &HttpServer {
        &self.server
    }
}
