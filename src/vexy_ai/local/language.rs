//! Which language an article is in: what a classifier of three letters says (whichlang), believed when something else
//! agrees with it. Nothing but English is understood here, so what is wrongly taken for English does harm, and what is
//! wrongly left out is silent.

use whichlang::Lang;

use super::lookup::Lookup;
use super::text::{Kind, Text};

/// Bytes that the classifier reads: it is sure after a line or two, and takes ten times what the rest of the analysis takes.
const READ_MAX: usize = 200;
/// Stop words of English from which on nobody else need be asked.
const SURE: usize = 6;
/// Tokens that are looked at for stop words.
const TOKENS_MAX: usize = 120;

/// Words that are in nearly every sentence of a language, by its ISO 639-1 code.
const STOP_WORDS: &[(&str, &[&str])] = &[
    (
        "en",
        &[
            "the", "of", "to", "and", "in", "for", "on", "with", "at", "by", "from", "is", "are",
            "was", "were", "be", "has", "have", "had", "its", "it", "that", "this", "after", "as",
            "will", "said", "but", "not", "an", "or", "their", "which", "who", "than", "up",
            "over", "may", "would", "could", "should", "how", "what", "why", "your", "you",
        ],
    ),
    (
        "de",
        &[
            "der", "die", "das", "und", "den", "von", "zu", "mit", "sich", "des", "auf", "für",
            "ist", "im", "dem", "nicht", "ein", "eine", "als", "auch", "es", "an", "werden", "aus",
            "er", "hat", "dass", "sie", "nach", "wird", "bei", "einer", "um", "am", "sind", "noch",
            "wie", "einem", "über", "einen", "so", "zum", "war", "haben", "nur", "oder", "aber",
            "vor", "zur", "bis", "mehr", "durch",
        ],
    ),
    (
        "fr",
        &[
            "le", "la", "les", "de", "des", "du", "et", "un", "une", "est", "pour", "dans", "que",
            "qui", "sur", "par", "au", "aux", "plus", "pas", "avec", "son", "sa", "ses", "ce",
            "cette", "ont", "été", "sont", "mais", "à", "en",
        ],
    ),
    (
        "es",
        &[
            "el", "la", "los", "las", "de", "del", "y", "que", "en", "un", "una", "por", "con",
            "para", "se", "su", "al", "es", "lo", "como", "más", "pero", "sus", "este", "entre",
            "ha", "sobre",
        ],
    ),
    (
        "it",
        &[
            "il", "la", "lo", "gli", "le", "di", "del", "della", "dei", "e", "che", "in", "un",
            "una", "per", "con", "da", "si", "non", "al", "alla", "nel", "nella", "sono", "più",
            "come", "anche", "ha", "dalla",
        ],
    ),
    (
        "nl",
        &[
            "de", "het", "een", "van", "en", "in", "is", "dat", "op", "te", "zijn", "voor", "met",
            "niet", "aan", "er", "ook", "als", "bij", "door", "om", "naar", "uit", "wordt", "nog",
            "maar", "over", "heeft", "werd",
        ],
    ),
    (
        "pt",
        &[
            "o", "a", "os", "as", "de", "do", "da", "dos", "das", "e", "que", "em", "no", "na",
            "um", "uma", "para", "com", "não", "por", "mais", "se", "ao", "foi", "como", "são",
            "pela", "pelo",
        ],
    ),
    (
        "sv",
        &[
            "och", "att", "det", "som", "en", "på", "är", "av", "för", "med", "den", "till", "i",
            "ett", "om", "har", "de", "inte", "från", "var", "vid", "kan", "men", "också", "efter",
        ],
    ),
    (
        "tr",
        &[
            "ve", "bir", "bu", "için", "ile", "olarak", "da", "de", "daha", "olan", "gibi", "çok",
            "en", "sonra", "kadar", "ise", "yüzde", "göre", "oldu", "ama",
        ],
    ),
    (
        "vi",
        &[
            "và", "của", "là", "các", "có", "được", "cho", "trong", "với", "một", "không", "này",
            "đã", "những", "về", "đến", "người", "từ", "năm",
        ],
    ),
];

/// What knows the stop words.
#[derive(Debug)]
pub struct Languages {
    /// A bit for each language of [`STOP_WORDS`].
    stop_words: Lookup<u16>,
}

