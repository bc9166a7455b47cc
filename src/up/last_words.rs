//! Why a process ended, as its log has it.

/// How many lines at the end of a log are looked at: a panic's message, and the way to it where `RUST_BACKTRACE` is set.
pub(super) const MAX_LINES: usize = 100;

/// What a process that failed said of it, from the last `lines` of its log; `None` if those tell of daily work alone.
///
/// That is the last line. Of a panic it is the advice on `RUST_BACKTRACE`: there the panic itself is meant, with its place.
pub(super) fn last_words(lines: &[String]) -> Option<String> {
    let (last, before) = lines.split_last()?;
    if is_advice(last)
        && let Some(begin) = before.iter().rposition(|line| begins_panic(line))
    {
        let said = before[begin..].iter();
        let words: Vec<&str> = said
            .map(|line| line.trim())
            .take_while(|&line| line != "stack backtrace:")
            .collect();
        return Some(words.join(" "));
    }
    (!is_routine(last)).then(|| last.clone())
}

/// What the standard library says behind a panic's message.
fn is_advice(line: &str) -> bool {
    line.starts_with("note: ") && line.contains("RUST_BACKTRACE=")
}

fn begins_panic(line: &str) -> bool {
    line.starts_with("thread '") && line.contains(" panicked at ")
}

/// Does a line of a daemon's log tell of its daily work, and so not of its end?
fn is_routine(line: &str) -> bool {
    let level = line.split_whitespace().nth(1);
    matches!(level, Some("INFO" | "DEBUG" | "TRACE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(log: &str) -> Option<String> {
        let lines: Vec<String> = log.lines().map(str::to_owned).collect();
        last_words(&lines)
    }

    #[test]
    fn the_last_line_counts_unless_it_tells_of_daily_work() {
        assert_eq!(of(""), None);
        assert_eq!(of("2026-01-01T00:00:00Z INFO  it runs"), None);
        assert_eq!(of("one\ntwo").as_deref(), Some("two"));
    }

    #[test]
    fn a_panic_is_told_by_its_message_and_place() {
        let panic = "thread 'worker' (71) panicked at src/x.rs:3:5:\nit broke\nin two";
        let told = Some("thread 'worker' (71) panicked at src/x.rs:3:5: it broke in two");
        let short = "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";
        let old = "thread 'main' panicked at src/y.rs:1:1:\nlong ago\nnote: x\nit runs";
        assert_eq!(of(&format!("{old}\n{panic}\n{short}")).as_deref(), told);
        let long = "note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.";
        let way = "stack backtrace:\n   0: one\n   1: two";
        assert_eq!(of(&format!("{panic}\n{way}\n{long}")).as_deref(), told);
        // Nobody panicked: the advice stands for itself.
        assert_eq!(of(short).as_deref(), Some(short));
    }
}
