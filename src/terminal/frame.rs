//! The board as lines of text. Pure: what to show and how wide, and lines come out.

use std::time::Duration;

use super::screen::Piece;
use crate::clock::{Mono, human, local_time};
use crate::swarm_state::{Board, Mark, Moment, Row, Standing, State, Tone};
use crate::text::width;

/// Lines that news take at least, when there are more services than rows.
const NEWS_MIN: usize = 6;

/// What stands above the table and below it.
pub struct Head {
    /// The first line.
    pub title: Vec<Piece>,
    /// What is wrong, a line each, above all else.
    pub warnings: Vec<String>,
    /// The last line.
    pub foot: String,
}

/// All lines of the screen: head, table, news, foot; never more than `rows`.
pub fn frame(
    board: &Board,
    head: &Head,
    (columns, rows): (usize, usize),
    now: Moment,
) -> Vec<Vec<Piece>> {
    let name_width = board
        .rows
        .iter()
        .map(|r| width::columns(&r.name))
        .max()
        .unwrap_or(0);
    let mut lines = vec![head.title.clone(), Vec::new()];
    let troubles = board.troubles();
    for trouble in &troubles {
        lines.extend(wrapped(Vec::new(), Tone::Bad, trouble, columns));
    }
    if !troubles.is_empty() {
        lines.push(Vec::new());
    }
    // What is left for services once the news and the rest have their lines.
    let others = lines.len() + 1 + 3 + head.warnings.len() + 1;
    let shown = rows
        .saturating_sub(others + NEWS_MIN)
        .clamp(1, board.rows.len().max(1));
    let chosen = choose(board, shown, now.mono);
    let standings = chosen.iter().map(|row| board.standing(row, now.mono));
    let standings: Vec<Standing> = standings.collect();
    let widest = standings.iter().map(|s| s.word().len()).max();
    let layout = Layout {
        name: name_width.clamp(8, 24),
        state: widest.unwrap_or(0).max(7),
        columns,
    };
    lines.push(vec![(Tone::Dim, layout.title())]);
    let rows_of = chosen.iter().zip(standings);
    lines.extend(rows_of.map(|(row, standing)| layout.row(row, standing, now)));
    let hidden = board.rows.len() - chosen.len() + board.left_out;
    if hidden > 0 {
        lines.push(vec![(Tone::Dim, format!("+ {hidden} more"))]);
    }
    lines.push(Vec::new());

    let foot = 1 + head.warnings.len() + 1;
    let room = rows.saturating_sub(lines.len() + 1 + foot);
    if room > 0 {
        lines.push(vec![(Tone::Dim, "ALERTS AND EVENTS".into())]);
        let told = board.news.iter().rev().take(room).rev().flat_map(|news| {
            let time = local_time(news.wall_secs, now.wall_secs);
            let time = vec![(Tone::Dim, format!("{time}  "))];
            wrapped(time, news.tone, &news.text, columns)
        });
        let told: Vec<_> = told.collect();
        let skip = told.len().saturating_sub(room);
        lines.extend(told.into_iter().skip(skip));
        if board.news.is_empty() {
            lines.push(vec![(Tone::Dim, "nothing yet".into())]);
        }
    }
    lines.resize(rows.saturating_sub(foot).max(lines.len()), Vec::new());
    lines.push(Vec::new());
    for warning in &head.warnings {
        lines.push(vec![(Tone::Odd, warning.clone())]);
    }
    lines.push(vec![(Tone::Dim, head.foot.clone())]);
    lines.truncate(rows);
    lines
}

