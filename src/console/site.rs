//! What is answered to each request. Runs on the thread that waits for sockets, so nothing here waits for anything.

mod acts;
mod everybody;
mod kept;
mod route;

use std::net::SocketAddr;
use std::sync::Arc;

use super::access::{Access, Denied, Who};
use super::answer::{HTML, JSON, Known, Tagged, html_page, said};
use super::csv;
use super::errand::{Errand, Errands, What};
use super::hear::Beats;
use super::json;
use super::live;
use super::metrics::{self, Own};
use super::page::{self, About, Reader};
use super::plain;
use super::public::Shown;
use super::report::{Form, Question};
use super::shared::Shared;
use super::view::View;
use crate::clock::{self, Mono};
use crate::http::{Answer, Body, Method, Order, Request, Response, Site, Ticket};
use crate::truth::Truth;
use route::{Api, Page, Route};

/// What a browser is allowed (<https://www.w3.org/TR/CSP3/>).
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
const RESOURCE_POLICY: &str = "Cross-Origin-Resource-Policy";

/// The console, as it answers.
pub struct Console {
    shared: Arc<Shared>,
    access: Access,
    errands: Errands,
    beats: Beats,
    live: usize,
    requests: u64,
    /// The revision that the last frame told, when that was, and when the last tick was.
    told_rev: u64,
    /// Answers of this second.
    kept: kept::Kept,
    /// What everybody may see, and of which revision and when it was made.
    shown: Option<(u64, i64, Shown)>,
    framed: Mono,
    ticked: Mono,
}

impl Console {
    /// Answers from `shared` and `beats`; what needs a bus goes to `errands`.
    pub fn new(shared: Arc<Shared>, access: Access, errands: Errands, beats: Beats) -> Console {
        Console {
            shared,
            access,
            errands,
            beats,
            live: 0,
            requests: 0,
            told_rev: 0,
            kept: kept::Kept::default(),
            shown: None,
            framed: Mono::default(),
            ticked: Mono::default(),
        }
    }

    fn route(&mut self, request: &Request, peer: SocketAddr, ticket: Ticket, now: Mono) -> Answer {
        let Some(route) = Route::for_request(request) else {
            return Answer::Now(self.refuse(request, 404, "there is nothing of this name"));
        };
        if route == Route::Health {
            return Answer::Now(Response::text(200, "ok\n"));
        }
        if let Err(denied) = self.access.host(request) {
            return Answer::Now(self.denied(request, denied));
        }
        let allowed = route.methods();
        if !allowed.contains(&request.method) {
            let names = if allowed.contains(&Method::Get) {
                "GET, HEAD"
            } else {
                "POST"
            };
            let names = if allowed.len() == 3 {
                "GET, HEAD, POST"
            } else {
                names
            };
            return Answer::Now(
                self.refuse(request, 405, "not this way")
                    .with("Allow", names),
            );
        }
        let view = self.shared.view();
        // A process that was stopped shows nothing of before as if it were so.
        let is_old = view.is_stale(now) && view.rev > 0;
        if is_old && !matches!(route, Route::Asset(_) | Route::Login | Route::Logout) {
            return Answer::Now(
                self.refuse(request, 503, "the console stood still; ask again")
                    .with("Retry-After", "1"),
            );
        }
        let now_ts = clock::wall_secs();
        match route {
            Route::Health => Answer::Now(Response::text(200, "ok\n")),
            Route::Ok => {
                let (_, headline) = view.headline(now_ts);
                let status = if view.is_ok() { 200 } else { 503 };
                Answer::Now(Response::text(status, format!("{headline}\n")))
            }
            Route::Status => Answer::Now(Response::text(200, plain::status(&view, now_ts))),
            Route::Asset(path) => Answer::Now(self.asset(request, path)),
            Route::Public(what) => Answer::Now(self.public(request, what, &view, now_ts)),
            Route::Login => Answer::Now(self.login(request, peer, now, now_ts)),
            Route::Logout => Answer::Now(self.logout(request)),
            Route::Action(action) => self.act(request, action, peer, (ticket, now), now_ts),
            Route::Live | Route::Metrics | Route::Page(_) | Route::Api(_) => {
                match self.access.reader(request, peer, now, now_ts) {
                    Ok(who) => self.read(request, route, &view, who, (ticket, now), now_ts),
                    Err(denied) => Answer::Now(self.denied(request, denied)),
                }
            }
        }
    }

    fn read(
        &mut self,
        request: &Request,
        route: Route<'_>,
        view: &View,
        who: Who,
        (ticket, asked): (Ticket, Mono),
        now_ts: i64,
    ) -> Answer {
        let has_login = self.access.has_login();
        let (topic, form) = match route {
            Route::Page(Page::Topic(topic)) => (topic, Form::Page { who, has_login }),
            Route::Api(Api::Topic(topic)) => (topic, Form::Json(Known::of(request))),
            _ => {
                let reader = Reader {
                    who: &who,
                    has_login,
                };
                return self.read_now(request, route, view, reader, now_ts);
            }
        };
        let errand = Errand {
            ticket,
            asked,
            what: What::Show(Question { topic, form }),
        };
        match self.errands.offer(errand) {
            Ok(()) => Answer::Later,
            Err(why) => Answer::Now(self.refuse(request, 503, why)),
        }
    }

