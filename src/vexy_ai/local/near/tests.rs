use proptest::prelude::*;

use super::*;

fn word_hash(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

fn sketched(words: &str) -> Option<Signature> {
    let mut sketch = Sketch::default();
    for word in words.split_whitespace() {
        sketch.word(word_hash(word));
    }
    sketch.finish()
}

/// How much of all their pairs of words two texts share.
fn resemblance(a: &str, b: &str) -> f64 {
    let pairs = |text: &str| -> std::collections::BTreeSet<(String, String)> {
        let words: Vec<&str> = text.split_whitespace().collect();
        words
            .windows(2)
            .map(|two| (two[0].to_owned(), two[1].to_owned()))
            .collect()
    };
    let (a, b) = (pairs(a), pairs(b));
    a.intersection(&b).count() as f64 / a.union(&b).count() as f64
}

#[test]
fn too_few_words_have_no_signature() {
    assert_eq!(sketched("one two three four"), None);
    assert!(sketched("one two three four five").is_some());
}

#[test]
fn a_signature_stays_the_same_from_build_to_build() {
    // Workers of different builds compare them, over the log.
    let signature =
        sketched("shares of the company rose after it raised its forecast").expect("one");
    assert_eq!(signature[..3], [740_101_953, 39_432_019, 409_035_288]);
}

#[test]
fn a_signature_comes_back_from_the_wire_and_nothing_else_does() {
    let signature = sketched("shares of the company rose after it raised its forecast");
    let text = written(&signature.expect("a signature"));
    assert_eq!(text.len(), 171);
    assert_eq!(read(&text), signature);
    for wrong in [
        "",
        "AAAA",
        &text[1..],
        &format!("{text}="),
        &text.replace('A', "!"),
    ] {
        assert!(read(wrong).is_none() || read(wrong) == signature, "{wrong}");
    }
    assert_eq!(read(&"!".repeat(171)), None);
}

#[test]
fn the_estimate_is_near_the_resemblance() {
    // Texts of 60 words of which the last ones differ: the errors of many estimates cancel out.
    let mut error = 0.0;
    let mut worst: f64 = 0.0;
    let mut tried = 0.0;
    for seed in 0..40 {
        for common in (0..=60).step_by(10) {
            let text = |of: &str| {
                let word = |at| match at < common {
                    true => format!("both{seed}x{at}"),
                    false => format!("{of}{seed}x{at}"),
                };
                (0..60).map(word).collect::<Vec<_>>().join(" ")
            };
            let (a, b) = (text("left"), text("right"));
            let estimate = agreement(&sketched(&a).expect("a"), &sketched(&b).expect("b"));
            let off = f64::from(estimate) / 32.0 - resemblance(&a, &b);
            error += off;
            worst = worst.max(off.abs());
            tried += 1.0;
        }
    }
    assert!((error / tried).abs() < 0.02, "biased by {}", error / tried);
    assert!(worst < 0.4, "off by {worst}");
}

#[test]
fn the_same_news_in_other_hands_is_one_cluster() {
    let mut index = Index::default();
    let first = "acme corp said on monday it would buy widget inc for 2.1 billion dollars in cash to expand its business in europe the companies said the deal is to close in june";
    let second = "acme corp said on monday it would buy widget inc for 2.1 billion dollars in cash to expand its business in europe the companies said the deal is to close in june reporting by a b";
    let other = "acme corp reported a loss for the third quarter on monday as sales of its widgets in europe fell by a tenth and costs rose the company said";
    let mut place = |uid: &str, text: &str| index.place(uid, sketched(text).as_ref(), None, 100);
    assert_eq!(place("a", first).by, Joined::Own);
    let joined = place("b", second);
    assert_eq!((joined.uid.as_str(), joined.by), ("a", Joined::Text));
    assert_eq!(place("c", other).by, Joined::Own);
}

#[test]
fn a_link_joins_whatever_the_words_say() {
    let mut index = Index::default();
    let signature = sketched("one two three four five six");
    index.place("a", signature.as_ref(), None, 0);
    index.place("b", signature.as_ref(), None, 1);
    for other in ["b", "a"] {
        let joined = index.place("c", None, Some(other), 2);
        assert_eq!((joined.uid.as_str(), joined.by), ("a", Joined::Link));
    }
    // One that is not in the index any more still names its cluster.
    let joined = index.place("d", None, Some("gone"), 2);
    assert_eq!((joined.uid.as_str(), joined.by), ("gone", Joined::Link));
}

#[test]
fn who_comes_again_stays_in_its_cluster() {
    let mut index = Index::default();
    let signature = sketched("one two three four five six");
    let other = sketched("seven eight nine ten eleven twelve");
    index.place("a", signature.as_ref(), None, 0);
    assert_eq!(index.place("b", signature.as_ref(), None, 1).uid, "a");
    assert_eq!(
        index.place("a", signature.as_ref(), None, 2).by,
        Joined::Own
    );
    assert_eq!(index.place("a", other.as_ref(), None, 3).by, Joined::Own);
    assert_eq!(
        index.place("b", signature.as_ref(), None, LIFE_SEC).uid,
        "a"
    );
    // Its words are others now, and no longer those of the cluster.
    let third = sketched("thirteen fourteen fifteen sixteen seventeen eighteen");
    let alone = index.place("b", third.as_ref(), None, LIFE_SEC + 4);
    assert_eq!((alone.uid.as_str(), alone.by), ("b", Joined::Own));
    assert_eq!(index.len(), 1);
}

#[test]
fn a_flood_of_one_text_is_one_cluster_within_the_limit() {
    let mut index = Index::with_limit(100);
    let signature = sketched("one two three four five six");
    for number in 0..1000 {
        let placed = index.place(&format!("u{number}"), signature.as_ref(), None, number);
        assert_eq!(placed.uid, "u0");
        assert!(index.len() <= 100);
    }
}

/// What came, as a list without any index.
#[derive(Default)]
struct Plain {
    came: Vec<(String, Option<Signature>, String, i64)>,
}

impl Plain {
    fn place(
        &mut self,
        uid: &str,
        signature: Option<Signature>,
        dup_of: Option<&str>,
        now: i64,
    ) -> Cluster {
        self.came.retain(|(_, _, _, ts)| *ts > now - LIFE_SEC);
        let known = |of: &str| self.came.iter().find(|(uid, ..)| uid == of);
        let share_a_band =
            |a: &Signature, b: &Signature| a.chunks(BAND).zip(b.chunks(BAND)).any(|(a, b)| a == b);
        let (cluster, link) =
            if let Some(other) = dup_of.filter(|o| *o != uid) {
                (
                    known(other).map_or(other.to_owned(), |(.., c, _)| c.clone()),
                    true,
                )
            } else if let Some((.., cluster, _)) =
                known(uid).filter(|(_, s, cluster, _)| cluster == uid || *s == signature)
            {
                (cluster.clone(), false)
            } else {
                let alike =
                    self.came
                        .iter()
                        .enumerate()
                        .filter_map(|(at, (other, s, cluster, _))| {
                            let (ours, theirs) = (signature.as_ref()?, s.as_ref()?);
                            let score = agreement(ours, theirs);
                            (other != uid && score >= ALIKE && share_a_band(ours, theirs))
                                .then_some((score, at, cluster.clone()))
                        });
                let best = alike.max_by_key(|(score, at, _)| (*score, *at));
                (best.map_or(uid.to_owned(), |(.., cluster)| cluster), false)
            };
        self.came.retain(|(other, ..)| other != uid);
        self.came
            .push((uid.to_owned(), signature, cluster.clone(), now));
        let by = match (link, cluster == uid) {
            (true, _) => Joined::Link,
            (false, true) => Joined::Own,
            (false, false) => Joined::Text,
        };
        Cluster { uid: cluster, by }
    }
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    // Few beginnings, and ends that differ: many are alike to all degrees.
    (0..3_u8, proptest::collection::vec(0..4_u8, 0..6)).prop_map(|(begin, end)| {
        (0..14)
            .map(|at| 10 * (begin + 1) + at % 10)
            .chain(end)
            .collect()
    })
}

proptest! {
    #[test]
    fn the_index_finds_what_a_look_at_all_articles_finds(
        steps in proptest::collection::vec(
            (0..12_u8, text(), proptest::option::weighted(0.1, 0..12_u8), 0..20_000_i64), 1..40)
    ) {
        let (mut index, mut plain, mut now) = (Index::default(), Plain::default(), 0);
        for (uid, words, dup_of, later) in steps {
            now += later;
            let mut sketch = Sketch::default();
            words.iter().for_each(|word| sketch.word(u64::from(*word).wrapping_mul(0x1234_5678_9abc_def1)));
            let (uid, signature) = (format!("u{uid}"), sketch.finish());
            let dup_of = dup_of.map(|of| format!("u{of}"));
            let placed = index.place(&uid, signature.as_ref(), dup_of.as_deref(), now);
            prop_assert_eq!(placed, plain.place(&uid, signature, dup_of.as_deref(), now));
            prop_assert_eq!(index.len(), plain.came.len());
        }
    }

    #[test]
    fn any_text_from_the_wire_is_read_or_refused(text in ".{0,200}") {
        if let Some(signature) = read(&text) {
            prop_assert_eq!(read(&written(&signature)), Some(signature));
        }
    }
}
