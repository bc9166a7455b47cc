//! What stands in `services.<svc>.instances`.

use super::super::json::{Kind, Syntax};
use super::super::visitor::Visitor;
use super::super::{Instances, Mode};

/// Most parts of a service's work, and most instances that it may be said to need.
const PARTS_MAX: f64 = 4096.0;
const MIN_MAX: f64 = 100_000.0;

impl Visitor<'_> {
    /// That several instances of a service may run, and how they share its work.
    pub(super) fn instances(&mut self, id: u32) -> Result<(), Syntax> {
        if !self.begins_object("{\"mode\": \"shared\"}")? {
            return Ok(());
        }
        let mut instances = Instances::default();
        let mut keys = self.keys();
        while let Some(key) = self.field(&mut keys)? {
            match &*key {
                "mode" => {
                    let Some((at, mode)) = self.string("\"shared\"")? else {
                        continue;
                    };
                    match Mode::of(&mode) {
                        Some(mode) => instances.mode = mode,
                        None => {
                            let what = "no way in which instances share work".to_owned();
                            self.error(at, what, "write \"one\", \"shared\" or \"free\"");
                        }
                    }
                }
                "parts" => {
                    let number = self.whole("64", (1.0, PARTS_MAX))?;
                    instances.parts = number.unwrap_or(instances.parts);
                }
                "min" => {
                    let number = self.whole("2", (0.0, MIN_MAX))?;
                    instances.min = number.unwrap_or(instances.min);
                }
                other => self.unknown("instances", other, &["mode", "parts", "min"])?,
            }
        }
        self.truth.instances.push((id, instances));
        Ok(())
    }

    /// A whole number within the two ends, both of which it may be.
    fn whole(&mut self, example: &str, (least, most): (f64, f64)) -> Result<Option<u32>, Syntax> {
        if self.reader.kind()? != Kind::Number {
            self.wrong("a whole number", example)?;
            return Ok(None);
        }
        let at = self.reader.value_at();
        let number: f64 = self.reader.number()?;
        if number.fract() == 0.0 && (least..=most).contains(&number) {
            return Ok(Some(number as u32));
        }
        let what = format!("{number} is no whole number from {least} to {most}");
        self.error(at, what, example);
        Ok(None)
    }
}
