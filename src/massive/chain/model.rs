//! What the model says of a contract, beside the vendor's numbers: implied volatility and greeks from its mid.

use super::contract::{Contract, ContractType};
use crate::massive::black_scholes::Terms;
use crate::massive::config::Model;
use crate::massive::number;
use crate::massive::record::ObjectWriter;

/// A year in milliseconds, as the model counts.
const YEAR_MS: f64 = 365.0 * 86_400_000.0;

/// `{"iv":…,"delta":…,"gamma":…,"theta":…,"vega":…,"rate_pct":…,"dividend_pct":…}`. `None` without a mid, past the end of
/// the contract, or where no volatility leads to its mid. What there is of time counts from when it was quoted.
pub fn of(
    contract: &Contract,
    spot: f64,
    expires_ms: i64,
    fetched_ms: i64,
    model: Model,
) -> Option<String> {
    let is_call = match contract.contract_type {
        ContractType::Call => true,
        ContractType::Put => false,
        ContractType::Other => return None,
    };
    let left_ms = expires_ms - contract.updated_ms.unwrap_or(fetched_ms);
    let terms = Terms {
        is_call,
        spot,
        strike: contract.strike.value(),
        years: left_ms as f64 / YEAR_MS,
        rate: model.rate_pct / 100.0,
        dividend: model.dividend_pct / 100.0,
    };
    let volatility = terms.implied_volatility(contract.mid()?)?;
    let greeks = terms.greeks(volatility);
    let mut json = ObjectWriter::with_capacity(160);
    for (name, value) in [
        ("iv", volatility),
        ("delta", greeks.delta),
        ("gamma", greeks.gamma),
        ("theta", greeks.theta),
        ("vega", greeks.vega),
        ("rate_pct", model.rate_pct),
        ("dividend_pct", model.dividend_pct),
    ] {
        json.json(name, &number::computed(value));
    }
    Some(json.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::massive::answer::request::date;
    use crate::massive::chain::snapshot::{Fetch, snapshot};
    use crate::massive::number::Decimal;

    const NOW_MS: i64 = 1_795_791_600_000;
    const MODEL: Model = Model {
        rate_pct: 10.0,
        dividend_pct: 0.0,
    };

    /// Hull's example 15.6: 42, 40, half a year, 10 %, 20 %.
    fn contract() -> Contract {
        Contract {
            ticker: "O:A270528C00040000".to_owned(),
            expiration: date("2027-05-28").expect("a date"),
            strike: Decimal::read("40").expect("a number"),
            contract_type: ContractType::Call,
            bid: Some(4.75),
            ask: Some(4.769),
            implied_volatility: Some(0.5),
            gamma: None,
            volume: None,
            open_interest: None,
            shares: None,
            updated_ms: Some(NOW_MS),
            json: r#"{"ticker":"O:A270528C00040000","iv":0.5}"#.to_owned(),
            model: None,
        }
    }

    fn half_a_year() -> i64 {
        NOW_MS + (YEAR_MS / 2.0) as i64
    }

    #[test]
    fn the_model_stands_beside_the_vendors_numbers_and_changes_no_digest() {
        let mut contract = contract();
        contract.model = of(&contract, 42.0, half_a_year(), 0, MODEL);
        let model = contract.model.clone().expect("a model");
        assert!(model.starts_with(r#"{"iv":0.200"#), "{model}");
        assert!(
            model.ends_with(r#""rate_pct":10,"dividend_pct":0}"#),
            "{model}"
        );
        let fetch = Fetch {
            underlying: "A",
            spot: Some(42.0),
            strikes_pct: 10.0,
            fetch_id: "f",
            fetched_ms: NOW_MS,
            source: "massive",
        };
        let written = snapshot(fetch, contract.expiration, std::slice::from_ref(&contract));
        let wanted =
            format!(r#""contracts":[{{"ticker":"O:A270528C00040000","iv":0.5,"model":{model}}}]"#);
        assert!(written.json.contains(&wanted), "{}", written.json);
        contract.model = None;
        let without = snapshot(fetch, contract.expiration, &[contract]);
        assert_eq!(without.digest, written.digest);
    }

    #[test]
    fn without_a_mid_a_side_or_time_there_is_no_model() {
        let none = |change: fn(&mut Contract), expires_ms| {
            let mut contract = contract();
            change(&mut contract);
            assert_eq!(of(&contract, 42.0, expires_ms, NOW_MS, MODEL), None);
        };
        none(|of| of.bid = None, half_a_year());
        none(|of| of.bid = Some(0.0), half_a_year());
        none(|of| of.contract_type = ContractType::Other, half_a_year());
        none(|_| (), NOW_MS);
        // It costs less than exercise is worth.
        none(
            |of| (of.bid, of.ask) = (Some(1.0), Some(1.1)),
            half_a_year(),
        );
    }
}
