//! Finds out which sizes depend on which symbolic axis. A recording knows concrete shapes only, so the forward function
//! is recorded several times with other sizes of the symbolic axes, and what changes between the recordings is read as
//! a function of them. What cannot be told apart is an error, never a guess.

mod made;
mod size;

pub(crate) use made::Made;
pub(crate) use size::{Form, Size};

/// A named axis whose size is left open, and where the graph can read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    /// Position of an input that has the axis.
    pub(crate) input: usize,
    /// The axis of that input.
    pub(crate) axis: usize,
    /// Sizes to record with: the first is the base.
    pub(crate) sizes: [usize; 3],
    /// A size without common factors, for the recording that a forward function may refuse.
    pub(crate) odd: usize,
}

impl Symbol {
    /// Sizes for a sample of size `sample`: it, twice and three times it, which suits a forward function that takes
    /// multiples only, and a prime beyond these. A size of 1 would be taken for a broadcast.
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
/// Recording 0 is the base; recording `i + 1` changes symbol `i` alone, so that its effect can be told from the others';
/// the next one changes all, which tests what was concluded. Where the forward function takes it, a last one has odd
/// sizes, which tells a size from one that was divided and multiplied on the way.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) symbols: Vec<Symbol>,
    /// Whether the odd sizes are recorded too.
    pub(crate) odd: bool,
}

impl Plan {
    /// How many recordings the plan needs. A plan without symbols needs two as well: the second has other input
    /// values, which finds a forward function that reads them.
    pub(crate) fn recordings(&self) -> usize {
        self.symbols.len() + 2 + usize::from(self.odd)
    }

    /// Size of every symbol in a recording.
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

    /// The sizes of a recording as a person reads them: `batch = 4, time = 10`.
    pub(crate) fn describe(&self, recording: usize) -> String {
        let sizes = self.sizes(recording);
        let each = self.symbols.iter().zip(sizes).map(|(symbol, size)| format!("{} = {size}", symbol.name));
        each.collect::<Vec<_>>().join(", ")
    }
}
