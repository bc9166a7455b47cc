use proptest::prelude::*;
use proptest::test_runner::Config;

use super::*;

fn body_of(dialect: Dialect, extra: Value) -> Value {
    let messages = Messages {
        system: "s".into(),
        user: "u".into(),
    };
    dialect.body(&Request {
        model: "m",
        messages: &messages,
        max_tokens: 700,
        extra: extra.as_object().expect("an object"),
    })
}

fn fault(status: u16, body: &Value) -> Fault {
    read(status, body.to_string().as_bytes())
        .0
        .expect_err("a fault")
}

#[test]
fn a_request_has_what_its_dialect_takes() {
    let body = body_of(Dialect::default(), json!({}));
    assert_eq!(body["response_format"]["type"], "json_schema");
    assert_eq!(
        (&body["max_tokens"], &body["temperature"]),
        (&json!(700), &json!(0))
    );
    assert_eq!(
        (&body["model"], &body["stream"]),
        (&json!("m"), &json!(false))
    );
    assert_eq!(body["messages"][1], json!({"role": "user", "content": "u"}));
    let lowest = Dialect {
        format: Format::Text,
        by_completion: true,
        has_temperature: false,
    };
    let body = body_of(
        lowest,
        json!({"temperature": 1, "response_format": {"type": "json_object"}}),
    );
    assert_eq!(body["max_completion_tokens"], 700);
    for gone in ["max_tokens", "temperature", "response_format"] {
        assert_eq!(body.get(gone), None, "{gone}");
    }
}

#[test]
fn further_fields_are_merged_but_for_ours() {
    let extra = json!({"temperature": 0.3, "seed": 7, "max_tokens": 99_999, "max_completion_tokens": 99_999, "model": "x",
        "messages": [], "stream": true, "tools": [{}]});
    let body = body_of(Dialect::default(), extra);
    assert_eq!(
        (&body["temperature"], &body["seed"]),
        (&json!(0.3), &json!(7))
    );
    assert_eq!(
        (&body["max_tokens"], body.get("max_completion_tokens")),
        (&json!(700), None)
    );
    assert_eq!(
        (&body["model"], &body["stream"], body.get("tools")),
        (&json!("m"), &json!(false), None)
    );
    assert_eq!(body["messages"].as_array().map(Vec::len), Some(2));
}

