//! Spans: a binary image as sorted, separate runs of pixels in each row.

/// A run of pixels of one row: the first pixel, and one past the last.
pub(super) type Span = (u32, u32);

/// A binary image. Spans of a row are sorted, not empty, and at least one pixel apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spans {
    width: u32,
    /// Number of spans in all rows above a row; one more entry than rows.
    offsets: Vec<usize>,
    spans: Vec<Span>,
}

impl Spans {
    /// An image without rows; [`push_row`](Self::push_row) adds them from the top.
    pub(super) fn new(width: u32) -> Self {
        Self { width, offsets: vec![0], spans: Vec::new() }
    }

    /// Adds a row. `spans` may be unsorted and overlap, and are within the width.
    pub(super) fn push_row(&mut self, spans: &mut [Span]) {
        // Stable: several sorted lists behind one another are merged, not sorted anew.
        spans.sort();
        let start = self.spans.len();
        for &mut (from, to) in spans {
            match self.spans[start..].last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => self.spans.push((from, to)),
            }
        }
        self.offsets.push(self.spans.len());
    }

    pub(super) fn width(&self) -> u32 {
        self.width
    }

    pub(super) fn height(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Indices of the spans of row `y`; none outside the image.
    pub(super) fn range(&self, y: usize) -> std::ops::Range<usize> {
        match self.offsets.get(y..=y.saturating_add(1)) {
            Some([start, end]) => *start..*end,
            _ => 0..0,
        }
    }

    /// The spans of row `y`; none outside the image.
    pub(super) fn row(&self, y: usize) -> &[Span] {
        &self.spans[self.range(y)]
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Every span with its row, from the top.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, Span)> {
        (0..self.height()).flat_map(|y| self.row(y).iter().map(move |&span| (y, span)))
    }

    /// Index of the span with pixel (`x`, `y`).
    pub(super) fn find(&self, x: u32, y: usize) -> Option<usize> {
        let range = self.range(y);
        let at = range.start + self.row(y).partition_point(|span| span.1 <= x);
        (at < range.end && self.spans[at].0 <= x).then_some(at)
    }

    /// The pixels that are not in the image.
    pub(super) fn complement(&self) -> Self {
        let mut complement = Self::new(self.width);
        for y in 0..self.height() {
            let ends = self.row(y).iter().map(|span| span.1);
            let starts = self.row(y).iter().map(|span| span.0).chain([self.width]);
            let mut gaps: Vec<Span> = std::iter::once(0).chain(ends).zip(starts).filter(|gap| gap.0 < gap.1).collect();
            complement.push_row(&mut gaps);
        }
        complement
    }

    /// The component of each span. Spans of adjacent rows are in one component if they share a column, or with
    /// `diagonal` if they touch at a corner.
    pub(super) fn components(&self, diagonal: bool) -> Components {
        let reach = u32::from(diagonal);
        let mut components = Components { parent: (0..self.len()).collect() };
        for y in 1..self.height() {
            let (mut above, mut below) = (self.range(y - 1), self.range(y));
            while !above.is_empty() && !below.is_empty() {
                let (upper, lower) = (self.spans[above.start], self.spans[below.start]);
                if upper.0 < lower.1 + reach && lower.0 < upper.1 + reach {
                    components.join(above.start, below.start);
                }
                let passed = if upper.1 < lower.1 { &mut above } else { &mut below };
                passed.start += 1;
            }
        }
        components
    }
}

/// Disjoint sets of spans. The root of a set is its first span, in rows from the top.
pub(super) struct Components {
    parent: Vec<usize>,
}

impl Components {
    /// The first span in the set of span `index`.
    pub(super) fn root(&mut self, mut index: usize) -> usize {
        while self.parent[index] != index {
            self.parent[index] = self.parent[self.parent[index]];
            index = self.parent[index];
        }
        index
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }

    /// The component of each span, numbered from 1 in the order of first spans, as `skimage.measure.label` numbers them.
    pub(super) fn numbers(mut self) -> Vec<u32> {
        let mut numbers: Vec<u32> = Vec::with_capacity(self.parent.len());
        let mut next = 0;
        for index in 0..self.parent.len() {
            let root = self.root(index);
            let number = if root == index {
                next += 1;
                next
            } else {
                numbers[root]
            };
            numbers.push(number);
        }
        numbers
    }
}
