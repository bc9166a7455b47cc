//! The sentences that say most of an article, as they are written.
//!
//! A sentence counts for what the later ones take up from it: centrality by tf-idf, of edges that lead forwards only
//! (Zheng & Lapata 2019, "Sentence Centrality Revisited for Unsupervised Summarization",
//! <https://aclanthology.org/P19-1628/>). What stands early and shares words with the title counts more. Since the
//! likeness of two sentences is a product of vectors, the sum over all later ones is one product with their sum, and
//! the whole is linear.

use std::ops::Range;

use hashbrown::HashMap;

use super::lookup::Lookup;
use super::text::{Kind, Sentence, Text};

const TITLE_WEIGHT: f64 = 0.5;
const LEAD_WEIGHT: f64 = 0.6;
const LEAD_SENTENCES: f64 = 5.0;
/// Sentences with fewer words are of no use: "Read more."
const WORDS_MIN: usize = 4;

/// Words that say nothing of what a sentence is about.
const EMPTY_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been",
    "but", "by", "can", "could", "did", "do", "for", "from", "had", "has", "have", "he", "her",
    "his", "how", "if", "in", "into", "is", "it", "its", "may", "more", "most", "new", "no", "not",
    "of", "on", "one", "or", "our", "out", "over", "said", "say", "says", "she", "so", "some",
    "than", "that", "the", "their", "there", "these", "they", "this", "to", "up", "was", "we",
    "were", "what", "when", "which", "while", "who", "will", "with", "would", "you", "your",
];

/// What chooses the sentences.
#[derive(Debug)]
pub struct Summaries {
    empty_words: Lookup<bool>,
}

/// One sentence that may be chosen.
struct Candidate<'t> {
    sentence: &'t Sentence,
    /// Where its terms are among those of all.
    terms: Range<usize>,
    chars: usize,
}

/// The sentences that may be chosen, each with a vector of its terms, of length 1.
struct Candidates<'t> {
    each: Vec<Candidate<'t>>,
    terms: Vec<(u32, f32)>,
}

impl Candidates<'_> {
    fn terms_of(&self, candidate: &Candidate) -> &[(u32, f32)] {
        &self.terms[candidate.terms.clone()]
    }
}

impl Summaries {
    /// Made once.
    pub fn new() -> Summaries {
        Summaries {
            empty_words: Lookup::new(EMPTY_WORDS.iter().map(|&w| (w, true)), |a, _| a),
        }
    }

    /// Sentences of `text` of at most `chars_max` characters together, in their order, a blank between two. Where none
    /// is so short, the title; where that is too long as well, nothing.
    pub fn of(&self, text: &Text, chars_max: usize) -> String {
        let mut terms = HashMap::with_capacity(text.tokens().len() / 2);
        let mut found = self.candidates(text, &mut terms);
        let mut chosen: Vec<&Candidate> = Vec::new();
        let scores = self.scores(text, &mut found, &terms);
        let found = found.each;
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
        let mut left = chars_max;
        for candidate in order.into_iter().map(|n| &found[n]) {
            let takes = candidate.chars + usize::from(!chosen.is_empty());
            if takes <= left {
                left -= takes;
                chosen.push(candidate);
            }
        }
        chosen.sort_by_key(|c| c.sentence.start);
        let mut summary = String::with_capacity(chars_max);
        for candidate in chosen {
            if !summary.is_empty() {
                summary.push(' ');
            }
            summary.push_str(text.written(candidate.sentence));
        }
        if summary.is_empty()
            && let Some(title) = text.sentences().first().filter(|s| s.in_title)
            && text.written(title).chars().count() <= chars_max
        {
            summary.push_str(text.written(title));
        }
        summary
    }

    /// The sentences that may be chosen, with the number of times that each has each term; `terms` gets the number of
    /// each term.
    fn candidates<'t>(&self, text: &'t Text, terms: &mut HashMap<u64, u32>) -> Candidates<'t> {
        let mut found = Candidates {
            each: Vec::with_capacity(text.sentences().len()),
            terms: Vec::with_capacity(text.tokens().len()),
        };
        let mut own: Vec<(u32, f32)> = Vec::new();
        for sentence in text.sentences() {
            if sentence.in_title || sentence.repeated {
                continue;
            }
            let tokens = text.tokens_of(sentence);
            if tokens.iter().filter(|t| t.kind == Kind::Word).count() < WORDS_MIN {
                continue;
            }
            own.clear();
            for token in tokens {
                if !self.says_something(token.kind, token.hash) {
                    continue;
                }
                let next = terms.len() as u32;
                let number = terms.entry(token.hash).or_insert(next);
                own.push((*number, 1.0));
            }
            own.sort_unstable_by_key(|&(number, _)| number);
            own.dedup_by(|again, first| {
                let same = again.0 == first.0;
                first.1 += if same { again.1 } else { 0.0 };
                same
            });
            let from = found.terms.len();
            found.terms.extend_from_slice(&own);
            found.each.push(Candidate {
                sentence,
                terms: from..found.terms.len(),
                chars: text.written(sentence).chars().count(),
            });
        }
        found
    }

    fn says_something(&self, kind: Kind, hash: u64) -> bool {
        match kind {
            Kind::Word => self.empty_words.get(hash).is_none(),
            Kind::Number | Kind::Cashtag | Kind::Dotted => true,
            Kind::Sign | Kind::Stop | Kind::Mark | Kind::Link => false,
        }
    }

    /// What each candidate is worth: 1 for the most central, and what its place and the title add.
    fn scores(&self, text: &Text, found: &mut Candidates, terms: &HashMap<u64, u32>) -> Vec<f64> {
        weigh(found, terms.len());
        let in_title = title_terms(text, terms);
        let title_size = in_title.iter().filter(|&&t| t).count().max(1) as f64;
        // From the end: what all later sentences say together.
        let mut later = vec![0.0_f32; terms.len()];
        let mut taken_up = vec![0.0_f64; found.each.len()];
        for (candidate, taken_up) in found.each.iter().zip(&mut taken_up).rev() {
            for &(term, value) in found.terms_of(candidate) {
                let sum = &mut later[term as usize];
                *taken_up += f64::from(*sum * value);
                *sum += value;
            }
        }
        let most = taken_up.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let scores = found.each.iter().zip(taken_up).enumerate();
        scores
            .map(|(n, (candidate, taken_up))| {
                let terms = found.terms_of(candidate);
                let shared = terms.iter().filter(|t| in_title[t.0 as usize]);
                let lead = (1.0 - n as f64 / LEAD_SENTENCES).max(0.0);
                taken_up / most
                    + TITLE_WEIGHT * shared.count() as f64 / title_size
                    + LEAD_WEIGHT * lead
            })
            .collect()
    }
}

