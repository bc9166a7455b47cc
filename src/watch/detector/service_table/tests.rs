//! Whoever has a channel is found by it, whatever became of the others.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// Adds the service, or gives it another channel.
    Claim(String, Option<String>),
    Remove(prop::sample::Index),
    Tidy,
}

/// Few names and channels, so that they meet: services are called as the channels of others are.
fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => ("[a-e]", prop::option::of("[a-f](:heartbeat)?"))
            .prop_map(|(svc, channel)| Step::Claim(svc, channel)),
        2 => any::<prop::sample::Index>().prop_map(Step::Remove),
        1 => Just(Step::Tidy),
    ]
}

/// The same in plain maps: by name, the number and the channel of each service; `None` when another took it over.
#[derive(Default)]
struct Model {
    services: BTreeMap<String, (u32, Option<String>)>,
}

impl Model {
    fn claim(&mut self, svc: &str, index: u32, channel: &str) -> Option<u32> {
        let others = self.services.iter_mut().filter(|(name, _)| *name != svc);
        let mut loser = None;
        for (_, (index, theirs)) in others {
            if theirs.as_deref() == Some(channel) {
                (*theirs, loser) = (None, Some(*index));
            }
        }
        let mine = (index, Some(channel.to_owned()));
        self.services.insert(svc.to_owned(), mine);
        loser
    }

    fn owner(&self, channel: &str) -> Option<u32> {
        let mut owners = self
            .services
            .values()
            .filter(|(_, theirs)| theirs.as_deref() == Some(channel));
        owners.next().map(|(index, _)| *index)
    }
}

fn take(table: &mut ServiceTable, model: &mut Model, step: &Step) -> Result<(), TestCaseError> {
    match step {
        Step::Claim(svc, channel) => {
            let channel = channel.clone().unwrap_or(format!("{svc}:heartbeat"));
            let spec = Spec {
                svc,
                channel: &channel,
                timeout_ms: 1,
                interval_ms: 1,
            };
            let known = table.by_name(svc.as_bytes());
            prop_assert_eq!(known, model.services.get(svc).map(|(index, _)| *index));
            let index = known.unwrap_or_else(|| table.add(&spec, false));
            let loser = table.claim(index, channel.as_bytes());
            prop_assert_eq!(loser, model.claim(svc, index, &channel));
        }
        Step::Remove(which) => {
            if !model.services.is_empty() {
                let nth = which.index(model.services.len());
                let svc = model.services.keys().nth(nth).cloned().unwrap_or_default();
                let (index, _) = model.services.remove(&svc).unwrap_or_default();
                table.remove(index);
            }
        }
        Step::Tidy => table.tidy(),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn channels_pass_from_one_service_to_another_as_in_plain_maps(
        steps in prop::collection::vec(step(), 1..60),
        asked in prop::collection::vec("[a-f]{0,2}(:heartbeat)?", 0..=RUN_MAX),
    ) {
        let (mut table, mut model) = (ServiceTable::default(), Model::default());
        for step in &steps {
            take(&mut table, &mut model, step)?;
            prop_assert_eq!(table.len(), model.services.len());
            for (svc, (index, channel)) in &model.services {
                let mut own = Vec::new();
                let has_one = table.channel(*index, &mut own);
                prop_assert_eq!(table.name(*index), svc);
                prop_assert_eq!(has_one.then_some(&own[..]), channel.as_ref().map(|c| c.as_bytes()));
                prop_assert_eq!(channel.as_ref().is_some_and(|c| table.is_channel(*index, c.as_bytes())), has_one);
            }
        }
        // With the channels that there are, so that most are found.
        let known = model.services.values().filter_map(|(_, channel)| channel.clone());
        let asked: Vec<String> = known.chain(asked).take(RUN_MAX).collect();
        let found = table.find(asked.iter().map(|channel| channel.as_bytes()));
        for (channel, found) in asked.iter().zip(found) {
            prop_assert_eq!(found, model.owner(channel), "{}", channel);
            prop_assert_eq!(table.by_channel(channel.as_bytes()), found, "{}", channel);
        }
    }
}
