//! The size of an axis or a slice in every recording, and the formula that explains it.

use super::{Plan, Symbol};

/// A size in each recording, in the plan's order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Size(pub(crate) Vec<i64>);

/// The formula of a size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The same in every recording.
    Fixed(i64),
    /// `(constant + sum(factor * symbol)) / divisor`, rounded down.
    Linear { constant: i64, factors: Vec<i64>, divisor: i64 },
    /// `factor * product(symbol ^ power) / divisor`, without a remainder.
    Product { factor: i64, powers: Vec<u32>, divisor: i64 },
}

impl Size {
    /// The size, if it is the same in every recording.
    pub(crate) fn fixed(&self) -> Option<i64> {
        let first = *self.0.first()?;
        self.0.iter().all(|size| *size == first).then_some(first)
    }

    /// The size in the base recording.
    pub(crate) fn base(&self) -> i64 {
        self.0.first().copied().unwrap_or_default()
    }

    /// The simplest formula that explains every recording, if there is one.
    pub(crate) fn form(&self, plan: &Plan) -> Option<Form> {
        if let Some(fixed) = self.fixed() {
            return Some(Form::Fixed(fixed));
        }
        self.product(plan).or_else(|| self.linear(plan))
    }

    /// A readable name for the dimension, such as `batch` or `8*batch`.
    pub(crate) fn name(&self, plan: &Plan) -> Option<String> {
        let names = || plan.symbols.iter().map(|symbol| symbol.name.as_str());
        match self.form(plan)? {
            Form::Fixed(_) => None,
            Form::Linear { constant, factors, divisor } => {
                let terms = names().zip(&factors).filter(|(_, factor)| **factor != 0);
                let terms = terms.map(|(name, factor)| scaled(*factor, name.to_owned()));
                let constant = (constant != 0).then(|| constant.to_string());
                let terms: Vec<String> = terms.chain(constant).collect();
                let sum = terms.join(" + ");
                Some(if terms.len() > 1 && divisor != 1 {
                    divided(format!("({sum})"), divisor)
                } else {
                    divided(sum, divisor)
                })
            }
            Form::Product { factor, powers, divisor } => {
                let names = names().zip(&powers).flat_map(|(name, power)| std::iter::repeat_n(name, *power as usize));
                Some(divided(scaled(factor, names.collect::<Vec<_>>().join("*")), divisor))
            }
        }
    }

    /// The sizes of strided convolutions are rounded down. If several constants round to the same sizes, the formula is
    /// ambiguous, unless no odd size was recorded: then the forward function accepts only multiples, which divide evenly.
    fn linear(&self, plan: &Plan) -> Option<Form> {
        let slope = |(position, symbol): (usize, &Symbol)| {
            let step = symbol.sizes[1] as i64 - symbol.sizes[0] as i64;
            let change = self.0.get(position + 1)? - self.base();
            let common = gcd(change, step);
            Some((change / common, step / common))
        };
        let slopes: Vec<(i64, i64)> = plan.symbols.iter().enumerate().map(slope).collect::<Option<_>>()?;
        let divisor = slopes.iter().try_fold(1_i64, |all, (_, one)| all.checked_mul(one.abs() / gcd(all, *one)))?;
        let factors: Vec<i64> = slopes.iter().map(|(change, step)| change * (divisor / step)).collect();
        let sum = |recording: usize| -> i64 {
            factors.iter().zip(plan.sizes(recording)).map(|(factor, size)| factor * size as i64).sum()
        };
        let exact = self.base() * divisor - sum(0);
        let explains = |constant: &i64| {
            (0..plan.recordings()).all(|one| self.0.get(one) == Some(&(constant + sum(one)).div_euclid(divisor)))
        };
        let mut constants = (exact..exact + divisor).filter(explains);
        let constant = constants.next()?;
        let is_unambiguous = constants.next().is_none() || (!plan.odd && constant == exact);
        is_unambiguous.then_some(Form::Linear { constant, factors, divisor })
    }

    fn product(&self, plan: &Plan) -> Option<Form> {
        let mut powers = Vec::new();
        let mut divisor = 1_i64;
        for (position, symbol) in plan.symbols.iter().enumerate() {
            let (before, after) = (symbol.sizes[0] as i64, symbol.sizes[1] as i64);
            let there = *self.0.get(position + 1)?;
            let power = (0..4).find(|power| self.base() * after.pow(*power) == there * before.pow(*power))?;
            divisor = divisor.checked_mul(before.pow(power))?;
            powers.push(power);
        }
        let common = gcd(self.base(), divisor);
        let (factor, divisor) = (self.base() / common, divisor / common);
        let explains = (0..plan.recordings()).all(|recording| {
            let sizes = plan.sizes(recording);
            let product: i64 = powers.iter().zip(&sizes).map(|(power, size)| (*size as i64).pow(*power)).product();
            self.0.get(recording).is_some_and(|size| size * divisor == factor * product)
        });
        explains.then_some(Form::Product { factor, powers, divisor })
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

fn divided(name: String, divisor: i64) -> String {
    if divisor == 1 { name } else { format!("{name}/{divisor}") }
}

fn scaled(factor: i64, name: String) -> String {
    if factor == 1 { name } else { format!("{factor}*{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let symbol = |name: &str, sizes, odd| Symbol { name: name.to_owned(), input: 0, axis: 0, sizes, odd };
        Plan {
            symbols: vec![symbol("batch", [2, 4, 6], 7), symbol("time", [6, 12, 18], 19)],
            odd: true,
            large: Vec::new(),
        }
    }

    /// The sizes of a formula in all recordings of the plan.
    fn sizes(formula: impl Fn(i64, i64) -> i64) -> Size {
        let plan = plan();
        Size((0..plan.recordings()).map(|i| plan.sizes(i)).map(|s| formula(s[0] as i64, s[1] as i64)).collect())
    }

    #[test]
    fn formulas_are_found_and_named() {
        assert_eq!(sizes(|_, _| 7).form(&plan()), Some(Form::Fixed(7)));
        assert_eq!(sizes(|b, _| b).name(&plan()).as_deref(), Some("batch"));
        assert_eq!(sizes(|b, t| 3 * b * t).name(&plan()).as_deref(), Some("3*batch*time"));
        assert_eq!(sizes(|_, t| t - 1).name(&plan()).as_deref(), Some("time + -1"));
        assert_eq!(sizes(|_, t| (t + 1) / 2).name(&plan()).as_deref(), Some("(time + 1)/2"));
        assert_eq!(sizes(|_, t| t * t).name(&plan()).as_deref(), Some("time*time"));
    }

    #[test]
    fn what_no_formula_explains_is_not_guessed() {
        assert_eq!(sizes(|b, t| b * t + 1).form(&plan()), None);
        assert_eq!(sizes(|b, t| b * t / 5).form(&plan()), None);
        // Of multiples alone, this would be the size itself.
        assert_eq!(sizes(|_, t| t / 2 * 2).form(&plan()), None);
    }
}
