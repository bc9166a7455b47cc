//! What a daemon counts of its own work. Whoever works adds to an atomic; the beat thread looks at all of them every ten
//! seconds. Nobody waits for anybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::contract::metrics::{Kind, METRICS_MAX_BYTES, Report, SAMPLES_MAX, Sample};

/// What one process counts. Clones are the same numbers.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<Vec<Metric>>>);

struct Metric {
    name: &'static str,
    kind: Kind,
    labels: Vec<(&'static str, String)>,
    /// A whole number of a counter, the bits of a float of a gauge.
    value: Arc<AtomicU64>,
}

/// A number that only grows. Clones are the same number.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

/// A number that goes up and down. Clones are the same number.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicU64>);

impl Counter {
    /// So many more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// What somebody else counted.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }
}

impl Gauge {
    /// As it is now.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}

impl Metrics {
    /// The counter of this name and these labels; asked again, the same one.
    pub fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        Counter(self.metric(name, Kind::Counter, labels))
    }

    /// Likewise a gauge. It is not told before it was set.
    pub fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        Gauge(self.metric(name, Kind::Gauge, labels))
    }

    /// One of more than [`SAMPLES_MAX`] counts for itself, and is told to nobody.
    fn metric(
        &self,
        name: &'static str,
        kind: Kind,
        labels: &[(&'static str, &str)],
    ) -> Arc<AtomicU64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |metric: &&Metric| {
            let known = metric.labels.iter().map(|(name, value)| (*name, &**value));
            metric.name == name && metric.kind == kind && known.eq(labels.iter().copied())
        };
        if let Some(known) = all.iter().find(is_it) {
            return Arc::clone(&known.value);
        }
        let value = Arc::new(AtomicU64::new(match kind {
            Kind::Counter => 0,
            Kind::Gauge => f64::NAN.to_bits(),
        }));
        if all.len() < SAMPLES_MAX {
            let labels = labels
                .iter()
                .map(|(name, text)| (*name, (*text).to_owned()));
            all.push(Metric {
                name,
                kind,
                labels: labels.collect(),
                value: Arc::clone(&value),
            });
        }
        value
    }

    /// All of it as the report of this instance; `None` when nothing is counted.
    pub(super) fn report(&self, svc: &str, inst: &str, now_ts: i64) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let samples: Vec<Sample> = all.iter().filter_map(Metric::sample).collect();
        drop(all);
        if samples.is_empty() {
            return None;
        }
        let mut report = Report {
            svc: svc.to_owned(),
            inst: inst.to_owned(),
            ver: env!("CARGO_PKG_VERSION").to_owned(),
            ts: now_ts,
            samples,
        };
        loop {
            // It has string keys and finite numbers only, so it can be written.
            let text = serde_json::to_string(&report).unwrap_or_default();
            if text.len() <= METRICS_MAX_BYTES {
                return Some(text);
            }
            report.samples.truncate(report.samples.len() / 2);
        }
    }
}

impl Metric {
    fn sample(&self) -> Option<Sample> {
        let bits = self.value.load(Ordering::Relaxed);
        let value = match self.kind {
            Kind::Counter => bits as f64,
            Kind::Gauge => f64::from_bits(bits),
        };
        let label = |(name, text): &(&'static str, String)| ((*name).to_owned(), text.clone());
        value.is_finite().then(|| Sample {
            name: self.name.to_owned(),
            kind: self.kind,
            labels: self.labels.iter().map(label).collect(),
            value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told_once_under_its_name_and_within_the_limits() {
        let metrics = Metrics::default();
        assert_eq!(metrics.report("a", "i", 1), None);
        metrics.counter("polls_total", &[("bus", "x")]).add(2);
        metrics.counter("polls_total", &[("bus", "x")]).add(3);
        let oldest = metrics.gauge("oldest_seconds", &[]);
        let text = metrics.report("a", "i", 1).expect("a report");
        let read = |text: &str| serde_json::from_str::<Report>(text).expect("JSON").samples;
        assert_eq!(read(&text).len(), 1, "{text}");
        assert_eq!(read(&text)[0].value, 5.0);
        oldest.set(1.5);
        oldest.set(f64::INFINITY);
        assert_eq!(read(&metrics.report("a", "i", 1).expect("one")).len(), 1);
        oldest.set(2.5);
        assert_eq!(
            read(&metrics.report("a", "i", 1).expect("one"))[1].value,
            2.5
        );
        for n in 0..2 * SAMPLES_MAX {
            let label = format!("{n:0>100}");
            metrics.counter("many_total", &[("n", &label)]).add(1);
        }
        let text = metrics.report("a", "i", 1).expect("a report");
        assert!(text.len() <= METRICS_MAX_BYTES && read(&text).len() > 50);
    }
}