impl Languages {
    /// Made once.
    pub fn new() -> Languages {
        let words = STOP_WORDS
            .iter()
            .enumerate()
            .flat_map(|(n, (_, words))| words.iter().map(move |&word| (word, 1 << n)));
        Languages {
            stop_words: Lookup::new(words, |a, b| a | b),
        }
    }

    /// The language (ISO 639-1, else `und`) and what told it. `ours` are the words of our own lists that occur.
    pub fn of(
        &self,
        text: &Text,
        declared: Option<&str>,
        ours: usize,
    ) -> (&'static str, &'static str) {
        let start = &text.tokens()[..text.tokens().len().min(TOKENS_MAX)];
        let mut letters = 0;
        let mut counts = [0_u16; STOP_WORDS.len()];
        for token in start {
            letters += usize::from(token.kind == Kind::Word);
            if let Some(mut languages) = self.stop_words.get(token.hash) {
                while languages != 0 {
                    counts[languages.trailing_zeros() as usize] += 1;
                    languages &= languages - 1;
                }
            }
        }
        if letters == 0 {
            return ("und", "none");
        }
        let declared = declared.map(primary);
        // The classifier takes as long as all the rest of the language, and cannot but agree with that many.
        let english = usize::from(counts[0]);
        let others = counts[1..].iter().copied().max().map_or(0, usize::from);
        let code = if english >= SURE && english >= 2 * others {
            "en"
        } else {
            code(whichlang::detect_language(text.beginning(READ_MAX)))
        };
        if declared.is_some_and(|d| d.eq_ignore_ascii_case(code)) {
            return (code, "declared");
        }
        // A headline of five words is easily taken for Italian: words of another language must outweigh the English.
        let listed = STOP_WORDS.iter().zip(counts).find(|((c, _), _)| *c == code);
        let own = listed.map_or(0, |(_, count)| usize::from(count));
        let script = matches!(code, "ar" | "hi" | "ja" | "ko" | "ru" | "zh");
        let open = declared.is_none_or(|d| d.is_empty() || d.eq_ignore_ascii_case("en"));
        if open && !script && code != "en" && english >= own && english + ours > 0 {
            return ("en", "words");
        }
        if script || own > 0 {
            return (code, "text");
        }
        if code == "en" && (ours >= 2 || open && ours > 0) {
            return ("en", "words");
        }
        ("und", "none")
    }
}

impl Default for Languages {
    fn default() -> Languages {
        Languages::new()
    }
}

/// `en` of `en-US` and `en_GB`.
fn primary(tag: &str) -> &str {
    tag.trim().split(['-', '_']).next().unwrap_or_default()
}

fn code(lang: Lang) -> &'static str {
    match lang {
        Lang::Ara => "ar",
        Lang::Cmn => "zh",
        Lang::Deu => "de",
        Lang::Eng => "en",
        Lang::Fra => "fr",
        Lang::Hin => "hi",
        Lang::Ita => "it",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Nld => "nl",
        Lang::Por => "pt",
        Lang::Rus => "ru",
        Lang::Spa => "es",
        Lang::Swe => "sv",
        Lang::Tur => "tr",
        Lang::Vie => "vi",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vexy_ai::local::Article;

    fn of(title: &str, declared: Option<&str>, ours: usize) -> (&'static str, &'static str) {
        let text = Text::new(&Article {
            title,
            ..Article::default()
        });
        Languages::new().of(&text, declared, ours)
    }

    #[test]
    fn a_language_is_believed_when_something_agrees() {
        let english = "The company said that its profit rose in the third quarter";
        assert_eq!(of(english, Some("en-US"), 0), ("en", "declared"));
        assert_eq!(of(english, None, 0), ("en", "text"));
        assert_eq!(of(english, Some("de"), 0), ("en", "text"));
        let german = "Der Gewinn des Unternehmens ist im dritten Quartal gestiegen";
        assert_eq!(of(german, None, 0), ("de", "text"));
        assert_eq!(of(german, Some("de_DE"), 0), ("de", "declared"));
        assert_eq!(
            of("Прибыль компании выросла в третьем квартале", None, 0),
            ("ru", "text")
        );
        assert_eq!(
            of("同社の第3四半期の利益は増加した", None, 0),
            ("ja", "text")
        );
    }

    #[test]
    fn a_short_headline_with_words_of_ours_is_english_unless_another_language_is_declared() {
        let short = "Infosys zooms";
        assert_eq!(of(short, None, 1).0, "en");
        assert_eq!(of("12,5 % +3", None, 0), ("und", "none"));
        assert_eq!(of("", None, 0), ("und", "none"));
    }
}
