//! Assigns groups to splits so that every split has its share of every label. With few and uneven groups a greedy
//! assignment is poor, so it is repeated from several orders, and each result is improved by moves and swaps; the best
//! one is kept. The rarest labels are placed first (iterative stratification, Sechidis et al., ECML 2011).

use rand::Rng;

use super::random;
use super::split::Split;
use super::{DataError, Dataset, GroupKind, Result};

/// Cost of a label that a split lacks: more than any unevenness.
const MISSING: f64 = 1e3;
/// Above this many groups, one start is enough.
const MANY: usize = 600;
const STARTS: u64 = 16;
const MAX_PASSES: usize = 40;

/// The split of every tile; the tiles of one unit are in one split.
pub(super) fn assign(dataset: &Dataset, units: &[Vec<usize>], fractions: [f64; 3], seed: u64) -> Result<Vec<Split>> {
    let problem = Problem::new(dataset, units, fractions);
    problem.check_groups()?;
    let starts = if units.len() > MANY { 1 } else { STARTS };
    let mut best: Option<(f64, Vec<usize>)> = None;
    for start in 0..starts {
        let mut rng = random::stream(seed, b"split   ", start, 0);
        let mut solution = problem.greedy(&mut rng);
        solution.improve(&mut rng);
        let cost = solution.cost();
        if best.as_ref().is_none_or(|(least, _)| cost < *least) {
            best = Some((cost, solution.sides));
        }
    }
    match best {
        Some((cost, sides)) if cost < MISSING => Ok(problem.assignments(units, &sides, dataset.len())),
        _ => Err(problem.indivisible()),
    }
}

struct Problem {
    labels: Vec<String>,
    /// Tiles of each label, by unit.
    units: Vec<Vec<f64>>,
    totals: Vec<f64>,
    fractions: [f64; 3],
    /// The splits with a fraction above 0.
    open: Vec<usize>,
    /// The kind of the groups, for errors.
    kind: GroupKind,
}

impl Problem {
    fn new(dataset: &Dataset, units: &[Vec<usize>], fractions: [f64; 3]) -> Self {
        let labels = dataset.labels();
        let count = |unit: &Vec<usize>| {
            let mut counts = vec![0.0; labels.len()];
            for index in unit {
                if let Ok(label) = labels.binary_search(&dataset.entries[*index].label) {
                    counts[label] += 1.0;
                }
            }
            counts
        };
        let units: Vec<Vec<f64>> = units.iter().map(count).collect();
        let totals = (0..labels.len()).map(|label| units.iter().map(|unit| unit[label]).sum()).collect();
        let open = (0..3).filter(|side| fractions[*side] > 0.0).collect();
        let kind = if dataset.groups_are_slides() { GroupKind::Slides } else { GroupKind::Groups };
        Self { labels, units, totals, fractions, open, kind }
    }

    fn groups_with(&self, label: usize) -> usize {
        self.units.iter().filter(|unit| unit[label] > 0.0).count()
    }

    /// A label needs one group for each split.
    fn check_groups(&self) -> Result<()> {
        let needed = self.open.len();
        for (label, name) in self.labels.iter().enumerate() {
            let groups = self.groups_with(label);
            if groups < needed {
                return Err(DataError::TooFewGroups { label: name.clone(), groups, splits: needed, kind: self.kind });
            }
        }
        Ok(())
    }

    fn indivisible(&self) -> DataError {
        let labels = self.labels.iter().enumerate().map(|(at, name)| (name.clone(), self.groups_with(at))).collect();
        DataError::Indivisible { groups: self.units.len(), labels, splits: self.open.len(), kind: self.kind }
    }

    /// Places the units of the rarest label first, the largest first, each in the split that lacks most of that label.
    fn greedy(&self, rng: &mut impl Rng) -> Solution<'_> {
        let mut solution = Solution {
            problem: self,
            sides: vec![usize::MAX; self.units.len()],
            counts: vec![[0.0; 3]; self.labels.len()],
        };
        let mut order: Vec<usize> = (0..self.units.len()).collect();
        random::shuffle(&mut order, rng);
        let size = |unit: usize| self.units[unit].iter().sum::<f64>();
        order.sort_by(|a, b| size(*b).total_cmp(&size(*a)));
        let mut labels: Vec<usize> = (0..self.labels.len()).collect();
        labels.sort_by_key(|label| self.groups_with(*label));
        for label in labels {
            for &unit in &order {
                if solution.sides[unit] == usize::MAX && self.units[unit][label] > 0.0 {
                    let wanted =
                        |side: &&usize| self.fractions[**side] * self.totals[label] - solution.counts[label][**side];
                    let side = self.open.iter().max_by(|a, b| wanted(a).total_cmp(&wanted(b))).copied().unwrap_or(0);
                    solution.place(unit, side);
                }
            }
        }
        solution
    }

    fn assignments(&self, units: &[Vec<usize>], sides: &[usize], tiles: usize) -> Vec<Split> {
        let mut assignments = vec![Split::Train; tiles];
        for (unit, side) in units.iter().zip(sides) {
            for index in unit {
                assignments[*index] = Split::ALL[*side];
            }
        }
        assignments
    }
}

struct Solution<'a> {
    problem: &'a Problem,
    /// The split of each unit.
    sides: Vec<usize>,
    /// Tiles of each label in each split.
    counts: Vec<[f64; 3]>,
}

impl Solution<'_> {
    fn place(&mut self, unit: usize, side: usize) {
        for (label, tiles) in self.problem.units[unit].iter().enumerate() {
            if self.sides[unit] != usize::MAX {
                self.counts[label][self.sides[unit]] -= tiles;
            }
            self.counts[label][side] += tiles;
        }
        self.sides[unit] = side;
    }

    /// Squared differences between the actual and the intended share of each label in each split.
    fn cost(&self) -> f64 {
        let mut cost = 0.0;
        for (label, counts) in self.counts.iter().enumerate() {
            for &side in &self.problem.open {
                let off = counts[side] / self.problem.totals[label] - self.problem.fractions[side];
                cost += off * off + if counts[side] > 0.0 { 0.0 } else { MISSING };
            }
        }
        cost
    }

    /// Moves single units, and swaps pairs if there are few, until the cost no longer falls.
    fn improve(&mut self, rng: &mut impl Rng) {
        let mut order: Vec<usize> = (0..self.sides.len()).collect();
        random::shuffle(&mut order, rng);
        for _ in 0..MAX_PASSES {
            let moved = self.move_pass(&order);
            let swapped = order.len() <= MANY && self.swap_pass(&order);
            if !moved && !swapped {
                return;
            }
        }
    }

    fn move_pass(&mut self, order: &[usize]) -> bool {
        let mut improved = false;
        for &unit in order {
            let (home, before) = (self.sides[unit], self.cost());
            let mut best = (before - 1e-12, home);
            for &side in &self.problem.open {
                self.place(unit, side);
                let cost = self.cost();
                if cost < best.0 {
                    best = (cost, side);
                }
            }
            self.place(unit, best.1);
            improved |= best.1 != home;
        }
        improved
    }

    fn swap_pass(&mut self, order: &[usize]) -> bool {
        let mut improved = false;
        for (at, &a) in order.iter().enumerate() {
            for &b in &order[at + 1..] {
                let (side_a, side_b) = (self.sides[a], self.sides[b]);
                if side_a == side_b {
                    continue;
                }
                let before = self.cost();
                self.place(a, side_b);
                self.place(b, side_a);
                if self.cost() < before - 1e-12 {
                    improved = true;
                } else {
                    self.place(a, side_a);
                    self.place(b, side_b);
                }
            }
        }
        improved
    }
}
