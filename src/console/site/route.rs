//! The table of paths. Pure.

use crate::console::topic::Topic;
use crate::contract::asks::Wanted;
use crate::http::{Method, Request};

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'p> {
    /// `/healthz`: this process answers.
    Health,
    /// `/ok`: all is well.
    Ok,
    Status,
    Metrics,
    Live,
    Login,
    Logout,
    Asset(&'p str),
    /// What everybody may see.
    Public(Public<'p>),
    Page(Page<'p>),
    Api(Api<'p>),
    Action(Action<'p>),
}

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page<'p> {
    List,
    Service(&'p str),
    Incidents,
    Incident(&'p str),
    Topic(Topic),
}

/// What everybody may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Public<'p> {
    Page,
    Atom,
    /// The state of a service, as a picture or as JSON.
    Badge(&'p str),
    BadgeJson(&'p str),
    /// Its uptime within a window, as a picture.
    Uptime(&'p str, &'p str),
}

/// An answer of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api<'p> {
    Summary,
    Services,
    Service(&'p str),
    /// The beats of a service, as they come.
    Beats(&'p str),
    Groups,
    /// What a working service keeps.
    Topic(Topic),
    Incidents,
    IncidentsCsv,
    Incident(&'p str),
    /// What was not up of a service, for a spreadsheet.
    SpansCsv(&'p str),
    /// Also asked for to be made.
    Silences,
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'p> {
    Silence,
    End(&'p str),
    Ack(&'p str),
    /// Something of whoever holds a channel.
    Channel(&'p str, Wanted),
    /// A poll of a feed.
    Poll(&'p str),
}

impl<'p> Route<'p> {
    /// Where a request leads: what is asked for, or what is to be done.
    pub fn for_request(request: &'p Request) -> Option<Route<'p>> {
        match Route::of(&request.path)? {
            Route::Api(Api::Silences) if request.method == Method::Post => {
                Some(Route::Action(Action::Silence))
            }
            route => Some(route),
        }
    }

    /// Where `path` leads.
    pub fn of(path: &'p str) -> Option<Route<'p>> {
        Some(match path {
            "/healthz" => Route::Health,
            "/ok" => Route::Ok,
            "/status.txt" => Route::Status,
            "/metrics" => Route::Metrics,
            "/api/v1/live" => Route::Live,
            "/public" => Route::Public(Public::Page),
            "/public/incidents.atom" => Route::Public(Public::Atom),
            "/login" => Route::Login,
            "/logout" => Route::Logout,
            "/" => Route::Page(Page::List),
            "/incidents" => Route::Page(Page::Incidents),
            _ if path.starts_with("/assets/") || path.starts_with("/icons/") => Route::Asset(path),
            _ => return Route::of_parts(path),
        })
    }

    fn of_parts(path: &'p str) -> Option<Route<'p>> {
        if let Some(topic) = path.strip_prefix('/').and_then(Topic::of) {
            return Some(Route::Page(Page::Topic(topic)));
        }
        if let Some(svc) = path.strip_prefix("/services/") {
            return one(svc).map(|svc| Route::Page(Page::Service(svc)));
        }
        if let Some(badge) = path.strip_prefix("/badge/") {
            return Public::badge(badge).map(Route::Public);
        }
        if let Some(id) = path.strip_prefix("/incidents/") {
            return one(id).map(|id| Route::Page(Page::Incident(id)));
        }
        Some(match path.strip_prefix("/api/v1/")? {
            "summary" => Route::Api(Api::Summary),
            "services" => Route::Api(Api::Services),
            "groups" => Route::Api(Api::Groups),
            "incidents" => Route::Api(Api::Incidents),
            "incidents.csv" => Route::Api(Api::IncidentsCsv),
            "silences" => Route::Api(Api::Silences),
            word if Topic::of(word).is_some() => Route::Api(Api::Topic(Topic::of(word)?)),
            rest => match rest.split_once('/')? {
                ("services", rest) => match rest.rsplit_once('/') {
                    Some((svc, "ack")) => Route::Action(Action::Ack(one(svc)?)),
                    Some((svc, "spans.csv")) => Route::Api(Api::SpansCsv(one(svc)?)),
                    Some((svc, "beats")) => Route::Api(Api::Beats(one(svc)?)),
                    Some(_) => return None,
                    None => Route::Api(Api::Service(one(rest)?)),
                },
                ("feeds", rest) => Route::Action(Action::Poll(one(rest.strip_suffix("/poll")?)?)),
                ("notify", rest) => match rest.rsplit_once('/')? {
                    (channel, "test") => {
                        Route::Action(Action::Channel(one(channel)?, Wanted::Test))
                    }
                    (channel, "resend") => {
                        Route::Action(Action::Channel(one(channel)?, Wanted::Resend))
                    }
                    _ => return None,
                },
                ("incidents", id) => Route::Api(Api::Incident(one(id)?)),
                ("silences", rest) => Route::Action(Action::End(one(rest.strip_suffix("/end")?)?)),
                _ => return None,
            },
        })
    }

    /// How it may be asked for.
    pub fn methods(&self) -> &'static [Method] {
        match self {
            Route::Login => &[Method::Get, Method::Head, Method::Post],
            Route::Action(Action::Silence) => &[Method::Get, Method::Head, Method::Post],
            Route::Logout | Route::Action(_) => &[Method::Post],
            _ => &[Method::Get, Method::Head],
        }
    }
}

impl<'p> Public<'p> {
    /// `LABEL.svg`, `LABEL.json` or `LABEL/uptime-WINDOW.svg`.
    fn badge(path: &'p str) -> Option<Public<'p>> {
        if let Some((label, picture)) = path.split_once('/') {
            let window = picture.strip_prefix("uptime-")?.strip_suffix(".svg")?;
            return Some(Public::Uptime(one(label)?, one(window)?));
        }
        match path.rsplit_once('.')? {
            (label, "svg") => Some(Public::Badge(one(label)?)),
            (label, "json") => Some(Public::BadgeJson(one(label)?)),
            _ => None,
        }
    }
}

/// One part of a path, and not nothing.
fn one(part: &str) -> Option<&str> {
    (!part.is_empty() && !part.contains('/')).then_some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_one_place_or_nowhere() {
        for (path, route) in [
            ("/", Some(Route::Page(Page::List))),
            ("/services/a.b", Some(Route::Page(Page::Service("a.b")))),
            ("/api/v1/services/a", Some(Route::Api(Api::Service("a")))),
            (
                "/api/v1/services/a/ack",
                Some(Route::Action(Action::Ack("a"))),
            ),
            (
                "/api/v1/services/a/beats",
                Some(Route::Api(Api::Beats("a"))),
            ),
            ("/api/v1/services/a/b/beats", None),
            (
                "/api/v1/services/ack",
                Some(Route::Api(Api::Service("ack"))),
            ),
            (
                "/api/v1/silences/x/end",
                Some(Route::Action(Action::End("x"))),
            ),
            ("/api/v1/silences/end", None),
            (
                "/api/v1/notify/ops/test",
                Some(Route::Action(Action::Channel("ops", Wanted::Test))),
            ),
            ("/api/v1/notify/ops/sell", None),
            (
                "/api/v1/feeds/news/poll",
                Some(Route::Action(Action::Poll("news"))),
            ),
            (
                "/badge/Web shop.svg",
                Some(Route::Public(Public::Badge("Web shop"))),
            ),
            (
                "/badge/Web shop/uptime-30d.svg",
                Some(Route::Public(Public::Uptime("Web shop", "30d"))),
            ),
            ("/badge/.svg", None),
            ("/badge/a/b/uptime-30d.svg", None),
            ("/badge/a.png", None),
            ("/feeds", Some(Route::Page(Page::Topic(Topic::Feeds)))),
            ("/api/v1/truth", Some(Route::Api(Api::Topic(Topic::Truth)))),
            ("/feeds/", None),
            ("/services/", None),
            ("/services/a/b", None),
            ("/api/v1/services//ack", None),
            ("/api/v2/summary", None),
            ("/nothing", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
