//! Every dialect that servers of models speak, and every fault: each has a name, and none is a result.

use marketswarm::vexy_ai::model::ask::Verdict;
use marketswarm::vexy_ai::model::dialect::{Dialect, Format};
use serde_json::{Value, json};

use crate::support::RedisServer;
use crate::support::certificates::Authority;
use crate::support::feed_server::{FeedServer, Reply as TlsReply};
use crate::support::model_server::{
    Desk, KEY, ModelServer, TITLE, answered, error, failed, fields, good, ok, status, with_message,
    wrote,
};
use crate::support::receiver::Reply;

fn choice(choice: &Value) -> Reply {
    ok(&json!({"choices": [choice], "usage": {"prompt_tokens": 400, "completion_tokens": 60}}))
}

#[test]
fn a_good_server_is_asked_once_and_the_second_time_not_at_all() {
    let redis = RedisServer::start();
    let server = ModelServer::good();
    let mut desk = Desk::new(&redis, &server.url());
    assert_eq!(answered(desk.ask()), TITLE);
    let all = server.receiver.all();
    let [taken] = &all[..] else {
        panic!("{} calls", all.len())
    };
    assert_eq!(
        (taken.method.as_str(), taken.path.as_str()),
        ("POST", "/v1/chat/completions")
    );
    assert_eq!(taken.headers["authorization"], format!("Bearer {KEY}"));
    let request = taken.json();
    assert_eq!(request["response_format"]["json_schema"]["strict"], true);
    assert_eq!(
        (&request["stream"], &request["max_tokens"]),
        (&json!(false), &json!(700))
    );
    assert!(matches!(
        desk.ask(),
        Verdict::Answered {
            from_cache: true,
            ..
        }
    ));
    assert_eq!(server.calls(), 1);
    let spent = desk.ledger.spent().unwrap();
    assert_eq!(
        (spent.calls, spent.tokens, spent.settled, spent.cached),
        (1, 460, 1, 1)
    );
    // Another text, and another model, are other questions.
    answered(desk.ask_about("Acme climbs", "Acme climbs."));
    desk.endpoint.model = "n".into();
    answered(desk.ask());
    assert_eq!(server.calls(), 3);
}

#[test]
fn each_form_of_an_answer_is_read() {
    let redis = RedisServer::start();
    let object = fields(TITLE).to_string();
    let (front, back) = object.split_at(20);
    for (nth, reply) in [
        wrote(&format!("Certainly! Here it is:\n```json\n{object}\n```")),
        wrote(&format!(
            "<think>\nA dividend {{is}} good.\n</think>\n{object}"
        )),
        with_message(
            &json!({"content": [{"type": "text", "text": front}, {"type": "text", "text": back}]}),
        ),
        with_message(&json!({"content": "", "reasoning_content": object})),
        with_message(&json!({"content": null, "reasoning": format!(" {object}\n")})),
        choice(&json!({"message": {"content": object}, "finish_reason": null})),
    ]
    .into_iter()
    .enumerate()
    {
        let server = ModelServer::first(vec![reply]);
        let mut desk = Desk::new(&redis, &server.url());
        assert_eq!(answered(desk.ask()), TITLE, "{nth}");
        assert_eq!(server.calls(), 1, "{nth}");
    }
}