/// `text` behind `first`, on as many lines as it takes; the further ones are indented likewise.
fn wrapped(first: Vec<Piece>, tone: Tone, text: &str, columns: usize) -> Vec<Vec<Piece>> {
    let indent: usize = first.iter().map(|(_, text)| width::columns(text)).sum();
    let fits = columns.saturating_sub(indent).max(20);
    let mut lines = vec![first];
    let mut line = String::new();
    let mut flush = |line: &mut String, more: bool| {
        if let Some(last) = lines.last_mut() {
            last.push((tone, std::mem::take(line)));
        }
        if more {
            lines.push(vec![(tone, " ".repeat(indent))]);
        }
    };
    for word in text.split(' ') {
        if !line.is_empty() && width::columns(&line) + 1 + width::columns(word) > fits {
            flush(&mut line, true);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    flush(&mut line, false);
    lines
}

/// The services to show: all, or those that are not well first.
fn choose(board: &Board, shown: usize, now: Mono) -> Vec<&Row> {
    if board.rows.len() <= shown {
        return board.rows.iter().collect();
    }
    let is_well = |row: &&Row| {
        let state = board.standing(row, now).state;
        matches!(state, State::Up | State::Off)
    };
    let ill = board.rows.iter().filter(|row| !is_well(row));
    let well = board.rows.iter().filter(is_well);
    ill.chain(well).take(shown).collect()
}

struct Layout {
    name: usize,
    state: usize,
    columns: usize,
}

impl Layout {
    fn title(&self) -> String {
        format!(
            "{:<name$}  {:<state$} {:>7} {:>8} {:>8}  RECENT BEATS",
            "SERVICE",
            "STATE",
            "BEAT",
            "AGE",
            "TIMEOUT",
            name = self.name,
            state = self.state + 2
        )
    }

    fn row(&self, row: &Row, standing: Standing, now: Moment) -> Vec<Piece> {
        let (sign, tone) = match standing.state {
            State::Up => ('●', Tone::Good),
            State::Down => ('✖', Tone::Bad),
            State::Degraded => ('◐', Tone::Odd),
            State::Unknown => ('?', Tone::Odd),
            State::Off => ('-', Tone::Dim),
        };
        let name = width::padded(width::cut(&row.name, self.name), self.name);
        let age = row.age(now.mono);
        let age_tone = match age {
            Some(age) if age > row.timeout => Tone::Bad,
            Some(age) if age > row.interval * 3 / 2 => Tone::Odd,
            _ => Tone::Plain,
        };
        let mut pieces = vec![
            (Tone::Plain, format!("{name}  ")),
            (
                tone,
                format!("{sign} {:<width$}", standing.word(), width = self.state),
            ),
            (Tone::Plain, format!(" {:>7}", or_dash(row.i))),
            (age_tone, format!(" {:>8}", age.map_or("-".into(), short))),
            (Tone::Dim, format!(" {:>8}  ", limit(row.timeout))),
        ];
        let used: usize = pieces.iter().map(|(_, text)| width::columns(text)).sum();
        // What the supervisor says of the process is nearer than what the healer says of the service.
        let note = match (row.note.as_str(), standing.as_of_ts, standing.reason) {
            ("", Some(ts), _) => format!("as of {}", local_time(ts, now.wall_secs)),
            ("", None, Some(reason)) => reason.into(),
            (note, ..) => note.to_owned(),
        };
        let note_width = width::columns(&note);
        let width = self.columns.saturating_sub(used + note_width + 2).min(40);
        let marks = row.strip(width, now.mono);
        let strip_width = marks.len();
        pieces.extend(strip(&marks));
        if note_width > 0 {
            let gap = if strip_width > 0 { 2 } else { 0 };
            pieces.push((Tone::Plain, " ".repeat(gap)));
            pieces.push((Tone::Odd, note));
        }
        pieces
    }
}

/// Marks as pieces, equal neighbours in one.
fn strip(marks: &[Mark]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for mark in marks {
        let (tone, sign) = match mark {
            Mark::Beat => (Tone::Good, '▪'),
            Mark::Restart => (Tone::Odd, '↻'),
            Mark::Degraded => (Tone::Odd, '▪'),
            Mark::Stopping => (Tone::Odd, '■'),
            Mark::Missed => (Tone::Bad, '·'),
        };
        match pieces.last_mut() {
            Some((last, text)) if *last == tone => text.push(sign),
            _ => pieces.push((tone, sign.to_string())),
        }
    }
    pieces
}

/// An age in a narrow column.
fn short(age: Duration) -> String {
    match age.as_secs_f64() {
        secs if secs < 9.95 => format!("{secs:.1} s"),
        secs if secs < 599.5 => format!("{secs:.0} s"),
        _ => human(age),
    }
}

/// A timeout, as truth has it.
fn limit(timeout: Duration) -> String {
    match timeout.as_secs_f64() {
        secs if secs < 600.0 => format!("{secs} s"),
        _ => human(timeout),
    }
}

fn or_dash(i: Option<u64>) -> String {
    i.map_or_else(|| "-".into(), |i| i.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Health, Status};
    use crate::swarm_state::{Healer, Look, News, Oversight, Seen};
    use crate::truth::{Defaults, Truth};

    fn text(lines: &[Vec<Piece>]) -> Vec<String> {
        let join = |line: &Vec<Piece>| line.iter().map(|(_, text)| text.as_str()).collect();
        lines.iter().map(join).collect()
    }

    #[test]
    fn the_screen_fits_and_the_newest_news_and_the_foot_are_on_it_whatever_its_size() {
        let services: Vec<String> = (0..40)
            .map(|n| format!(r#""svc{n}":{{"heartbeat":{{"interval_sec":10}}}}"#))
            .collect();
        let truth = format!(r#"{{"services":{{{}}}}}"#, services.join(","));
        let mut board = Board::default();
        board.adopt(&Truth::parse(truth.as_bytes(), Defaults::default()).expect("valid"));
        for n in 0..100 {
            board.keep(News::new(n, Tone::Bad, format!("news {n} of some length")));
        }
        let head = Head {
            title: vec![(Tone::Head, "MarketSwarm".into())],
            warnings: vec!["a warning".into()],
            foot: "the foot".into(),
        };
        for rows in [16, 24, 60, 200] {
            for columns in [30, 80, 200] {
                let lines = text(&frame(&board, &head, (columns, rows), Moment::default()));
                assert_eq!(lines.len(), rows, "{columns}x{rows}");
                assert_eq!(lines[rows - 2..], ["a warning", "the foot"]);
                let shown = lines.join("\n");
                assert!(shown.contains("news 99"), "{columns}x{rows}:\n{shown}");
                assert!(shown.contains("svc0"), "{shown}");
            }
        }
    }

    #[test]
    fn what_a_service_says_of_itself_stands_for_its_state() {
        let truth = br#"{"services":{"mesh":{"heartbeat":{"interval_sec":10}}}}"#;
        let mut board = Board::default();
        board.adopt(&Truth::parse(truth, Defaults::default()).expect("valid"));
        let mut see = |seen| board.see(seen, Moment::default());
        see(Seen::Look(Box::new(Look {
            oversight: Oversight {
                healer: Healer::Speaks,
                buses: None,
                now_ts: 0,
            },
            health: vec![Health {
                status: Status::Up,
                ..Health::unknown("mesh")
            }],
        })));
        see(Seen::Beat {
            svc: "mesh".into(),
            i: Some(7),
            inst: None,
            status: Some("unconfigured".into()),
            at: Mono(0),
        });
        let head = Head {
            title: Vec::new(),
            warnings: Vec::new(),
            foot: String::new(),
        };
        let lines = text(&frame(&board, &head, (100, 20), Moment::default()));
        let line = lines.iter().find(|line| line.starts_with("mesh"));
        let line = line.expect("a line about it");
        assert!(line.contains("● unconfigured       7"), "{line:?}");
        let title = lines.iter().find(|line| line.starts_with("SERVICE"));
        let column = |line: &str, what: &str| line.split(what).next().map(|l| l.chars().count());
        let title = title.expect("a title");
        let ends = column(title, "BEAT").map(|at| at + "BEAT".len());
        assert_eq!(ends, column(line, "7").map(|at| at + 1), "{title:?}");
    }

    #[test]
    fn long_news_go_on_below_their_beginning() {
        let time = vec![(Tone::Dim, "22:01:07  ".to_owned())];
        let lines = wrapped(time, Tone::Bad, "one two three four five six", 30);
        assert_eq!(
            text(&lines),
            ["22:01:07  one two three four", "          five six"]
        );
    }
}