impl Default for Summaries {
    fn default() -> Summaries {
        Summaries::new()
    }
}

/// Makes the counts of terms a vector of length 1 by tf-idf, where each sentence is a document.
fn weigh(found: &mut Candidates, terms: usize) {
    let mut within = vec![0.0_f32; terms];
    for &(term, _) in &found.terms {
        within[term as usize] += 1.0;
    }
    let all = found.each.len() as f32;
    let rare: Vec<f32> = within
        .iter()
        .map(|n| (1.0 + all / (n + 0.5)).ln())
        .collect();
    for candidate in &found.each {
        let own = &mut found.terms[candidate.terms.clone()];
        let mut square = 0.0;
        for (term, value) in own.iter_mut() {
            *value *= rare[*term as usize];
            square += *value * *value;
        }
        let length = square.sqrt().max(f32::MIN_POSITIVE);
        for (_, value) in own {
            *value /= length;
        }
    }
}

/// Which terms the title has.
fn title_terms(text: &Text, terms: &HashMap<u64, u32>) -> Vec<bool> {
    let mut in_title = vec![false; terms.len()];
    if let Some(title) = text.sentences().first().filter(|s| s.in_title) {
        for token in text.tokens_of(title) {
            if let Some(&number) = terms.get(&token.hash) {
                in_title[number as usize] = true;
            }
        }
    }
    in_title
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vexy_ai::local::Article;

    fn of(title: &str, text: &str, chars_max: usize) -> String {
        let text = Text::new(&Article {
            title,
            text,
            ..Article::default()
        });
        Summaries::new().of(&text, chars_max)
    }

    const STORY: &str = "Nokia raised its outlook for the year on Thursday. Demand for network gear in \
        India was strong. The weather in Helsinki was fine and people swam in the sea. Nokia's network gear sells well \
        in India because operators build networks. Read more.";

    #[test]
    fn the_sentences_that_others_take_up_are_chosen_in_their_order() {
        let summary = of("Nokia raises outlook on network gear", STORY, 110);
        assert_eq!(
            summary,
            "Nokia raised its outlook for the year on Thursday. Demand for network gear in India was strong."
        );
    }

    #[test]
    fn no_sentence_is_cut_and_the_title_stands_in_where_none_fits() {
        assert_eq!(
            of("Nokia raises outlook", STORY, 30),
            "Nokia raises outlook"
        );
        assert_eq!(of("Nokia raises outlook", STORY, 10), "");
        assert_eq!(of("", "", 300), "");
        assert_eq!(of("A title alone", "", 300), "A title alone");
        assert_eq!(of("", STORY, 10_000), STORY.trim_end_matches(" Read more."));
    }

    /// Whether `summary` is some of `sentences` in their order.
    fn made_of(summary: &str, sentences: &[&str]) -> bool {
        summary.is_empty()
            || sentences.iter().enumerate().any(|(n, sentence)| {
                let rest = summary.strip_prefix(sentence);
                rest.is_some_and(|rest| {
                    rest.is_empty()
                        || rest
                            .strip_prefix(' ')
                            .is_some_and(|rest| made_of(rest, &sentences[n + 1..]))
                })
            })
    }

    proptest! {
        #[test]
        fn a_summary_is_sentences_of_the_text_in_their_order(
            title in "\\PC{0,60}",
            parts in proptest::collection::vec("[A-Za-z0-9é ,.!?’$%-]{0,60}[.!?\n]?", 0..20),
            chars_max in 10_usize..400,
        ) {
            let body = parts.join(" ");
            let text = Text::new(&Article {
                title: &title,
                text: &body,
                ..Article::default()
            });
            let summary = Summaries::new().of(&text, chars_max);
            prop_assert!(summary.chars().count() <= chars_max);
            let written: Vec<&str> = text.sentences().iter().map(|s| text.written(s)).collect();
            prop_assert!(made_of(&summary, &written), "{summary:?} is of other words than {body:?}");
        }
    }
}
