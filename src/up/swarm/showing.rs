//! What the swarm says of itself.

use std::process::ExitCode;

use super::{MARKET, SEED, SYSTEM, Swarm};
use crate::clock::{Mono, human};
use crate::service::complain;
use crate::swarm_state::{Moment, NOBODY_IS_TOLD, News, Tone};
use crate::terminal::Head;
use crate::up::process_supervisor::Id;
use crate::up::ui::{bus_title, process_note};

impl Swarm {
    /// Once all services have been started.
    pub(super) fn announce(&mut self) {
        self.announced = true;
        let services = self.settings.services.join(", ");
        let text = format!("the swarm runs: {services}; Ctrl-C ends it");
        self.tell(Tone::Good, text);
        if let Some(port) = self.console_port {
            let text = format!("the console: http://127.0.0.1:{port}/");
            self.tell(Tone::Good, text);
        }
        if self.settings.demo.is_some() {
            let text = "the demo: generated feeds, prices, and what vexy_ai makes of each item: label, event, salience, \
                        tickers, title, and the words that weighed most; see also: marketswarm vexy tail, \
                        marketswarm feed tail, marketswarm market";
            self.tell(Tone::Plain, text.into());
        }
        let (env, truth) = (&self.settings.env, &self.settings.truth);
        if !crate::notify::channels_configured(env, truth) {
            self.tells_nobody = true;
            self.tell(Tone::Odd, NOBODY_IS_TOLD.into());
        }
    }

    pub(super) fn tell(&mut self, tone: Tone, text: String) {
        let news = News::new(Moment::now().wall_secs, tone, text);
        self.ui.print(&news);
        self.board.keep(news);
    }

    pub(super) fn draw(&mut self) {
        let now = Moment::now();
        for (id, spec) in self.processes.specs.iter().enumerate() {
            if let Some(row) = self.board.row_mut(spec.name) {
                let stopped = self.processes.is_stopped(id);
                let state = self.supervisor.state(id);
                let how = self.endings[id].as_ref().map_or("", |exit| &exit.how);
                row.note = process_note(state, how, stopped, now.mono);
            }
        }
        let head = self.head(now.mono);
        self.ui.draw(&self.board, &head, now);
    }

    fn head(&self, now: Mono) -> Head {
        let mut title = vec![
            (Tone::Head, "MarketSwarm".into()),
            (Tone::Dim, format!("  up {}", human(now.since(self.began)))),
        ];
        for bus in [SYSTEM, MARKET] {
            let name = self.processes.specs[bus].name;
            let (state, stopped) = (self.supervisor.state(bus), self.processes.is_stopped(bus));
            title.extend(bus_title(name, self.ports[bus], state, stopped));
        }
        let warning = format!("{NOBODY_IS_TOLD} (set WEBHOOK_URL or SMTP_HOST)");
        Head {
            title,
            warnings: self.tells_nobody.then_some(warning).into_iter().collect(),
            foot: format!(
                "Ctrl-C ends everything{}   logs: {}",
                self.console_port.map_or(String::new(), |port| format!(
                    "   console: http://127.0.0.1:{port}/"
                )),
                self.processes.logs.folder().display()
            ),
        }
    }

    /// The last words, and the exit code.
    pub(super) fn finish(mut self) -> ExitCode {
        self.poller = None;
        self.lost_truth = None;
        self.analyses = None;
        self.run.clear();
        self.ui.close();
        let outcome = self
            .supervisor
            .outcome()
            .and_then(|outcome| outcome.err().map(str::to_owned));
        let ran = human(Mono::now().since(self.began));
        let Some(why) = outcome else {
            self.tell(
                Tone::Plain,
                format!("ended after {ran}; nothing runs any more"),
            );
            return ExitCode::SUCCESS;
        };
        let mut said = format!("marketswarm: {why}\n");
        let failed = |id: &Id| self.endings[*id].as_ref().is_some_and(|exit| !exit.well);
        for id in [SYSTEM, MARKET, SEED].into_iter().filter(failed) {
            let name = self.processes.specs[id].name;
            for line in self.processes.logs.tail(name, 5) {
                said.push_str(&format!("  {name}: {line}\n"));
            }
        }
        complain(&said);
        // What stopped bootstrap (a bad truth, a bus out of reach) has an exit code that says so.
        let of_seed = self.endings[SEED].as_ref().filter(|exit| !exit.well);
        of_seed
            .and_then(|exit| exit.code)
            .map_or(ExitCode::FAILURE, ExitCode::from)
    }
}
