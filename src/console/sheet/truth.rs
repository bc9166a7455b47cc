//! The truth document, and what changed in it.

use super::{Cell, Sheet, Table, ago};
use crate::reports::truth::{DOCUMENT_MAX_BYTES, Document, Entry};

const HEADS: [&str; 3] = ["When", "Digest", "What"];
/// Characters of a digest, as far as people compare them.
const DIGEST_CHARS: usize = 12;

/// The page.
pub fn truth(found: &Document, now_ts: i64) -> Sheet {
    let mut sheet = Sheet::default();
    sheet.remarks.push(match (found.bytes, found.text()) {
        (0, _) => {
            "There is no truth. Write truth.json, then put it in force: marketswarm bootstrap"
                .to_owned()
        }
        (bytes, _) if bytes > DOCUMENT_MAX_BYTES => {
            format!("The document has {bytes} bytes: too many to be shown and compared.")
        }
        (bytes, None) => format!("Digest {}, {bytes} bytes; it is no JSON.", found.digest),
        (bytes, Some(text)) => {
            sheet.text = Some(("Document", text));
            format!(
                "Digest {}, {bytes} bytes. URLs are shown without their queries.",
                found.digest
            )
        }
    });
    let row = |entry: &Entry| {
        let digest = entry.digest.chars().take(DIGEST_CHARS);
        let digest: String = digest.collect();
        vec![ago(Some(entry.ts), now_ts), digest.into(), what(entry)]
    };
    match found.changes.is_empty() {
        true => sheet
            .remarks
            .push("No change was seen since the console keeps watch.".to_owned()),
        false => sheet
            .tables
            .push(Table::of("Changes", &HEADS, &found.changes, row)),
    }
    sheet
}

fn what(entry: &Entry) -> Cell {
    let changes = entry.changes.iter();
    let mut words: Vec<String> = changes
        .map(|change| format!("{} {}", change.how.as_str(), change.path))
        .collect();
    if entry.more > 0 {
        words.push(format!("and {} more", entry.more));
    }
    words.join("; ").into()
}
