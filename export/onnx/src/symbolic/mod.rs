//! Sizes as functions of symbolic axes. A recording has concrete shapes only, so the forward function is recorded several
//! times with other sizes of the symbolic axes, and each size is explained as a function of them. A recording with a much
//! larger size of each axis verifies the functions. A size that no function explains in every recording is an error.

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
    /// A size without common factors, for the optional recording. The last of `sizes` if the user chose them.
    pub(crate) odd: usize,
}

impl Symbol {
    /// The sizes for a sample of size `sample`: once, twice and three times that size, since some forward functions accept
    /// only multiples, and a larger prime. Sizes start at 2, because a size of 1 looks like a broadcast.
    pub(crate) fn usual_sizes(sample: usize) -> ([usize; 3], usize) {
        let base = sample.max(2);
        ([base, 2 * base, 3 * base], prime_from(3 * base + 1))
    }

    /// Much larger sizes, for a recording that verifies the formulas, in descending order: a forward function may have an
    /// upper limit. They are primes, or multiples of the base if the forward function may accept no others. There are none
    /// if the user chose the sizes.
    pub(crate) fn larger(&self, only_multiples: bool) -> Vec<usize> {
        if self.odd == self.sizes[2] {
            return Vec::new();
        }
        let unit = if only_multiples { self.sizes[0] } else { 1 };
        let sizes = [1009.max(prime_from(2 * self.odd)), 257, 67, 31, 17].map(|size| size.next_multiple_of(unit));
        sizes.into_iter().filter(|size| *size > self.odd).collect()
    }
}

/// The first prime that is at least `least`.
fn prime_from(least: usize) -> usize {
    let is_prime = |number: &usize| {
        (2..).take_while(|factor| factor * factor <= *number).all(|factor| !number.is_multiple_of(factor))
    };
    (least..).find(is_prime).unwrap_or(least)
}

/// Sizes of each symbol in each recording.
///
/// Recording 0 is the base. Recording `i + 1` changes only symbol `i`, which isolates its effect. The next one changes all
/// symbols, which tests the formulas. If the forward function accepts them, the next one has odd sizes, which distinguishes
/// a size from one that was divided and multiplied again. The last ones each have a much larger size of one symbol, which
/// finds limits and branches.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) symbols: Vec<Symbol>,
    /// Includes the recording with odd sizes.
    pub(crate) odd: bool,
    /// The recordings with a much larger size: the position of the symbol, and its size.
    pub(crate) large: Vec<(usize, usize)>,
}

impl Plan {
    /// The number of recordings. It is two even without symbols: the second has other input values, which exposes a
    /// forward function that reads them.
    pub(crate) fn recordings(&self) -> usize {
        self.first_large() + self.large.len()
    }

    fn first_large(&self) -> usize {
        self.symbols.len() + 2 + usize::from(self.odd)
    }

    /// Returns true for a recording with a much larger size.
    pub(crate) fn is_large(&self, recording: usize) -> bool {
        recording >= self.first_large()
    }

    /// The plan with one more recording, which has a much larger size of the symbol at `position`.
    pub(crate) fn with_large(&self, position: usize, size: usize) -> Self {
        let large = self.large.iter().copied().chain([(position, size)]).collect();
        Self { large, ..self.clone() }
    }

    /// The size of every symbol in a recording.
    pub(crate) fn sizes(&self, recording: usize) -> Vec<usize> {
        let all = self.symbols.len() + 1;
        if let Some((changed, size)) = recording.checked_sub(self.first_large()).and_then(|at| self.large.get(at)) {
            let of = |(position, symbol): (usize, &Symbol)| if position == *changed { *size } else { symbol.sizes[0] };
            return self.symbols.iter().enumerate().map(of).collect();
        }
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

    /// The larger sizes for messages, and the sizes from which formulas were inferred:
    /// `batch = 1009 than with 2, 4, 6 or 7`.
    pub(crate) fn describe_large(&self) -> String {
        let one = |(position, size): &(usize, usize)| {
            let Symbol { name, sizes: [base, twice, last], odd, .. } = &self.symbols[*position];
            let usual = if self.odd {
                format!("{base}, {twice}, {last} or {odd}")
            } else {
                format!("{base}, {twice} or {last}")
            };
            format!("{name} = {size} than with {usual}")
        };
        self.large.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}
