//! Lines on a terminal: the whole screen redrawn in place, or one plain line after the other.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};

use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};
use signal_hook::consts::{SIGCONT, SIGTSTP};
use signal_hook::low_level::emulate_default_handler;

use crate::clock;
use crate::swarm_state::{News, Tone};
use crate::text::{printable, width};

/// A piece of a line.
pub type Piece = (Tone, String);

/// Whether standard output is a terminal that can redraw in place.
pub fn is_screen() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// News as one plain line.
pub fn line(news: &News) -> String {
    format!("{} {}\n", clock::rfc3339(news.wall_secs), news.text)
}

/// The alternate screen of the terminal; given back when dropped.
///
/// In the background the terminal is somebody else's: nothing is drawn there, until the screen is in front again.
pub struct Screen {
    colour: bool,
    entered: Cell<bool>,
}

impl Screen {
    /// Takes the terminal over until it is dropped.
    pub fn open() -> Screen {
        let screen = Screen {
            colour: std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty()),
            entered: Cell::new(false),
        };
        screen.is_ours();
        screen
    }

    /// Ctrl-Z gives the terminal back, and `fg` takes it again. Other signals mean nothing here.
    pub fn obey(&self, signal: i32) {
        match signal {
            SIGTSTP => {
                self.leave();
                // It stops here.
                let _ = emulate_default_handler(SIGTSTP);
            }
            SIGCONT => {
                self.is_ours();
            }
            _ => {}
        }
    }

    /// Whether it may be drawn on; taken when it came to be so, as by `fg`.
    fn is_ours(&self) -> bool {
        // A terminal that does not control us knows no background.
        let in_front = tcgetpgrp(io::stdout()).map_or(true, |group| group == getpgrp());
        if in_front && !self.entered.replace(true) {
            // The alternate screen, no cursor, empty.
            write("\x1b[?1049h\x1b[?25l\x1b[2J");
        }
        in_front
    }

    fn leave(&self) {
        if self.entered.replace(false) {
            write("\x1b[?25h\x1b[?1049l");
        }
    }

    /// Columns and rows.
    pub fn size(&self) -> (usize, usize) {
        match tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                (usize::from(size.ws_col), usize::from(size.ws_row))
            }
            _ => (80, 24),
        }
    }

    /// Redraws everything in one write, so that nothing flickers.
    pub fn draw(&self, lines: &[Vec<Piece>]) {
        if !self.is_ours() {
            return;
        }
        let (columns, rows) = self.size();
        let mut out = String::from("\x1b[?2026h\x1b[H");
        for (nth, pieces) in lines.iter().take(rows).enumerate() {
            if nth > 0 {
                out.push_str("\r\n");
            }
            let mut left = columns;
            for (tone, text) in pieces {
                // Blanks at the ends are our own: they are what columns are made of.
                let shown = printable(width::cut(text, left));
                left = left.saturating_sub(width::columns(&shown));
                match style(*tone).filter(|_| self.colour) {
                    Some(style) => {
                        out.push_str(style);
                        out.push_str(&shown);
                        out.push_str("\x1b[0m");
                    }
                    None => out.push_str(&shown),
                }
            }
            if left > 0 {
                out.push_str("\x1b[K");
            }
        }
        out.push_str("\x1b[J\x1b[?2026l");
        write(&out);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

fn style(tone: Tone) -> Option<&'static str> {
    Some(match tone {
        Tone::Plain => return None,
        Tone::Dim => "\x1b[2m",
        Tone::Good => "\x1b[32m",
        Tone::Odd => "\x1b[33m",
        Tone::Bad => "\x1b[1;31m",
        Tone::Head => "\x1b[1m",
    })
}

/// A terminal that is gone is no reason to end: the swarm runs on.
fn write(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
