//! The model of Black, Scholes and Merton, with a dividend that is paid all the time: from the mid of a contract to its
//! implied volatility, and from that to its greeks (pure).
//!
//! It is for contracts that are exercised at their end alone; those of stocks and funds may be exercised before, so what it
//! says of them is an estimate. It stands beside the vendor's numbers, never in their place.
//!
//! Sources: Black and Scholes, "The Pricing of Options and Corporate Liabilities", 1973; Merton, "Theory of Rational Option
//! Pricing", 1973. The normal distribution is Hart's rational approximation as West has it ("Better approximations to
//! cumulative normal functions", 2005).

use std::f64::consts::TAU;

/// The terms of a contract, and what the market says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    pub is_call: bool,
    pub spot: f64,
    pub strike: f64,
    /// Years to its end.
    pub years: f64,
    /// A year, 0.05 for 5 %; compounded continuously.
    pub rate: f64,
    pub dividend: f64,
}

/// What follows from a volatility.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Greeks {
    pub delta: f64,
    pub gamma: f64,
    /// A day, as the vendor has it.
    pub theta: f64,
    /// For one percent of volatility, as the vendor has it.
    pub vega: f64,
}

/// Volatilities that are looked for: 0.1 % to 1000 % a year.
const VOLATILITY: (f64, f64) = (0.001, 10.0);
/// Halvings of that span: what is left is far below what a quote can tell.
const HALVINGS: u32 = 60;
/// A price is worth so little less than its bound that no volatility can be read from it.
const SLACK: f64 = 1e-9;
const DAYS_A_YEAR: f64 = 365.0;

impl Terms {
    /// Both shares of the price: of the spot without its dividends, and of the strike as it is worth today.
    fn parts(&self) -> (f64, f64) {
        (
            self.spot * (-self.dividend * self.years).exp(),
            self.strike * (-self.rate * self.years).exp(),
        )
    }

    fn d1_d2(&self, volatility: f64) -> (f64, f64) {
        let width = volatility * self.years.sqrt();
        let drift = (self.rate - self.dividend + volatility * volatility / 2.0) * self.years;
        let d1 = ((self.spot / self.strike).ln() + drift) / width;
        (d1, d1 - width)
    }

    /// The price at a volatility.
    pub fn price(&self, volatility: f64) -> f64 {
        let (spot, strike) = self.parts();
        let (d1, d2) = self.d1_d2(volatility);
        if self.is_call {
            spot * normal(d1) - strike * normal(d2)
        } else {
            strike * normal(-d2) - spot * normal(-d1)
        }
    }