    fn read_now(
        &mut self,
        request: &Request,
        route: Route<'_>,
        view: &View,
        reader: Reader<'_>,
        now_ts: i64,
    ) -> Answer {
        Answer::Now(match route {
            Route::Live => return Answer::Live(live::begin(view, now_ts)),
            Route::Metrics => {
                let own = Own {
                    live: self.live,
                    requests: self.requests,
                    process: super::process::own(),
                };
                Response::new(200)
                    .with("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                    .body(Body::Owned(
                        metrics::text(view, own, &self.shared.reports()).into_bytes(),
                    ))
            }
            Route::Page(page) => self.page(request, page, view, reader, now_ts),
            Route::Api(api) => self.api(request, api, view, now_ts),
            _ => self.refuse(request, 404, "there is nothing of this name"),
        })
    }

    fn page(
        &self,
        request: &Request,
        page: Page<'_>,
        view: &View,
        reader: Reader<'_>,
        now_ts: i64,
    ) -> Response {
        let html = match page {
            Page::List => page::list(view, reader, now_ts),
            Page::Service(svc) => match view.row(svc) {
                Some(row) => {
                    let truth = self.shared.truth();
                    page::service(view, row, about(truth.as_deref(), svc), reader, now_ts)
                }
                None => return self.refuse(request, 404, "truth names no such service"),
            },
            Page::Topic(_) => return self.refuse(request, 404, "there is nothing of this name"),
            Page::Incidents => page::incidents(view, reader, now_ts),
            Page::Incident(id) => {
                match view.incidents.iter().find(|incident| &*incident.id == id) {
                    Some(incident) => page::incident(view, incident, reader, now_ts),
                    None => {
                        return self.refuse(
                            request,
                            404,
                            "no incident of this name is known (any more)",
                        );
                    }
                }
            }
        };
        html_page(200, html)
    }

    fn api(&mut self, request: &Request, api: Api<'_>, view: &View, now_ts: i64) -> Response {
        let (asked, of) = (
            format!("{}?{:?}", request.path, request.query),
            (view.rev, now_ts),
        );
        if let Some(answer) = self.kept.get(&asked, of) {
            return Known::of(request).answer_of(&answer);
        }
        let csv = match api {
            Api::IncidentsCsv => Some(csv::incidents(view)),
            Api::SpansCsv(svc) => match view.row(svc) {
                Some(row) => Some(csv::spans(view, row, now_ts)),
                None => return said(404, "truth names no such service"),
            },
            _ => None,
        };
        if let Some(text) = csv {
            return Response::new(200)
                .with("Content-Type", "text/csv; charset=utf-8")
                .with("Content-Disposition", "attachment")
                .body(Body::Owned(text.into_bytes()));
        }
        let body = match api {
            Api::Summary => json::summary(view, now_ts),
            Api::Services => match json::Asked::of(request) {
                Ok(asked) => json::services(view, &asked, now_ts),
                Err(wrong) => return said(400, wrong),
            },
            Api::Service(svc) => match view.row(svc) {
                Some(row) => {
                    let truth = self.shared.truth();
                    let about = about(truth.as_deref(), svc);
                    let mut detail = json::service(view, row, now_ts);
                    detail["description"] = about.description.into();
                    detail["runbook"] = about.runbook.into();
                    detail
                }
                None => return said(404, "truth names no such service"),
            },
            Api::Beats(svc) => match self.latest_beats(view, svc) {
                Some(beats) => beats,
                None => return said(404, "truth names no such service, or it has no heartbeat"),
            },
            Api::IncidentsCsv | Api::SpansCsv(_) | Api::Topic(_) => {
                return said(404, "there is nothing of this name");
            }
            Api::Groups => json::groups(view, now_ts),
            Api::Incidents => json::incidents(view),
            Api::Incident(id) => match view.incidents.iter().find(|incident| &*incident.id == id) {
                Some(incident) => json::incident(incident),
                None => return said(404, "no incident of this name is known (any more)"),
            },
            Api::Silences => serde_json::json!({ "rev": view.rev, "silences": *view.silences }),
        };
        let answer = Tagged::new(body.to_string().into_bytes());
        // Beats come at any moment.
        if !matches!(api, Api::Beats(_)) {
            self.kept.put(asked, of, &answer);
        }
        Known::of(request).answer_of(&answer)
    }

    /// The beats of `svc`, heard from now on; `None` where there are none to hear.
    fn latest_beats(&self, view: &View, svc: &str) -> Option<serde_json::Value> {
        view.row(svc)?;
        let truth = self.shared.truth()?;
        let service = truth.service(svc).filter(|s| s.has_heartbeat())?;
        let heard = self.beats.look(svc, Mono::now());
        let busy = || serde_json::json!({ "heard": false, "busy": true, "beats": [] });
        let mut beats = heard.unwrap_or_else(busy);
        beats["interval_sec"] = service.interval().as_secs_f64().into();
        beats["timeout_sec"] = service.timeout().as_secs_f64().into();
        beats["now_ms"] = clock::wall_millis().into();
        Some(beats)
    }

    fn asset(&self, request: &Request, path: &str) -> Response {
        if let Some(icon) = page::icon(path) {
            return Response::new(200)
                .with("Content-Type", "image/svg+xml")
                .with("Cache-Control", "public, max-age=86400")
                .body(Body::Owned(icon.into_bytes()));
        }
        match page::asset(path) {
            Some(asset) => Response::new(200)
                .with("Content-Type", asset.media_type)
                .with("Cache-Control", "public, max-age=31536000, immutable")
                .body(Body::Static(asset.bytes)),
            None => self.refuse(request, 404, "there is nothing of this name"),
        }
    }

    fn denied(&self, request: &Request, denied: Denied) -> Response {
        let is_page = matches!(Route::of(&request.path), Some(Route::Page(_)));
        if denied == Denied::NoIdentity && is_page && self.access.has_login() {
            return Response::new(303).with("Location", "/login");
        }
        let response = self.refuse(request, denied.status(), denied.words());
        match denied {
            Denied::NoIdentity => response.with("WWW-Authenticate", "Bearer realm=\"console\""),
            Denied::TooMany => response.with("Retry-After", "60"),
            _ => response,
        }
    }

    /// An answer that says why there is none, as whoever asks can read it.
    fn refuse(&self, request: &Request, status: u16, words: &str) -> Response {
        if request.path.starts_with("/api/") {
            return said(status, words);
        }
        let wants_page = request
            .field("accept")
            .is_some_and(|accept| accept.contains("text/html"));
        match wants_page {
            true => html_page(status, page::message(&status.to_string(), words)),
            false => Response::text(status, format!("{words}\n")),
        }
    }
}

