//! Finds out which sizes depend on which symbolic axis. A recording knows concrete shapes only, so the forward function
//! is recorded several times with other sizes of the symbolic axes, and what changes between the recordings is read as
//! a function of them. What cannot be told apart is an error, never a guess.

mod align;
mod size;

pub(crate) use align::Trace;
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
}

/// Sizes of each symbol in each recording.
///
/// Recording 0 is the base; recording `i + 1` changes symbol `i` alone, so that its effect can be told from the others';
/// the last one changes all, which tests what was concluded.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) symbols: Vec<Symbol>,
}

impl Plan {
    /// How many recordings the plan needs. A plan without symbols needs two as well: the second has other input
    /// values, which finds a forward function that reads them.
    pub(crate) fn recordings(&self) -> usize {
        self.symbols.len() + 2
    }

    /// Size of every symbol in a recording.
    pub(crate) fn sizes(&self, recording: usize) -> Vec<usize> {
        let pick = |(position, symbol): (usize, &Symbol)| match recording {
            0 => symbol.sizes[0],
            last if last == self.symbols.len() + 1 => symbol.sizes[2],
            one if one == position + 1 => symbol.sizes[1],
            _ => symbol.sizes[0],
        };
        self.symbols.iter().enumerate().map(pick).collect()
    }
}