#[test]
fn each_fault_has_a_name_and_is_no_result() {
    let good_fields = fields(TITLE).to_string();
    let big = vec![b' '; 300 * 1024];
    let same = |reply: &Reply, times: usize| vec![reply.clone(); times];
    for (replies, calls, words) in [
        (
            vec![ok(&json!({"error": "out of order"}))],
            1,
            "200 with an error (out of order)",
        ),
        (vec![ok(&json!({"choices": []}))], 1, "200 without a choice"),
        (
            vec![choice(
                &json!({"error": {"message": "upstream"}, "message": {"content": good_fields}}),
            )],
            1,
            "the choice is an error (upstream)",
        ),
        (same(&wrote(" \n"), 2), 2, "the answer is blank"),
        (
            same(
                &with_message(&json!({"content": null, "reasoning_content": "So, {\"a\": 1}"})),
                2,
            ),
            2,
            "the answer is blank",
        ),
        (
            vec![with_message(
                &json!({"content": null, "refusal": "I cannot do that"}),
            )],
            1,
            "refused (I cannot do that)",
        ),
        (
            vec![choice(
                &json!({"finish_reason": "content_filter", "message": {"content": good_fields}}),
            )],
            1,
            "a content filter took it away",
        ),
        (
            same(
                &choice(&json!({"finish_reason": "length", "message": {"content": good_fields}})),
                2,
            ),
            2,
            "the answer was cut at its limit",
        ),
        (
            vec![Reply::Full(200, String::new(), b"<html>".to_vec())],
            1,
            "not the JSON of one (<html>)",
        ),
        (
            vec![Reply::Full(200, String::new(), big)],
            1,
            "longer than is read",
        ),
        (
            vec![wrote("I would rather talk about the weather.")],
            1,
            "no JSON object",
        ),
        (
            vec![wrote("{\"summary\": \"Acme\"}")],
            1,
            "its fields are not those asked for",
        ),
        (
            vec![Reply::Full(
                307,
                "Location: /v2/chat/completions\r\n".into(),
                Vec::new(),
            )],
            1,
            "307: a redirect, which is not followed",
        ),
        (
            vec![error(400, "something else", None, "odd")],
            1,
            "400: the request is refused (something else)",
        ),
        (
            vec![error(
                400,
                "This model's maximum context length is 512 tokens",
                None,
                "context_length_exceeded",
            )],
            1,
            "too long for the model",
        ),
        (
            same(
                &status(503, &json!({"error": {"message": "Loading model"}})),
                4,
            ),
            4,
            "503: the server has trouble (Loading model)",
        ),
        (same(&Reply::Cut, 4), 4, "broke"),
        (same(&Reply::Rubbish, 4), 4, "broke"),
        (
            same(
                &ok(&json!({"error": {"code": 502, "message": "Provider returned error"}})),
                4,
            ),
            4,
            "502: the server has trouble",
        ),
        (same(&error(408, "", None, ""), 4), 4, "408"),
        (same(&error(409, "", None, ""), 4), 4, "409"),
        (same(&error(425, "", None, ""), 4), 4, "425"),
    ] {
        let redis = RedisServer::start();
        let server = ModelServer::first(replies);
        let mut desk = Desk::new(&redis, &server.url());
        let because = failed(desk.ask());
        assert!(because.contains(words), "{because:?} has no {words:?}");
        assert_eq!(server.calls(), calls, "{words}");
        assert_eq!(
            redis.query::<Vec<String>>(&["KEYS", "vexy:model:cache:*"]),
            Vec::<String>::new(),
            "{words}"
        );
    }
}

#[test]
fn blanks_and_cut_answers_are_asked_for_once_more() {
    let redis = RedisServer::start();
    let server = ModelServer::first(vec![
        wrote(""),
        choice(&json!({"finish_reason": "length", "message": {"content": "{\"summary\": \"Ac"}})),
    ]);
    let mut desk = Desk::new(&redis, &server.url());
    assert_eq!(answered(desk.ask()), TITLE);
    let limits: Vec<Value> = server
        .requests()
        .iter()
        .map(|r| r["max_tokens"].clone())
        .collect();
    assert_eq!(limits, [700, 700, 1_400]);
}

#[test]
fn a_late_answer_is_named_and_tried_four_times() {
    let redis = RedisServer::start();
    for (reply, words) in [
        (Reply::Hang, "no answer in time"),
        (Reply::Drip, "broke off"),
    ] {
        let server = ModelServer::that(move |_, _| reply.clone());
        let mut desk = Desk::new(&redis, &server.url());
        // Shorter than truth allows, which is five seconds at least.
        desk.settings.timeout_sec = 1;
        let because = failed(desk.ask());
        assert!(because.contains(words), "{because}");
        assert_eq!(server.calls(), 4);
    }
}

#[test]
fn a_server_that_was_busy_for_a_while_answers_in_the_end() {
    let redis = RedisServer::start();
    let busy = error(429, "Rate limit reached", None, "rate_limit_exceeded");
    let server = ModelServer::first(vec![busy, Reply::Cut, error(500, "", None, "")]);
    let mut desk = Desk::new(&redis, &server.url());
    assert_eq!(answered(desk.ask()), TITLE);
    assert_eq!(server.calls(), 4);
}

/// Takes only the lowest dialect, and says of one thing at a time what it does not take.
fn picky(request: &Value) -> Option<Reply> {
    if request.get("max_tokens").is_some() {
        let words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        return Some(error(
            400,
            words,
            Some("max_tokens"),
            "unsupported_parameter",
        ));
    }
    if request.get("temperature").is_some() {
        let words = "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.";
        return Some(error(400, words, Some("temperature"), "unsupported_value"));
    }
    match request["response_format"]["type"].as_str() {
        Some("json_schema") => {
            let words = "Failed to deserialize the JSON body into the target type: response_format: \
                response_format.type `json_schema` is unavailable now at line 1 column 1193";
            Some(Reply::Full(422, String::new(), words.into()))
        }
        Some(_) => Some(status(
            400,
            &json!({"error": "'response_format.type' must be 'json_schema' or 'text'"}),
        )),
        None => None,
    }
}

