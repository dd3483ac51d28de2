//! Numbered points of the plane, found by place.

/// Numbered points in square buckets.
#[derive(Debug)]
pub(super) struct Buckets {
    /// Side of a bucket in pixels.
    side: f32,
    columns: usize,
    lists: Vec<Vec<u32>>,
}

impl Buckets {
    /// Buckets of `side` pixels for points from 0 to `extent` along both axes. Points beyond are in the outermost buckets.
    pub(super) fn new(extent: f32, side: f32) -> Self {
        let columns = (extent / side) as usize + 1;
        Self { side, columns, lists: vec![Vec::new(); columns * columns] }
    }

    pub(super) fn insert(&mut self, x: f32, y: f32, number: usize) {
        let bucket = self.bucket(y) * self.columns + self.bucket(x);
        self.lists[bucket].push(number as u32);
    }

    /// The numbers of all points within a rectangle, and of some around it.
    pub(super) fn within(&self, left: f32, top: f32, right: f32, bottom: f32) -> impl Iterator<Item = usize> {
        let (columns, rows) = (self.bucket(left)..=self.bucket(right), self.bucket(top)..=self.bucket(bottom));
        rows.flat_map(move |row| columns.clone().map(move |column| &self.lists[row * self.columns + column]))
            .flatten()
            .map(|number| *number as usize)
    }

    /// The numbers of all points within `radius` pixels of a point, and of some around it.
    pub(super) fn near(&self, x: f32, y: f32, radius: f32) -> impl Iterator<Item = usize> {
        self.within(x - radius, y - radius, x + radius, y + radius)
    }

    fn bucket(&self, at: f32) -> usize {
        ((at.max(0.0) / self.side) as usize).min(self.columns - 1)
    }
}