    /// The volatility at which the contract costs this; `None` where there is none: below its worth at exercise, above
    /// all that it can be worth, or beyond what is looked for.
    pub fn implied_volatility(&self, price: f64) -> Option<f64> {
        let all = [self.spot, self.strike, self.years, price];
        if !all.iter().all(|number| number.is_finite() && *number > 0.0) {
            return None;
        }
        let (mut low, mut high) = VOLATILITY;
        if self.price(low) > price - SLACK * price || self.price(high) < price + SLACK * price {
            return None;
        }
        // The price grows with the volatility: halving cannot miss it.
        for _ in 0..HALVINGS {
            let middle = low.midpoint(high);
            if self.price(middle) < price {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(low.midpoint(high))
    }

    /// The greeks at a volatility.
    pub fn greeks(&self, volatility: f64) -> Greeks {
        let (spot, strike) = self.parts();
        let (d1, d2) = self.d1_d2(volatility);
        let (root, density) = (self.years.sqrt(), (-d1 * d1 / 2.0).exp() / TAU.sqrt());
        let sign = if self.is_call { 1.0 } else { -1.0 };
        let carried = sign
            * (self.dividend * spot * normal(sign * d1) - self.rate * strike * normal(sign * d2));
        Greeks {
            delta: sign * spot / self.spot * normal(sign * d1),
            gamma: spot / self.spot * density / (self.spot * volatility * root),
            theta: (carried - spot * density * volatility / (2.0 * root)) / DAYS_A_YEAR,
            vega: spot * density * root / 100.0,
        }
    }
}

/// How likely a normal number is below `x`.
fn normal(x: f64) -> f64 {
    let away = x.abs();
    let tail = if away > 37.0 {
        0.0
    } else {
        let density = (-away * away / 2.0).exp();
        if away < 7.071_067_811_865_475 {
            let above = [
                0.035_262_496_599_891_1,
                0.700_383_064_443_688,
                6.373_962_203_531_65,
                33.912_866_078_383,
                112.079_291_497_871,
                221.213_596_169_931,
                220.206_867_912_376,
            ];
            let below = [
                0.088_388_347_648_318_4,
                1.755_667_163_182_64,
                16.064_177_579_207,
                86.780_732_202_946_1,
                296.564_248_779_674,
                637.333_633_378_831,
                793.826_512_519_948,
                440.413_735_824_752,
            ];
            let polynomial = |terms: &[f64]| terms.iter().fold(0.0, |sum, term| sum * away + term);
            density * polynomial(&above) / polynomial(&below)
        } else {
            let fraction = (1..=4)
                .rev()
                .fold(away + 0.65, |rest, nth| away + f64::from(nth) / rest);
            density / fraction / TAU.sqrt()
        }
    };
    if x > 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;

    fn near(found: f64, wanted: f64, by: f64) {
        assert!((found - wanted).abs() <= by, "{found} is not {wanted}");
    }

    #[test]
    fn it_prices_as_the_textbook_does() {
        // Hull, "Options, Futures, and Other Derivatives", example 15.6: 42, 40, half a year, 10 %, 20 %.
        let call = Terms {
            is_call: true,
            spot: 42.0,
            strike: 40.0,
            years: 0.5,
            rate: 0.1,
            dividend: 0.0,
        };
        near(call.price(0.2), 4.759, 0.001);
        let put = Terms {
            is_call: false,
            ..call
        };
        near(put.price(0.2), 0.808, 0.001);
        // Example 17.1: an index with a dividend: 930, 900, two months, 8 %, 3 %, 20 %.
        let index = Terms {
            is_call: true,
            spot: 930.0,
            strike: 900.0,
            years: 2.0 / 12.0,
            rate: 0.08,
            dividend: 0.03,
        };
        near(index.price(0.2), 51.83, 0.01);
        // Examples 19.1 to 19.6: 49, 50, 20 weeks, 5 %, 20 %.
        let stock = Terms {
            is_call: true,
            spot: 49.0,
            strike: 50.0,
            years: 0.3846,
            rate: 0.05,
            dividend: 0.0,
        };
        let greeks = stock.greeks(0.2);
        near(greeks.delta, 0.522, 0.001);
        near(greeks.gamma, 0.066, 0.001);
        near(greeks.vega, 0.121, 0.001);
        near(greeks.theta, -4.31 / 365.0, 0.0001);
    }

    #[test]
    fn where_no_volatility_leads_to_a_price_there_is_none() {
        let call = Terms {
            is_call: true,
            spot: 100.0,
            strike: 80.0,
            years: 0.25,
            rate: 0.05,
            dividend: 0.0,
        };
        // Below what exercise is worth, above the stock itself, nothing, and no number.
        for price in [20.5, 100.5, 0.0, -1.0, f64::NAN] {
            assert_eq!(call.implied_volatility(price), None, "{price}");
        }
        for years in [0.0, -0.1] {
            let over = Terms { years, ..call };
            assert_eq!(over.implied_volatility(21.0), None, "{years}");
        }
    }

    #[test]
    fn the_normal_distribution_is_exact_where_tables_are() {
        for (x, below) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_543),
            (-1.96, 0.024_997_895_148_220),
            (3.0, 0.998_650_101_968_370),
            (-8.0, 6.220_960_574_271_79e-16),
        ] {
            near(normal(x) / below, 1.0, 1e-7);
        }
        assert_eq!((normal(-40.0), normal(40.0)), (0.0, 1.0));
    }

    proptest! {
        #![proptest_config(Config { failure_persistence: None, ..Config::default() })]
        /// A price leads back to its volatility; calls and puts keep their parity; each greek is the slope that it stands for.
        #[test]
        fn what_it_says_of_a_contract_fits_together(
            is_call: bool, spot in 10.0..6_000.0_f64, moneyness in 0.7..1.4_f64, days in 2.0..700.0_f64,
            rate in 0.0..0.25_f64, dividend in 0.0..0.25_f64, volatility in 0.05..2.0_f64,
        ) {
            let terms = Terms { is_call, spot, strike: spot * moneyness, years: days / 365.0, rate, dividend };
            let price = terms.price(volatility);
            let greeks = terms.greeks(volatility);
            // Where a percent of volatility is worth nothing, no price tells it.
            if greeks.vega > 1e-4 * spot / 100.0 {
                let found = terms.implied_volatility(price);
                prop_assert!(found.is_some_and(|found| (found - volatility).abs() < 1e-6), "{:?}", found);
            }
            let other = Terms { is_call: !is_call, ..terms };
            let (parts, sign) = (terms.parts(), if is_call { 1.0 } else { -1.0 });
            prop_assert!((price - other.price(volatility) - sign * (parts.0 - parts.1)).abs() < 1e-8 * spot);
            let step = spot * 1e-4;
            let moved = |by: f64| Terms { spot: spot + by, ..terms };
            let slope = (moved(step).price(volatility) - moved(-step).price(volatility)) / (2.0 * step);
            prop_assert!((slope - greeks.delta).abs() < 1e-4);
            let bend = (moved(step).greeks(volatility).delta - moved(-step).greeks(volatility).delta) / (2.0 * step);
            prop_assert!((bend - greeks.gamma).abs() < 1e-3 * greeks.gamma.abs() + 1e-9);
            let wider = (terms.price(volatility + 1e-5) - terms.price(volatility - 1e-5)) / 2e-5 / 100.0;
            prop_assert!((wider - greeks.vega).abs() < 1e-5 * spot);
            let later = |by: f64| Terms { years: terms.years - by, ..terms };
            let decay = (later(1e-6).price(volatility) - later(-1e-6).price(volatility)) / 2e-6 / 365.0;
            prop_assert!((decay - greeks.theta).abs() < 1e-4 * spot);
        }
    }
}
