use super::*;

#[test]
fn a_record_is_one_flat_object_that_ends_with_its_number() {
    let instance = Instance {
        svc: "a".into(),
        inst: "1".into(),
        state: State::Up,
        card: Card {
            host: "h".into(),
            pid: 7,
            ..Card::default()
        },
        since_ts: 1,
        last_beat_ts: 2,
        last_i: Some(3),
        restarts: 0,
        parts: Vec::new(),
        id: "m-4".into(),
        seq: 5,
    };
    let text = instance.to_json();
    assert_eq!(
        text,
        r#"{"svc":"a","inst":"1","state":"up","host":"h","pid":7,"since_ts":1,"last_beat_ts":2,"last_i":3,"parts":[],"id":"m-4","seq":5}"#
    );
    assert_eq!(format!("{}5}}", instance.to_open_json()), text);
    assert_eq!(
        serde_json::from_str::<Instance>(&text).expect("read"),
        instance
    );
    for state in State::ALL {
        let word = serde_json::to_string(&state).expect("json");
        assert_eq!(word, format!("\"{}\"", state.as_str()));
    }
}

#[test]
fn a_head_without_an_epoch_is_none() {
    let fields = |all: &[(&str, &str)]| -> Vec<(String, String)> {
        all.iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect()
    };
    assert_eq!(Head::read(&fields(&[("seq", "1")])), None);
    assert_eq!(
        Head::read(&fields(&[
            ("epoch", "9"),
            ("seq", "1"),
            ("as_of_ts", "5"),
            ("doubting", "1")
        ])),
        Some(Head {
            epoch: 9,
            seq: 1,
            as_of_ts: 5,
            doubting: true
        })
    );
}
