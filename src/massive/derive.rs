//! What is computed from a chain, under names of its own: never in place of a number of the vendor's.
//!
//! Contracts of type `other` stay out. Two contracts of one strike (SPX and SPXW) are told apart by their tickers, and
//! summed where sums are meant.

use std::collections::BTreeMap;

use super::chain::contract::{Contract, ContractType};
use super::number::Decimal;

/// Bytes at the end of an option's ticker that say date, type and strike; what stands before is its root.
const TERMS_BYTES: usize = 15;

/// What is said of one expiration. Each is absent where something that it needs is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The listed strike nearest to spot, the lower one at a tie.
    pub atm: Option<Decimal<'static>>,
    /// Mid of the call plus mid of the put at that strike: the move that the market expects.
    pub straddle: Option<f64>,
    /// Mean of the two implied volatilities at that strike.
    pub iv_atm: Option<f64>,
    /// Volume of puts by volume of calls.
    pub pc_volume: Option<f64>,
    /// Open interest of puts by open interest of calls.
    pub pc_oi: Option<f64>,
}

/// Summarises the contracts of one expiration.
pub fn summary(contracts: &[Contract], spot: Option<f64>) -> Summary {
    let atm = spot.and_then(|spot| atm(contracts, spot));
    let pair = atm.as_ref().and_then(|atm| pair(contracts, atm.value()));
    let iv = |contract: &Contract| contract.implied_volatility;
    Summary {
        straddle: pair.and_then(|(call, put)| Some(call.mid()? + put.mid()?)),
        iv_atm: pair.and_then(|(call, put)| Some(iv(call)?.midpoint(iv(put)?))),
        pc_volume: put_call(contracts, |contract| contract.volume),
        pc_oi: put_call(contracts, |contract| contract.open_interest),
        atm,
    }
}

/// The listed strike nearest to spot, the lower one at a tie.
pub fn atm(contracts: &[Contract], spot: f64) -> Option<Decimal<'static>> {
    let listed = contracts
        .iter()
        .filter(|contract| contract.contract_type != ContractType::Other);
    let nearest = listed.map(|contract| &contract.strike).min_by(|a, b| {
        let (off_a, off_b) = ((a.value() - spot).abs(), (b.value() - spot).abs());
        off_a
            .total_cmp(&off_b)
            .then(a.value().total_cmp(&b.value()))
    });
    nearest.cloned()
}

/// The call and the put of a strike. Where several roots have both, the pair with the narrowest quotes counts, and
/// one without a mid only where no pair has one.
fn pair(contracts: &[Contract], strike: f64) -> Option<(&Contract, &Contract)> {
    let mut roots: BTreeMap<&str, [Option<&Contract>; 2]> = BTreeMap::new();
    for contract in contracts {
        let side = match contract.contract_type {
            ContractType::Call => 0,
            ContractType::Put => 1,
            ContractType::Other => continue,
        };
        if contract.strike.value() == strike {
            roots.entry(root(&contract.ticker)).or_default()[side] = Some(contract);
        }
    }
    let pairs = roots.into_values().filter_map(|[call, put]| call.zip(put));
    let spread = |contract: &Contract| {
        contract.mid()?;
        Some(contract.ask? - contract.bid?)
    };
    let width = |(call, put): &(&Contract, &Contract)| {
        spread(call)
            .zip(spread(put))
            .map_or(f64::INFINITY, |(call, put)| call + put)
    };
    pairs.min_by(|a, b| width(a).total_cmp(&width(b)))
}

fn root(ticker: &str) -> &str {
    ticker
        .len()
        .checked_sub(TERMS_BYTES)
        .and_then(|end| ticker.get(..end))
        .unwrap_or(ticker)
}

/// The sum over puts by that over calls; absent where no call or no put says anything, or the calls' sum is 0.
fn put_call(contracts: &[Contract], of: fn(&Contract) -> Option<f64>) -> Option<f64> {
    let sum = |side: ContractType| {
        let known = contracts
            .iter()
            .filter(|contract| contract.contract_type == side);
        known
            .filter_map(of)
            .fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
    };
    let (puts, calls): (f64, f64) = (sum(ContractType::Put)?, sum(ContractType::Call)?);
    (calls > 0.0).then(|| puts / calls)
}

/// Half the width of the window of strikes, in points.
pub fn range_points(spot: f64, strikes_pct: f64) -> f64 {
    spot * strikes_pct / 100.0
}

