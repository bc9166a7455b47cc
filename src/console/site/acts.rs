//! Logging in and out, and requests for something to be done.

use std::net::SocketAddr;

use super::Console;
use super::route;
use crate::clock::Mono;
use crate::console::access::{COOKIE, Denied, LOGIN_SEC, same_origin};
use crate::console::answer::{html_page, said};
use crate::console::ask::{Action, Ask, Named};
use crate::console::errand::{Errand, What};
use crate::console::page;
use crate::http::{Answer, Method, Request, Response, Ticket, form_fields};

impl Console {
    pub(super) fn login(
        &mut self,
        request: &Request,
        peer: SocketAddr,
        now: Mono,
        now_ts: i64,
    ) -> Response {
        let again = |status, wrong: Option<&str>| html_page(status, page::login(wrong));
        if request.method != Method::Post {
            return again(200, None);
        }
        if same_origin(request).is_err() {
            return self.denied(request, Denied::Origin);
        }
        let form = std::str::from_utf8(&request.body)
            .ok()
            .and_then(form_fields)
            .unwrap_or_default();
        let token = form
            .iter()
            .find(|(name, _)| name == "token")
            .map_or("", |(_, value)| value.trim());
        match self.access.is_token(token, peer.ip(), now) {
            Ok(true) => {}
            Ok(false) => return again(401, Some("This is not the token.")),
            Err(denied) => return again(denied.status(), Some(denied.words())),
        }
        let cookie = self.access.login(now_ts).unwrap_or_default();
        see_other(
            "/",
            format!("{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age={LOGIN_SEC}"),
        )
    }

    pub(super) fn logout(&self, request: &Request) -> Response {
        match same_origin(request) {
            Ok(()) => see_other(
                "/login",
                format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"),
            ),
            Err(denied) => self.denied(request, denied),
        }
    }

    pub(super) fn act(
        &mut self,
        request: &Request,
        action: route::Action<'_>,
        peer: SocketAddr,
        (ticket, now): (Ticket, Mono),
        now_ts: i64,
    ) -> Answer {
        let by = match self.access.actor(request, peer, now, now_ts) {
            Ok(by) => by,
            Err(denied) => return Answer::Now(self.denied(request, denied)),
        };
        let action = match action {
            route::Action::Silence => match serde_json::from_slice(&request.body) {
                Ok(new) => Action::Silence(new),
                Err(error) => {
                    let why =
                        format!("the body is no silence {{id, svc, span, why, from}}: {error}");
                    return Answer::Now(said(400, &crate::text::SafeText::new(&why)));
                }
            },
            route::Action::Channel(channel, what) => match serde_json::from_slice(&request.body) {
                Ok(Named { id }) => Action::Channel {
                    channel: channel.to_owned(),
                    what,
                    id,
                },
                Err(_) => {
                    return Answer::Now(said(400, "the body is {\"id\": …}, chosen by the client"));
                }
            },
            route::Action::Poll(feed) => Action::Poll {
                feed: feed.to_owned(),
            },
            route::Action::End(id) => Action::End { id: id.to_owned() },
            route::Action::Ack(svc) => Action::Ack {
                svc: svc.to_owned(),
            },
        };
        let errand = Errand {
            ticket,
            asked: now,
            what: What::Act(Ask { action, by }),
        };
        match self.errands.offer(errand) {
            Ok(()) => Answer::Later,
            Err(why) => Answer::Now(said(503, why)),
        }
    }
}

fn see_other(place: &'static str, cookie: String) -> Response {
    Response::new(303)
        .with("Location", place)
        .with("Set-Cookie", cookie)
}
