//! The daemon: one loop that follows truth and says how things stand, and threads that work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Event;
use super::config::{Config, Environment};
use super::context::{Context, Setup};
use super::follow::Follower;
use super::local::{Analyser, Article};
use super::model::client::trust_store;
use super::model::endpoint::Environment as ModelEnvironment;
use super::narration::{self, Narration};
use super::queue::{consumer_base, consumer_name};
use super::refine::{self, Refiner, Shared, Watch};
use super::report::{Report, Said};
use super::upkeep::{self, Upkeep};
use super::worker::{self, Worker};
use crate::service::{Error, Notice, Service};

/// Runs until it is told to stop. `before` sees each article before it is analysed.
///
/// # Errors
/// A thread ended, a truth that passed validation cannot be read, or the environment is wrong.
pub fn run(mut service: Service<Event>, before: fn(&Article<'_>)) -> Result<(), Error> {
    let environment = Environment::read(&service.env)?;
    let models = ModelEnvironment::read(&service.env)?;
    let setup = read_setup(&service, &models)?;
    let context = Arc::new(Context::new(
        service.id,
        setup,
        analyser(environment)?,
        before,
        service.buses.connections().clone(),
        service.sender.clone(),
    ));
    let mut daemon = Daemon {
        context: Arc::clone(&context),
        shared: Arc::new(Shared::new(&trust_store(&service.env)?)),
        models,
        workers: Vec::new(),
        refiners: Vec::new(),
        report: Report::default(),
        said: Said::default(),
    };
    let done = daemon
        .start(&mut service)
        .and_then(|()| daemon.serve(&mut service));
    context.end();
    done
}

fn analyser(environment: Environment) -> Result<Analyser, Error> {
    let companies = environment.companies()?;
    log::info!("{} companies are known by name", companies.len());
    Ok(Analyser::new(companies))
}

struct Daemon {
    context: Arc<Context>,
    /// What the threads of the model stage share.
    shared: Arc<Shared>,
    /// What the environment says of models.
    models: ModelEnvironment,
    /// Which of the threads that analyse are to go, in the order of their numbers, from 1.
    workers: Vec<Arc<AtomicBool>>,
    /// The same of those that ask the model.
    refiners: Vec<Arc<AtomicBool>>,
    report: Report,
    said: Said,
}

impl Daemon {
    fn start(&mut self, service: &mut Service<Event>) -> Result<(), Error> {
        let progress = service.beat.progress("upkeep", upkeep::PROGRESS_BUDGET);
        let upkeep = Upkeep::new(Arc::clone(&self.context), progress);
        service.threads.spawn("upkeep", move || upkeep.run())?;
        let follower = Follower::new(Arc::clone(&self.context));
        service.threads.spawn("follow", move || follower.run())?;
        let progress = service.beat.progress("digest", narration::PROGRESS_BUDGET);
        let narration = Narration::new(Arc::clone(&self.context), progress);
        service.threads.spawn("digest", move || narration.run())?;
        let progress = service
            .beat
            .progress("model watch", refine::PROGRESS_BUDGET);
        let watch = Watch::new(
            Arc::clone(&self.context),
            Arc::clone(&self.shared),
            progress,
        );
        service.threads.spawn("model-watch", move || watch.run())?;
        self.staff(service)
    }

    /// Starts threads that analyse, or lets some go, until there are as many as truth says.
    fn staff(&mut self, service: &mut Service<Event>) -> Result<(), Error> {
        let wanted = self.context.setup().config.analysis.threads();
        for let_go in self.workers.drain(wanted.min(self.workers.len())..) {
            let_go.store(true, Ordering::Relaxed);
        }
        let base = consumer_base(&service.truth, &self.context.name, &service.host);
        while self.workers.len() < wanted {
            let number = self.workers.len() + 1;
            let consumer = consumer_name(&base, number);
            let progress = service.beat.progress(&consumer, worker::PROGRESS_BUDGET);
            let let_go = Arc::new(AtomicBool::new(false));
            let context = Arc::clone(&self.context);
            let worker = Worker::new(context, &consumer, progress, Arc::clone(&let_go));
            service
                .threads
                .spawn(&format!("work-{number}"), move || worker.run())?;
            self.workers.push(let_go);
        }
        log::info!("{wanted} threads analyse");
        self.staff_model(service)
    }

    /// The same for the threads that ask the model: without a model one, which says so of what still waits for it.
    fn staff_model(&mut self, service: &mut Service<Event>) -> Result<(), Error> {
        let setup = self.context.setup();
        let withheld = setup.endpoint.as_ref().and_then(|e| e.withheld.clone());
        self.report.trouble("model key".to_owned(), withheld);
        let wanted = match &setup.endpoint {
            Some(endpoint) => {
                let (model, host) = (&endpoint.model, endpoint.host());
                log::info!("{model} at {host} is asked about what matters most");
                setup.config.model.concurrency
            }
            None => 1,
        };
        for let_go in self.refiners.drain(wanted.min(self.refiners.len())..) {
            let_go.store(true, Ordering::Relaxed);
        }
        let base = consumer_base(&service.truth, &self.context.name, &service.host);
        while self.refiners.len() < wanted {
            let number = self.refiners.len() + 1;
            let let_go = Arc::new(AtomicBool::new(false));
            let refiner = Refiner::new(
                Arc::clone(&self.context),
                Arc::clone(&self.shared),
                &consumer_name(&base, number),
                service.beat.clone(),
                Arc::clone(&let_go),
            );
            service
                .threads
                .spawn(&format!("model-{number}"), move || refiner.run())?;
            self.refiners.push(let_go);
        }
        Ok(())
    }

    fn serve(&mut self, service: &mut Service<Event>) -> Result<(), Error> {
        while let Ok(event) = service.events.recv() {
            match event {
                Event::Notice(Notice::Stop) => break,
                Event::Notice(notice) => self.heed(notice, service)?,
                Event::Trouble { who, why } => self.report.trouble(who, why),
                Event::Sight(sight) => {
                    let gauge = |name, value| service.beat.metrics().gauge(name, &[]).set(value);
                    gauge("vexy_ai_behind_seconds", sight.behind.as_secs_f64());
                    gauge("vexy_ai_given_up_last_hour", sight.dead as f64);
                    self.report.saw(sight);
                }
                Event::Control => {}
            }
            self.say(service);
        }
        Ok(())
    }

    fn heed(&mut self, notice: Notice, service: &mut Service<Event>) -> Result<(), Error> {
        match notice {
            Notice::Truth(truth) => {
                service.adopt(truth);
                match read_setup(service, &self.models) {
                    Ok(setup) => {
                        self.context.adopt(setup);
                        log::info!("a new truth is in force");
                        self.staff(service)?;
                    }
                    Err(error) => log::error!("the new truth is not used: {error}"),
                }
            }
            // Whoever hears first that the process is to stop ends first.
            Notice::ThreadEnded { error: None, .. } if self.context.is_over() => {}
            // One of the threads that were let go.
            Notice::ThreadEnded { name, error: None }
                if name.starts_with("work-") || name.starts_with("model-") => {}
            Notice::ThreadEnded { name, error } => {
                return Err(Error::thread_ended(&name, error));
            }
            Notice::Message { .. } | Notice::Stop => {}
            Notice::TruthRejected { .. } | Notice::TruthMissing => {}
        }
        Ok(())
    }

    fn say(&mut self, service: &Service<Event>) {
        let setup = self.context.setup();
        let warn = Duration::from_secs(setup.config.analysis.behind_warn_sec);
        let said = self.report.said(self.context.word(), warn);
        if said == self.said {
            return;
        }
        match said.word {
            Some("degraded") => {
                log::warn!("degraded: {}", said.reason);
                service.beat.set_degraded(&said.reason);
            }
            word => {
                match word {
                    Some(word) => log::info!("{word}, because somebody asked for it"),
                    None => log::info!("the work goes on"),
                }
                service.beat.set_status(word);
            }
        }
        self.said = said;
    }
}

fn read_setup(service: &Service<Event>, models: &ModelEnvironment) -> Result<Setup, Error> {
    let config = Config::from_truth(&service.truth);
    let config = config.map_err(|problem| Error::Truth(problem.to_string()))?;
    Ok(Setup {
        endpoint: models.endpoint(&config.model),
        config,
        address: service.buses.market()?,
    })
}