#[test]
#[allow(clippy::too_many_lines)] // A table of cases.
fn a_dialect_steps_down_when_the_server_names_what_it_does_not_take() {
    let format = |format| Dialect {
        format,
        ..Dialect::default()
    };
    let (schema, object, text) = (
        format(Format::Schema),
        format(Format::Object),
        format(Format::Text),
    );
    let plain = Dialect {
        has_temperature: false,
        ..Dialect::default()
    };
    let completion = Dialect {
        by_completion: true,
        ..Dialect::default()
    };
    for (status, body, from, to) in [
        // OpenAI, o-series and later
        (
            400,
            json!({"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "type": "invalid_request_error", "param": "max_tokens", "code": "unsupported_parameter"}}),
            schema,
            Some(completion),
        ),
        (
            400,
            json!({"error": {"message": "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
            "type": "invalid_request_error", "param": "temperature", "code": "unsupported_value"}}),
            schema,
            Some(plain),
        ),
        (
            400,
            json!({"error": {"message": "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
            "type": "invalid_request_error", "param": "response_format", "code": null}}),
            schema,
            Some(object),
        ),
        (
            400,
            json!({"error": {"message": "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "param": "messages"}}),
            object,
            Some(text),
        ),
        // DeepSeek, now and formerly
        (
            400,
            json!({"error": {"message": "This response_format type is unavailable now", "type": "invalid_request_error", "param": null}}),
            schema,
            Some(object),
        ),
        (
            422,
            json!(
                "Failed to deserialize the JSON body into the target type: response_format: response_format.type `json_schema` is unavailable now at line 1 column 1193"
            ),
            schema,
            Some(object),
        ),
        // LM Studio
        (
            400,
            json!({"error": "'response_format.type' must be 'json_schema' or 'text'"}),
            object,
            Some(text),
        ),
        // FastAPI in front of a model
        (
            422,
            json!({"detail": [{"type": "extra_forbidden", "loc": ["body", "response_format"], "msg": "Extra inputs are not permitted",
            "input": "temperature"}]}),
            schema,
            Some(object),
        ),
        // LiteLLM
        (
            400,
            json!({"error": {"message": "litellm.UnsupportedParamsError: openai does not support parameters: {'response_format': {'type': 'json_object'}}, for model=o1.",
            "type": "None", "param": "None", "code": "400"}}),
            object,
            Some(text),
        ),
        (
            400,
            json!({"error": {"message": "litellm.UnsupportedParamsError: o3 does not support parameters: ['temperature']", "code": "400"}}),
            schema,
            Some(plain),
        ),
        // llama.cpp
        (
            400,
            json!({"error": {"code": 400, "message": "Failed to parse grammar", "type": "invalid_request_error"}}),
            schema,
            Some(object),
        ),
        // OpenRouter hands on what its provider said
        (
            400,
            json!({"error": {"code": 400, "message": "Provider returned error", "metadata": {"raw":
            "{\"error\":{\"message\":\"Structured outputs are not supported\"}}", "provider_name": "x"}}}),
            schema,
            Some(object),
        ),
        // Nothing that could be left out is named, or it is left out already.
        (
            400,
            json!({"error": {"message": "Invalid request"}}),
            schema,
            None,
        ),
        (
            400,
            json!({"error": {"message": "response_format is not supported"}}),
            text,
            None,
        ),
        (
            400,
            json!({"error": {"message": "max_tokens is too large: 700", "param": "max_tokens", "code": "invalid_value"}}),
            schema,
            None,
        ),
    ] {
        let fault = fault(status, &body);
        let complaint = fault
            .complaint()
            .unwrap_or_else(|| panic!("{body}: {fault:?}"));
        assert_eq!(from.after(complaint), to, "{body}");
    }
}

#[test]
#[allow(clippy::too_many_lines)] // A table of cases.
fn each_status_has_its_name_and_what_follows() {
    let error = |code: &str, message: &str| json!({"error": {"message": message, "type": code, "code": code}});
    for (status, body, kind, class) in [
        (
            401,
            error("invalid_api_key", "Incorrect API key provided"),
            Kind::KeyRefused(401),
            Class::Shut,
        ),
        (
            402,
            error("", "Insufficient credits"),
            Kind::KeyRefused(402),
            Class::Shut,
        ),
        (403, error("", "no"), Kind::KeyRefused(403), Class::Shut),
        (
            403,
            json!({"error": {"code": 403, "message": "flagged", "metadata": {"reasons": ["violence"], "flagged_input": "x"}}}),
            Kind::ContentFilter,
            Class::Final,
        ),
        (
            429,
            error("insufficient_quota", "You exceeded your current quota"),
            Kind::QuotaSpent,
            Class::Shut,
        ),
        (
            429,
            error("rate_limit_exceeded", "slow down"),
            Kind::Busy(429),
            Class::Again,
        ),
        (
            404,
            error("model_not_found", "The model `x` does not exist"),
            Kind::UnknownModel,
            Class::Shut,
        ),
        (
            404,
            json!({"error": {"message": "model \"x\" not found, try pulling it first", "type": "api_error", "param": null, "code": null}}),
            Kind::UnknownModel,
            Class::Shut,
        ),
        (
            400,
            json!({"error": {"message": "x is not a valid model ID", "code": 400}}),
            Kind::UnknownModel,
            Class::Shut,
        ),
        (
            400,
            json!({"error": "/chat/completions: Invalid model name passed in model=x"}),
            Kind::UnknownModel,
            Class::Shut,
        ),
        (408, error("", ""), Kind::Busy(408), Class::Again),
        (409, error("", ""), Kind::Busy(409), Class::Again),
        (425, error("", ""), Kind::Busy(425), Class::Again),
        (
            500,
            json!("<html>Internal Server Error</html>"),
            Kind::Busy(500),
            Class::Again,
        ),
        (
            503,
            json!({"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}),
            Kind::Busy(503),
            Class::Again,
        ),
        (
            529,
            error("overloaded_error", ""),
            Kind::Busy(529),
            Class::Again,
        ),
        (
            400,
            error("context_length_exceeded", "too long"),
            Kind::TooLong,
            Class::Final,
        ),
        (
            400,
            json!({"error": {"code": 400, "message": "the request exceeds the available context size", "type": "exceed_context_size_error"}}),
            Kind::TooLong,
            Class::Final,
        ),
        (
            400,
            json!({"object": "error", "message": "This model's maximum context length is 4096 tokens. max_tokens", "code": 400}),
            Kind::TooLong,
            Class::Final,
        ),
        (413, json!(""), Kind::TooLong, Class::Final),
        (
            400,
            error("content_filter", "filtered"),
            Kind::ContentFilter,
            Class::Final,
        ),
        (301, json!(""), Kind::Status(301), Class::Final),
        (418, json!(""), Kind::Status(418), Class::Final),
    ] {
        let fault = fault(status, &body);
        assert_eq!(
            (&fault.kind, fault.class()),
            (&kind, class),
            "{status} {body}"
        );
    }
}

#[test]
#[allow(clippy::too_many_lines)] // A table of cases.
fn a_success_may_carry_anything_but_a_result() {
    let choice = |choice: Value| json!({"choices": [choice]});
    let message =
        |message: Value| json!({"choices": [{"message": message, "finish_reason": "stop"}]});
    for (body, kind, class) in [
        (
            json!({"error": {"message": "provider", "code": 502}}),
            Kind::Busy(502),
            Class::Again,
        ),
        (
            json!({"error": {"message": "no", "code": 401}}),
            Kind::KeyRefused(401),
            Class::Shut,
        ),
        (
            json!({"error": "something"}),
            Kind::ErrorInside,
            Class::Final,
        ),
        (
            json!({"error": {"message": "quota", "code": "insufficient_quota"}}),
            Kind::QuotaSpent,
            Class::Shut,
        ),
        (json!({"choices": []}), Kind::NoChoices, Class::Final),
        (json!({"choices": null}), Kind::NoChoices, Class::Final),
        (json!({}), Kind::NoChoices, Class::Final),
        (json!({"choices": ["x"]}), Kind::NoChoices, Class::Final),
        (
            choice(json!({"error": {"message": "cut", "code": "x"}, "message": {"content": "{}"}})),
            Kind::ChoiceError,
            Class::Final,
        ),
        (
            choice(json!({"finish_reason": "error", "message": {"content": "{}"}})),
            Kind::ChoiceError,
            Class::Final,
        ),
        (
            choice(json!({"finish_reason": "content_filter", "message": {"content": "{}"}})),
            Kind::ContentFilter,
            Class::Final,
        ),
        (
            choice(json!({"finish_reason": "length", "message": {"content": "{\"a\":"}})),
            Kind::Length,
            Class::Length,
        ),
        (
            choice(json!({"finish_reason": "stop"})),
            Kind::Blank,
            Class::Blank,
        ),
        (message(json!({"content": null})), Kind::Blank, Class::Blank),
        (
            message(json!({"content": " \n "})),
            Kind::Blank,
            Class::Blank,
        ),
        (
            message(json!({"content": "<think>hm</think>\n"})),
            Kind::Blank,
            Class::Blank,
        ),
        (
            message(json!({"content": "<think>hm {\"a\": 1}"})),
            Kind::Blank,
            Class::Blank,
        ),
        (
            message(json!({"content": "", "reasoning_content": "I think {\"a\": 1}"})),
            Kind::Blank,
            Class::Blank,
        ),
        (
            message(json!({"content": null, "refusal": "I cannot"})),
            Kind::Refusal,
            Class::Final,
        ),
        (
            message(json!({"content": [{"type": "refusal", "refusal": "I cannot"}]})),
            Kind::Refusal,
            Class::Final,
        ),
    ] {
        let fault = fault(200, &body);
        assert_eq!((&fault.kind, fault.class()), (&kind, class), "{body}");
    }
    for body in [&b"<html>"[..], b"", b"[]", b"null", b"{\"choices\":"] {
        assert_eq!(
            read(200, body).0.expect_err("no answer").kind,
            Kind::NotJson
        );
    }
}

#[test]
fn what_the_model_wrote_is_found_in_each_form() {
    for message in [
        json!({"content": "{\"a\": 1}"}),
        json!({"content": [{"type": "text", "text": "{\"a\": "}, {"type": "text", "text": "1}"}]}),
        json!({"content": ["{\"a\": 1}"]}),
        json!({"content": "<think>{\"b\": 2}</think>\n{\"a\": 1}"}),
        json!({"content": "it begins without a mark</think>{\"a\": 1}"}),
        json!({"content": "", "reasoning_content": " {\"a\": 1}\n"}),
        json!({"content": null, "reasoning": "{\"a\": 1}", "refusal": null}),
        json!({"content": "<think>\n\n</think>\n", "reasoning_content": "x", "reasoning": "{\"a\": 1}"}),
    ] {
        let body = json!({"choices": [{"message": message}], "usage": {"prompt_tokens": 5, "completion_tokens": 2}});
        let (text, usage) = read(200, body.to_string().as_bytes());
        assert_eq!(text.as_deref(), Ok("{\"a\": 1}"), "{body}");
        assert_eq!(
            usage,
            Some(Usage {
                input: 5,
                output: 2
            })
        );
    }
    for usage in [
        json!(null),
        json!({"prompt_tokens": -1, "completion_tokens": 2}),
        json!({"prompt_tokens": 5}),
    ] {
        let body = json!({"choices": [], "usage": usage});
        assert_eq!(read(200, body.to_string().as_bytes()).1, None, "{body}");
    }
}

#[test]
fn attempts_end() {
    let busy = Fault::new(Kind::Busy(503), "");
    let mut attempts = Attempts::new(Dialect::default(), 700);
    let pauses: Vec<bool> = (0..4)
        .map(|_| matches!(attempts.after(&busy, 1), Next::After(_)))
        .collect();
    assert_eq!(pauses, [true, true, true, false]);

    let mut attempts = Attempts::new(Dialect::default(), 700);
    let cut = Fault::new(Kind::Length, "");
    assert_eq!(
        (attempts.after(&cut, 1), attempts.max_tokens),
        (Next::Now, 1_400)
    );
    assert_eq!(
        (attempts.after(&cut, 1), attempts.max_tokens),
        (Next::GiveUp, 1_400)
    );
    let blank = Fault::new(Kind::Blank, "");
    assert_eq!(
        [attempts.after(&blank, 1), attempts.after(&blank, 1)],
        [Next::Now, Next::GiveUp]
    );

    let all = "max_completion_tokens temperature response_format";
    let complaint = fault(400, &json!({"error": {"message": all}}));
    let mut attempts = Attempts::new(Dialect::default(), 700);
    let steps = (0..10)
        .filter(|_| attempts.after(&complaint, 1) == Next::Now)
        .count();
    assert_eq!(steps, STEPS_MAX as usize);
    for last in [
        Kind::QuotaSpent,
        Kind::Refusal,
        Kind::NoChoices,
        Kind::TooLong,
    ] {
        assert_eq!(attempts.after(&Fault::new(last, ""), 1), Next::GiveUp);
    }
}

#[test]
fn a_dialect_is_remembered_for_its_server_and_model() {
    let memory = Memory::default();
    let low = Dialect {
        format: Format::Text,
        ..Dialect::default()
    };
    memory.keep("u", "m", low);
    assert_eq!(memory.recall("u", "m"), low);
    assert_eq!(
        (memory.recall("u", "n"), memory.recall("v", "m")),
        (Dialect::default(), Dialect::default())
    );
    for n in 0..100 {
        memory.keep("u", &n.to_string(), low);
    }
    assert!(memory.0.lock().expect("whole").len() <= REMEMBERED_MAX);
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn no_answer_of_a_server_makes_it_panic(status in 100u16..600, body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(status, &body);
    }

    #[test]
    fn nor_does_any_json(status in 200u16..600, text in ".{0,60}", n in any::<i64>()) {
        for body in [
            json!({"error": {"message": text, "code": n, "param": [text], "metadata": text}}),
            json!({"detail": [[[[[[text]]]]], {"loc": [n, text]}]}),
            json!({"choices": [{"message": {"content": [text, {"text": n}], "reasoning": text}, "finish_reason": text}], "usage": {"prompt_tokens": n}}),
            json!({"choices": {"0": text}}),
        ] {
            let (read, _) = read(status, body.to_string().as_bytes());
            if let Err(fault) = read {
                prop_assert!(fault.to_string().len() < 600);
            }
        }
    }
}