#[test]
fn a_dialect_is_found_step_by_step_and_remembered() {
    let redis = RedisServer::start();
    let server = ModelServer::that(|_, taken| picky(&taken.json()).unwrap_or_else(|| good(taken)));
    let mut desk = Desk::new(&redis, &server.url());
    assert_eq!(answered(desk.ask()), TITLE);
    assert_eq!(server.calls(), 5, "four steps and the answer");
    let lowest = Dialect {
        format: Format::Text,
        by_completion: true,
        has_temperature: false,
    };
    assert_eq!(desk.memory.recall(&desk.endpoint.base, "m"), lowest);
    answered(desk.ask_about("Acme climbs", "Acme climbs."));
    assert_eq!(server.calls(), 6);
    // The breaker has nothing against a server that only wants to be asked otherwise.
    let (breaker, _) = desk.ledger.breaker(&desk.endpoint.fingerprint).unwrap();
    assert_eq!((breaker.failures, breaker.openings), (0, 0));
}

#[test]
fn no_key_is_in_anything_that_is_kept_or_said() {
    let redis = RedisServer::start();
    // A dump is to show what is in it.
    redis.config_set("rdbcompression", "no");
    let echo = format!("the key {KEY} is of no use");
    let mut summary = fields(TITLE);
    summary["summary"] = json!(format!("Acme raises dividend {KEY}"));
    let server = ModelServer::first(vec![
        status(500, &json!({"error": {"message": echo}})),
        Reply::Full(
            429,
            format!("Retry-After-Ms: 1\r\nX-Echo: {KEY}\r\n"),
            echo.clone().into_bytes(),
        ),
        wrote(&summary.to_string()),
        Reply::Full(
            401,
            String::new(),
            format!("{{\"error\": {{\"message\": \"{echo}\"}}}}").into_bytes(),
        ),
    ]);
    let mut desk = Desk::new(&redis, &server.url());
    let mut said = format!("{:?}", desk.ask());
    desk.patience = desk.waits.len() + 2;
    said += &format!(
        "{:?} {:?} {:?}",
        desk.ask_about("Acme", "Acme climbs"),
        desk.waits,
        desk.endpoint
    );
    assert!(said.contains("***"), "the server's words are kept: {said}");
    assert!(!said.contains("hunter2"), "{said}");
    let keys: Vec<String> = redis.query(&["KEYS", "*"]);
    assert!(
        keys.iter().any(|key| key == "vexy:model:breaker"),
        "{keys:?}"
    );
    let mut connection = redis.connection();
    for key in keys {
        let dump: Vec<u8> = redis::cmd("DUMP").arg(&key).query(&mut connection).unwrap();
        assert!(!dump.windows(7).any(|part| part == b"hunter2"), "{key}");
    }
    for taken in server.receiver.all() {
        assert_eq!(taken.headers["authorization"], format!("Bearer {KEY}"));
        assert!(!taken.body.contains("hunter2") && !taken.path.contains("hunter2"));
    }
}

#[test]
fn a_url_of_truth_alone_draws_no_key() {
    let redis = RedisServer::start();
    let server = ModelServer::good();
    let truth = json!({"url": server.url().replace("127.0.0.1", "localhost")});
    let mut desk = Desk::with(
        &redis,
        "https://api.openai.com/v1",
        &[("VEXY_LLM_KEY", KEY)],
        truth,
    );
    assert!(desk.endpoint.withheld.is_some());
    assert_eq!(answered(desk.ask()), TITLE);
    assert_eq!(server.receiver.all()[0].headers.get("authorization"), None);
}

#[test]
fn a_private_ca_is_believed_where_the_environment_names_it() {
    let redis = RedisServer::start();
    let ca = Authority::new();
    let server = FeedServer::start_tls(&ca.issue("server", &["localhost"]));
    let body = json!({"choices": [{"message": {"content": fields(TITLE).to_string()}, "finish_reason": "stop"}]});
    let reply = body.to_string();
    server.at("/v1/chat/completions", move |_| {
        TlsReply::ok(reply.clone()).with("Connection", "close")
    });
    let url = format!("https://localhost:{}/v1", server.port);
    let mut stranger = Desk::new(&redis, &url);
    let because = failed(stranger.ask());
    assert!(
        because.contains("VEXY_LLM_CA") || because.contains("certificate"),
        "{because}"
    );
    let ca_file = ca.file();
    let mut desk = Desk::with(
        &redis,
        &url,
        &[("VEXY_LLM_KEY", KEY), ("VEXY_LLM_CA_FILE", &ca_file)],
        json!({}),
    );
    assert_eq!(answered(desk.ask()), TITLE);
}

#[test]
fn a_metadata_service_is_never_asked() {
    let redis = RedisServer::start();
    for host in ["169.254.169.254", "[fd00:ec2::254]", "0.0.0.0"] {
        let mut desk = Desk::with(&redis, &format!("http://{host}/v1"), &[], json!({}));
        let because = failed(desk.ask());
        assert!(because.contains("not connected to"), "{because}");
    }
}
