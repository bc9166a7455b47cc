//! An analyst whom some articles end: what the program that ships does of itself, if ever, by a fault that nobody knows.
//! `scripts` build and ship no examples.

use marketswarm::vexy_ai::local::Article;

fn main() -> std::process::ExitCode {
    marketswarm::vexy_ai::run_before_each(marketswarm::sections::SCHEMAS, die_of_poison)
}

fn die_of_poison(article: &Article<'_>) {
    if article.title.contains("POISON") {
        std::process::abort();
    }
}