/// Gamma × open interest × shares of one side of an expiration, by strike as it was sent. A contract without one of
/// the three says nothing.
pub fn gamma_exposure(contracts: &[Contract], side: ContractType) -> Vec<(Decimal<'static>, f64)> {
    let mut strikes: Vec<(Decimal<'static>, f64)> = contracts
        .iter()
        .filter(|contract| contract.contract_type == side && side != ContractType::Other)
        .filter_map(|contract| {
            let exposure = contract.gamma? * contract.open_interest? * contract.shares?;
            Some((contract.strike.clone(), exposure))
        })
        .collect();
    strikes.sort_by(|(a, _), (b, _)| a.value().total_cmp(&b.value()));
    strikes.dedup_by(|(strike, exposure), (kept, sum)| {
        let is_same = strike.value() == kept.value();
        if is_same {
            *sum += *exposure;
        }
        is_same
    });
    strikes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::massive::answer::request::date;

    /// `"O:SPX" "C" "600"` with bid, ask, implied volatility, volume, open interest, gamma.
    fn contract(root: &str, side: char, strike: &'static str, numbers: [f64; 6]) -> Contract {
        let [bid, ask, iv, volume, interest, gamma] =
            numbers.map(|n| Some(n).filter(|n| !n.is_nan()));
        let strike = Decimal::read(strike).expect("a number");
        Contract {
            ticker: format!("{root}261218{side}{:08}", strike.value() * 1_000.0),
            expiration: date("2026-12-18").expect("a date"),
            strike,
            contract_type: match side {
                'C' => ContractType::Call,
                'P' => ContractType::Put,
                _ => ContractType::Other,
            },
            bid,
            ask,
            implied_volatility: iv,
            gamma,
            volume,
            open_interest: interest,
            shares: Some(100.0),
            updated_ms: None,
            json: String::new(),
            model: None,
        }
    }

    const NONE: f64 = f64::NAN;

    fn chain() -> Vec<Contract> {
        vec![
            contract("O:SPY", 'C', "595", [8.0, 8.4, 0.20, 10.0, 100.0, 0.02]),
            contract("O:SPY", 'P', "595", [3.0, 3.2, 0.22, 30.0, 50.0, 0.02]),
            contract("O:SPY", 'C', "600", [5.0, 5.2, 0.19, 5.0, 40.0, 0.03]),
            contract("O:SPY", 'P', "600", [4.8, 5.0, 0.21, 0.0, NONE, 0.03]),
            contract("O:SPY", 'X', "597", [1.0, 2.0, 0.9, 900.0, 900.0, 0.9]),
        ]
    }

    #[test]
    fn the_strike_at_the_money_is_the_nearest_and_the_lower_at_a_tie() {
        let atm = |spot| atm(&chain(), spot).map(|strike| strike.text().to_owned());
        assert_eq!(atm(597.4).as_deref(), Some("595"));
        assert_eq!(atm(597.5).as_deref(), Some("595"));
        assert_eq!(atm(597.6).as_deref(), Some("600"));
        assert_eq!(super::atm(&[], 5.0), None);
    }

    #[test]
    fn an_expiration_is_summarised_from_what_is_known() {
        let found = summary(&chain(), Some(600.0));
        assert_eq!(found.atm.as_ref().map(Decimal::text), Some("600"));
        assert!((found.straddle.unwrap() - 10.0).abs() < 1e-9);
        assert!((found.iv_atm.unwrap() - 0.20).abs() < 1e-9);
        assert_eq!(found.pc_volume, Some(2.0));
        assert_eq!(found.pc_oi, Some(50.0 / 140.0));
        let without_spot = summary(&chain(), None);
        assert_eq!((without_spot.atm, without_spot.straddle), (None, None));
        assert_eq!(without_spot.pc_volume, Some(2.0));
    }

    #[test]
    fn a_straddle_needs_both_mids() {
        for (bid, ask) in [(0.0, 5.2), (NONE, 5.2), (5.0, NONE), (NONE, NONE)] {
            let mut chain = chain();
            chain[2] = contract("O:SPY", 'C', "600", [bid, ask, NONE, 5.0, 40.0, 0.03]);
            let found = summary(&chain, Some(600.0));
            assert_eq!((found.straddle, found.iv_atm), (None, None), "{bid} {ask}");
        }
    }

    #[test]
    fn two_roots_of_one_strike_are_told_apart_and_summed_in_exposure() {
        let chain = [
            contract("O:SPX", 'C', "6000", [50.0, 60.0, 0.2, 1.0, 10.0, 0.01]),
            contract("O:SPX", 'P', "6000", [40.0, 50.0, 0.2, 1.0, 10.0, 0.01]),
            contract("O:SPXW", 'C', "6000", [54.0, 55.0, 0.3, 1.0, 20.0, 0.02]),
            contract("O:SPXW", 'P', "6000.0", [44.0, 45.0, 0.3, 1.0, NONE, 0.02]),
        ];
        let found = summary(&chain, Some(6_001.0));
        assert_eq!(
            found.straddle,
            Some(99.0),
            "the pair with the narrower quotes"
        );
        let calls = gamma_exposure(&chain, ContractType::Call);
        assert_eq!(calls.len(), 1);
        assert_eq!((calls[0].0.text(), calls[0].1), ("6000", 10.0 + 40.0));
        let puts = gamma_exposure(&chain, ContractType::Put);
        assert_eq!((puts.len(), puts[0].1), (1, 10.0));
        assert_eq!(gamma_exposure(&chain, ContractType::Other), []);
    }

    #[test]
    fn ratios_need_both_sides() {
        let calls_only = [contract(
            "O:SPY",
            'C',
            "595",
            [8.0, 8.4, 0.2, 10.0, 100.0, 0.02],
        )];
        assert_eq!(summary(&calls_only, None).pc_volume, None);
        let mut idle = chain();
        for contract in &mut idle {
            contract.volume = Some(0.0);
        }
        assert_eq!(
            summary(&idle, None).pc_volume,
            None,
            "nothing is divided by 0"
        );
        assert_eq!(range_points(600.0, 10.0), 60.0);
    }
}
