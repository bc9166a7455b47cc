//! Feeds that change from poll to poll, on the real daemon and a real store.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Tally, data, list, read};
use crate::support::feed_server::{Hit, Reply};
use crate::support::newsroom::Newsroom;
use crate::support::until;

/// A request of a feed, and how many of its items were in the queue when it came.
type Asked = Arc<Mutex<Vec<(Hit, usize)>>>;

#[test]
fn each_poll_adds_what_is_new_and_asks_with_what_the_last_one_said() {
    let Some(folder) = data() else { return };
    let cases = read(&folder, "sequences.json");
    let mut room = Newsroom::open();
    room.section("limits")["first_items"] = json!(1_000);
    let asked: Vec<Asked> = list(&cases, "sequences")
        .iter()
        .map(|case| serve(&mut room, &folder, case))
        .collect();
    let mut daemon = room.start();
    let mut tally = Tally::default();
    for (case, asked) in list(&cases, "sequences").iter().zip(&asked) {
        let name = case["name"].as_str().expect("a name");
        // The request after the last poll tells that this one is in the store.
        let polls = list(case, "polls");
        until(
            &format!("the polls of {name}"),
            Duration::from_secs(90),
            || {
                let there = asked.lock().unwrap().len();
                if there > polls.len() {
                    Ok(())
                } else {
                    Err(format!("{there}"))
                }
            },
        );
        tally.note(case, name, judge(polls, &asked.lock().unwrap()));
    }
    daemon.stop();
    tally.judge();
}

/// Names the feed of a sequence in truth and serves it: at each request the next answer, the last one again at the end.
fn serve(room: &mut Newsroom, folder: &Path, case: &Value) -> Asked {
    let name = case["name"].as_str().expect("a name").to_owned();
    let path = format!("/{name}");
    room.feed(&name, &path);
    let replies: Vec<Reply> = list(case, "polls")
        .iter()
        .map(|poll| reply(folder, poll))
        .collect();
    let asked = Asked::default();
    let noted = asked.clone();
    let redis = Mutex::new(room.redis.connection());
    room.server.at(&path, move |hit| {
        let mut asked = noted.lock().unwrap();
        let at = asked.len().min(replies.len() - 1);
        asked.push((hit.clone(), queued(&mut redis.lock().unwrap(), &name)));
        replies[at].clone()
    });
    asked
}

fn queued(redis: &mut redis::Connection, feed: &str) -> usize {
    let queue: redis::streams::StreamRangeReply = redis::cmd("XRANGE")
        .arg(&["rss:queue", "-", "+"])
        .query(redis)
        .expect("a queue");
    let is_of =
        |entry: &&redis::streams::StreamId| entry.get::<String>("feed").as_deref() == Some(feed);
    queue.ids.iter().filter(is_of).count()
}

fn reply(folder: &Path, poll: &Value) -> Reply {
    let mut reply = match poll["file"].as_str() {
        Some(file) => {
            let body = fs::read(folder.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
            let content_type = if file.ends_with(".json") {
                "application/json"
            } else {
                "application/xml"
            };
            Reply::ok(body).with("Content-Type", content_type)
        }
        None => Reply::status(
            poll["status"]
                .as_u64()
                .and_then(|s| u16::try_from(s).ok())
                .expect("a status"),
        ),
    };
    for (name, value) in poll["headers"].as_object().into_iter().flatten() {
        reply = reply.with(name, value.as_str().expect("text"));
    }
    reply
}

fn judge(polls: &[Value], asked: &[(Hit, usize)]) -> Result<(), String> {
    let mut wrong = Vec::new();
    for (n, poll) in polls.iter().enumerate() {
        let new = asked[n + 1].1 - asked[n].1;
        if Some(new as u64) != poll["new"].as_u64() {
            wrong.push(format!("poll {}: {new} new, not {}", n + 1, poll["new"]));
        }
        for (name, value) in poll["asked"].as_object().into_iter().flatten() {
            let sent = asked[n].0.header(&name.to_ascii_lowercase());
            if sent != value.as_str() {
                wrong.push(format!(
                    "poll {}: asked with {name} {sent:?}, not {value}",
                    n + 1
                ));
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("; "))
    }
}

#[test]
fn a_word_of_the_server_is_for_all_feeds_of_its_host() {
    let Some(folder) = data() else { return };
    let mut tally = Tally::default();
    for case in list(&read(&folder, "sequences.json"), "hosts") {
        let mut room = Newsroom::open();
        // As fast as anybody would be asked by default.
        room.section("limits")
            .as_object_mut()
            .unwrap()
            .retain(|name, _| name == "allow_hosts");
        let replies: Vec<Reply> = list(case, "answers")
            .iter()
            .map(|poll| reply(&folder, poll))
            .collect();
        let replies = Arc::new(Mutex::new((0, replies)));
        for n in 0..case["feeds"].as_u64().expect("a number") {
            let replies = replies.clone();
            room.server.at(&format!("/{n}"), move |_| {
                let (at, replies) = &mut *replies.lock().unwrap();
                *at += 1;
                replies[(*at - 1).min(replies.len() - 1)].clone()
            });
            room.feed(&format!("f{n}"), &format!("/{n}"));
        }
        // Nobody is asked a second time by itself.
        *room.section("schedule") = json!({"interval_sec": 3600});
        let mut daemon = room.start();
        let first = until("the first request", Duration::from_secs(60), || {
            room.server
                .hits()
                .first()
                .map(|hit| hit.at)
                .ok_or_else(String::new)
        });
        let within = Duration::from_secs_f64(case["within_sec"].as_f64().expect("seconds"));
        let wanted = case["requests"].as_u64().expect("a number") as usize;
        let name = case["name"].as_str().expect("a name");
        // That no more come can only be waited for.
        while first.elapsed() < within {
            std::thread::sleep(Duration::from_millis(50));
        }
        daemon.stop();
        let came = room
            .server
            .hits()
            .iter()
            .filter(|hit| hit.at <= first + within)
            .count();
        let outcome = if came == wanted {
            Ok(())
        } else {
            Err(format!("{came} requests, not {wanted}"))
        };
        tally.note(case, name, outcome);
    }
    tally.judge();
}
