//! A static tree of bounding boxes: finds the items near a rectangle among millions, without looking at the rest.

use std::ops::Range;

/// Items per leaf, and children per node.
const FAN: usize = 16;

/// A bounding box. An empty one contains nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub(super) min: [f64; 2],
    pub(super) max: [f64; 2],
}

impl Bounds {
    pub(super) const EMPTY: Self = Self { min: [f64::INFINITY; 2], max: [f64::NEG_INFINITY; 2] };

    pub(super) fn join(self, other: Self) -> Self {
        Self {
            min: [self.min[0].min(other.min[0]), self.min[1].min(other.min[1])],
            max: [self.max[0].max(other.max[0]), self.max[1].max(other.max[1])],
        }
    }

    pub(super) fn from_points<'a>(points: impl IntoIterator<Item = &'a [f64; 2]>) -> Self {
        points.into_iter().fold(Self::EMPTY, |bounds, point| bounds.join(Self { min: *point, max: *point }))
    }

    pub(super) fn touches(&self, other: &Self) -> bool {
        (0..2).all(|axis| self.min[axis] <= other.max[axis] && self.max[axis] >= other.min[axis])
    }
}

/// The boxes of groups of consecutive items, of groups of groups, and so on. Items that are near each other should have
/// near numbers: the edges of a ring do, shapes are sorted by [`along_curve`].
#[derive(Debug, Clone)]
pub(super) struct BoxTree {
    len: usize,
    /// From the groups of [`FAN`] items up to at most [`FAN`] boxes.
    levels: Vec<Vec<Bounds>>,
}

impl BoxTree {
    pub(super) fn new(items: impl Iterator<Item = Bounds>) -> Self {
        let items: Vec<Bounds> = items.collect();
        let group = |boxes: &[Bounds]| -> Vec<Bounds> {
            boxes.chunks(FAN).map(|chunk| chunk.iter().fold(Bounds::EMPTY, |all, one| all.join(*one))).collect()
        };
        let mut levels = vec![group(&items)];
        while let Some(last) = levels.last().filter(|last| last.len() > FAN) {
            levels.push(group(last));
        }
        Self { len: items.len(), levels }
    }

    /// Calls `found` with ranges of items, in order, that may touch `bounds`. The caller checks each item.
    pub(super) fn visit(&self, bounds: &Bounds, found: &mut impl FnMut(Range<usize>)) {
        let top = self.levels.len() - 1;
        self.descend(top, 0..self.levels[top].len(), bounds, found);
    }

    fn descend(&self, level: usize, boxes: Range<usize>, bounds: &Bounds, found: &mut impl FnMut(Range<usize>)) {
        for index in boxes {
            if !self.levels[level][index].touches(bounds) {
                continue;
            }
            let first = index * FAN;
            match level.checked_sub(1) {
                Some(below) => self.descend(below, first..(first + FAN).min(self.levels[below].len()), bounds, found),
                None => found(first..(first + FAN).min(self.len)),
            }
        }
    }
}

/// Returns the numbers of the boxes in an order that keeps neighbours together (Morton order of their centres).
pub(super) fn along_curve(boxes: &[Bounds]) -> Vec<usize> {
    let all = boxes.iter().fold(Bounds::EMPTY, |all, one| all.join(*one));
    let code = |index: &usize| {
        let cell = |axis: usize| {
            let centre = f64::midpoint(boxes[*index].min[axis], boxes[*index].max[axis]);
            ((centre - all.min[axis]) / (all.max[axis] - all.min[axis]) * 65_535.0) as u16
        };
        (0..16).fold(0_u32, |code, bit| {
            code | u32::from(cell(0) >> bit & 1) << (2 * bit) | u32::from(cell(1) >> bit & 1) << (2 * bit + 1)
        })
    };
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by_cached_key(code);
    order
}
