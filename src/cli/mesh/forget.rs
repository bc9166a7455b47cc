//! `marketswarm mesh forget INST`: takes an instance that is gone out of the registry.

use std::process::ExitCode;
use std::time::Duration;

use super::{Words, print, system};
use crate::bus::{BusError, Commands};
use crate::clock::Mono;
use crate::contract::mesh::{FORGET, INSTANCES, Instance};
use crate::env::Env;
use crate::service::Error;
use crate::swarm_state::registry::Registry;
use crate::text::SafeText;

/// Whoever writes the registry looks within this.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs the command.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    let [wanted] = words.values.as_slice() else {
        return Err(Error::Config(
            "mesh forget takes one instance; see marketswarm mesh --help".into(),
        ));
    };
    let mut commands = system(env)?;
    let registry = Registry::read(&mut commands)?;
    let is_it = |i: &&Instance| i.inst == *wanted || i.field() == *wanted;
    let found: Vec<&Instance> = registry.instances.values().filter(is_it).collect();
    let shown = SafeText::cut(wanted, 128);
    let instance = match found.as_slice() {
        [] => return no(&format!("there is no instance {shown}\n")),
        [one] => *one,
        _ => {
            return no(&format!(
                "several services have an instance {shown}: write SVC/{shown}\n"
            ));
        }
    };
    if instance.state.is_live() {
        return no(&format!(
            "{} is {}: it would be back with its next beat\n",
            instance.field(),
            instance.state.as_str()
        ));
    }
    let heard: u64 = commands.query(redis::cmd("PUBLISH").arg(FORGET).arg(instance.field()))?;
    if heard == 0 {
        return Err(Error::Other("mesh does not listen: is it running?".into()));
    }
    let give_up = Mono::now() + PATIENCE;
    while is_there(&mut commands, &instance.field())? {
        if Mono::now() >= give_up {
            return Err(Error::Other(format!(
                "{} is still there after {} s: does mesh write the registry?",
                instance.field(),
                PATIENCE.as_secs()
            )));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    print(&format!("{} is forgotten\n", instance.field()))?;
    Ok(ExitCode::SUCCESS)
}

fn is_there(commands: &mut Commands, field: &str) -> Result<bool, BusError> {
    commands.query(redis::cmd("HEXISTS").arg(INSTANCES).arg(field))
}

fn no(why: &str) -> Result<ExitCode, Error> {
    print(why)?;
    Ok(ExitCode::from(1))
}
