//! Answers as all who answer write them: a sentence, a page, JSON with the tag that names it. Pure.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use sha1_smol::Sha1;

use crate::http::{Body, Request, Response};

/// A request that waited longer for its answer has been answered with 503.
pub const WITHIN: Duration = Duration::from_secs(2);
/// The media types.
pub const HTML: &str = "text/html; charset=utf-8";
pub const JSON: &str = "application/json";

/// A JSON answer with a sentence.
pub fn said(status: u16, text: &str) -> Response {
    json_line(status, &json!({ "message": text }))
}

/// A JSON answer.
pub fn json_line(status: u16, body: &Json) -> Response {
    Response::new(status)
        .with("Content-Type", JSON)
        .body(Body::Owned(format!("{body}\n").into_bytes()))
}

/// A page.
pub fn html_page(status: u16, html: String) -> Response {
    Response::new(status)
        .with("Content-Type", HTML)
        .body(Body::Owned(html.into_bytes()))
}

/// The bytes of an answer, and the tag that names them.
#[derive(Clone, Debug)]
pub struct Tagged {
    pub etag: Arc<str>,
    pub bytes: Arc<[u8]>,
}

impl Tagged {
    /// Of these bytes.
    pub fn new(bytes: Vec<u8>) -> Tagged {
        let etag = format!("\"{}\"", Sha1::from(&bytes).digest());
        Tagged {
            etag: etag.into(),
            bytes: bytes.into(),
        }
    }
}

/// The tag of what a client knows already.
#[derive(Clone, Debug, Default)]
pub struct Known(Option<Box<str>>);

impl Known {
    /// What `request` says of it.
    pub fn of(request: &Request) -> Known {
        Known(request.field("if-none-match").map(Box::from))
    }

    /// These bytes as JSON, or that the client knows them.
    pub fn answer(&self, bytes: Vec<u8>) -> Response {
        self.answer_of(&Tagged::new(bytes))
    }

    /// The same of bytes that have their tag.
    pub fn answer_of(&self, answer: &Tagged) -> Response {
        let is_known = self.0.as_deref() == Some(&*answer.etag);
        let response = Response::new(if is_known { 304 } else { 200 })
            .with("Content-Type", JSON)
            .with("ETag", answer.etag.to_string());
        match is_known {
            true => response,
            false => response.body(Body::Shared(Arc::clone(&answer.bytes))),
        }
    }
}
