//! Several instances of a service.

use super::{good, parse};
use crate::truth::{Instances, Mode};

#[test]
fn how_instances_share_their_work_is_read_with_its_defaults() {
    let truth = good(
        r#"{"services": {
            "a": {"heartbeat": {}, "instances": {}},
            "b": {"heartbeat": {}, "instances": {"mode": "shared", "parts": 8, "min": 2}},
            "c": {"heartbeat": {}}
        }}"#,
    );
    let of = |svc: &str| truth.service(svc).and_then(|service| service.instances());
    assert_eq!(of("a"), Some(Instances::default()));
    let shared = Instances {
        mode: Mode::Shared,
        parts: 8,
        min: 2,
    };
    assert_eq!((of("b"), of("c")), (Some(shared), None));
    assert!(truth.warnings().is_empty());
}

#[test]
fn what_instances_cannot_be_is_refused_with_its_place() {
    for (instances, said) in [
        (r#"{"mode": "many"}"#, "services.a.instances.mode"),
        (r#"{"parts": 0}"#, "services.a.instances.parts"),
        (r#"{"min": 1.5}"#, "services.a.instances.min"),
        (r#"{"min": "2"}"#, "services.a.instances.min"),
        ("3", "services.a.instances"),
    ] {
        let document = format!(r#"{{"services": {{"a": {{"instances": {instances}}}}}}}"#);
        let refused = parse(&document).expect_err("it is refused").to_string();
        assert!(refused.contains(said), "{refused}");
    }
}