/// What `truth` says of a service to people.
fn about<'t>(truth: Option<&'t Truth>, svc: &str) -> About<'t> {
    let service = truth.and_then(|truth| truth.service(svc));
    service.map_or_else(About::default, |service| About {
        description: service.description(),
        runbook: service.runbook(),
    })
}

/// What every answer carries.
fn guarded(response: Response) -> Response {
    let is_kept = response.field("Cache-Control").is_some();
    let response = response
        .with("Content-Security-Policy", CSP)
        .with("X-Content-Type-Options", "nosniff")
        .with("Referrer-Policy", "no-referrer")
        .with("Cross-Origin-Opener-Policy", "same-origin");
    // A badge is made to be shown elsewhere.
    let response = match response.field(RESOURCE_POLICY) {
        Some(_) => response,
        None => response.with(RESOURCE_POLICY, "same-origin"),
    };
    match is_kept {
        true => response,
        false => response.with("Cache-Control", "no-store"),
    }
}

impl Site for Console {
    fn serve(&mut self, request: Request, peer: SocketAddr, ticket: Ticket, now: Mono) -> Answer {
        self.requests += 1;
        match self.route(&request, peer, ticket, now) {
            Answer::Now(response) => Answer::Now(guarded(response)),
            Answer::Live(response) => Answer::Live(guarded(response)),
            Answer::Later => Answer::Later,
        }
    }

    fn turn(&mut self, live: usize, now: Mono, orders: &mut Vec<Order>) -> bool {
        self.live = live;
        for (ticket, response) in self.shared.take_answers() {
            orders.push(Order::Answer(ticket, guarded(response)));
        }
        let view = self.shared.view();
        let now_ts = clock::wall_secs();
        if live == 0 {
            self.told_rev = view.rev;
            self.ticked = now;
            self.shared.take_changed();
        } else if view.rev != self.told_rev && now >= self.framed + live::FRAME_EVERY {
            (self.told_rev, self.framed, self.ticked) = (view.rev, now, now);
            let changed = self.shared.take_changed();
            orders.push(Order::Frame(live::state(&view, &changed, now_ts)));
        } else if now >= self.ticked + live::TICK_EVERY {
            self.ticked = now;
            // Whoever stands still gives no sign of life.
            if !view.is_stale(now) {
                orders.push(Order::Frame(live::tick(&view, now_ts)));
            }
        }
        !self.shared.is_stopping()
    }

    fn deadline(&self) -> Option<Mono> {
        if self.live == 0 {
            return None;
        }
        let tick = self.ticked + live::TICK_EVERY;
        let is_news = self.shared.view().rev != self.told_rev;
        Some(if is_news {
            tick.min(self.framed + live::FRAME_EVERY)
        } else {
            tick
        })
    }

    fn resync(&self) -> Arc<[u8]> {
        live::resync()
    }
}
