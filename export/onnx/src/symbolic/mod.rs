//! Sizes as functions of symbolic axes. A recording has concrete shapes only, so the forward function is recorded several
//! times with other sizes of the symbolic axes, and each size is explained as a function of them. An ambiguous size is an
//! error, never a guess.

mod size;
mod varying;

pub(crate) use size::{Form, Size};
pub(crate) use varying::{Progression, VaryingConstant};

/// A symbolic axis, and an input from which the graph can read its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    /// Position of an input that has the axis.
    pub(crate) input: usize,
    /// The axis of that input.
    pub(crate) axis: usize,
    /// The sizes to record with, the base first.
    pub(crate) sizes: [usize; 3],
    /// A size without common factors, for the optional recording.
    pub(crate) odd: usize,
}

impl Symbol {
    /// The sizes for a sample of size `sample`: once, twice and three times that size, since some forward functions accept
    /// only multiples, and a larger prime. Sizes start at 2, because a size of 1 looks like a broadcast.
    pub(crate) fn usual_sizes(sample: usize) -> ([usize; 3], usize) {
        let base = sample.max(2);
        let is_prime = |number: &usize| {
            (2..).take_while(|factor| factor * factor <= *number).all(|factor| !number.is_multiple_of(factor))
        };
        let odd = (3 * base + 1..).find(is_prime).unwrap_or(3 * base + 1);
        ([base, 2 * base, 3 * base], odd)
    }
}

/// Sizes of each symbol in each recording.
///
/// Recording 0 is the base. Recording `i + 1` changes only symbol `i`, which isolates its effect. The next one changes all
/// symbols, which tests the formulas. If the forward function accepts them, a last one has odd sizes, which distinguishes
/// a size from one that was divided and multiplied again.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) symbols: Vec<Symbol>,
    /// Includes the recording with odd sizes.
    pub(crate) odd: bool,
}

impl Plan {
    /// The number of recordings. It is two even without symbols: the second has other input values, which exposes a
    /// forward function that reads them.
    pub(crate) fn recordings(&self) -> usize {
        self.symbols.len() + 2 + usize::from(self.odd)
    }

    /// The size of every symbol in a recording.
    pub(crate) fn sizes(&self, recording: usize) -> Vec<usize> {
        let all = self.symbols.len() + 1;
        let pick = |(position, symbol): (usize, &Symbol)| match recording {
            0 => symbol.sizes[0],
            one if one == all => symbol.sizes[2],
            one if one > all => symbol.odd,
            one if one == position + 1 => symbol.sizes[1],
            _ => symbol.sizes[0],
        };
        self.symbols.iter().enumerate().map(pick).collect()
    }

    /// The sizes of a recording for messages: `batch = 4, time = 10`.
    pub(crate) fn describe(&self, recording: usize) -> String {
        let sizes = self.sizes(recording);
        let each = self.symbols.iter().zip(sizes).map(|(symbol, size)| format!("{} = {size}", symbol.name));
        each.collect::<Vec<_>>().join(", ")
    }
}
