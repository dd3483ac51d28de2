//! Holes in entropy-coded data: parts of a file that were never written read as zeros. A run of zeros is often a valid
//! sequence of codes, and the picture continues after it, shifted. A whole file has long runs of zero bytes only in flat
//! areas, whose blocks have no coefficients; a run that codes many coefficients, all negative, is a hole.

use super::markers::damaged;
use crate::error::TileError;

/// Length of the shortest run, in bytes.
const SHORTEST: usize = 24;

/// Most coefficients in a run that is not a hole: more than the equal coefficients of any smooth block.
const MOST_COEFFICIENTS: usize = 24;

/// Runs of zero bytes, in bits, and the number of coefficients in the current run.
pub(super) struct ZeroRuns {
    runs: Vec<std::ops::Range<usize>>,
    current: usize,
    coefficients: usize,
}

impl ZeroRuns {
    /// Finds the runs in `data`.
    pub(super) fn find(data: &[u8]) -> Self {
        let mut runs = Vec::new();
        let mut at = 0;
        // A run covers at least one byte in every `SHORTEST`, so checking these finds all runs.
        while at < data.len() {
            if data[at] != 0 {
                at += SHORTEST;
                continue;
            }
            let before = data[..at].iter().rev().take_while(|byte| **byte == 0).count();
            let after = data[at..].iter().take_while(|byte| **byte == 0).count();
            if before + after >= SHORTEST {
                runs.push(8 * (at - before)..8 * (at + after));
            }
            at += after.max(1) + SHORTEST - 1;
        }
        Self { runs, current: 0, coefficients: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Counts a coefficient coded by the bits from `start` to `end`.
    pub(super) fn coefficient(&mut self, start: usize, end: usize) -> Result<(), TileError> {
        while self.runs.get(self.current).is_some_and(|run| run.end < end) {
            self.current += 1;
            self.coefficients = 0;
        }
        if self.runs.get(self.current).is_some_and(|run| run.start <= start) {
            self.coefficients += 1;
            if self.coefficients > MOST_COEFFICIENTS {
                return Err(damaged("part of the image data is zeros: the file has a hole".to_owned()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_is_found_wherever_it_begins() {
        for start in 0..60 {
            for length in [SHORTEST - 1, SHORTEST, SHORTEST + 1, 3 * SHORTEST] {
                let data: Vec<u8> = (0..200).map(|at| u8::from(!(start..start + length).contains(&at))).collect();
                let expected: Vec<_> =
                    (length >= SHORTEST).then_some(8 * start..8 * (start + length)).into_iter().collect();
                assert_eq!(ZeroRuns::find(&data).runs, expected, "{start} {length}");
            }
        }
    }
}
