//! Cleaning of a mask: closing by a square, and removal of small components of tissue and of glass. Thin strands of tissue
//! survive, because specks are judged by their area; a morphological opening would remove needle biopsies.

/// A picture of flags, by rows.
#[derive(Debug, Clone)]
pub(super) struct Flags {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<bool>,
}

/// A horizontal run of equal pixels.
struct Run {
    start: usize,
    end: usize,
    row: usize,
}

impl Flags {
    /// Dilates and then erodes by a square of 2 x `reach` + 1 pixels. Beyond the edge of the picture is glass.
    pub(super) fn close(&mut self, reach: usize) {
        if reach == 0 {
            return;
        }
        // The margin keeps the pixels that grow over the edge, so that they shrink back.
        let (width, height) = (self.width + 2 * reach, self.height + 2 * reach);
        let mut wide = Self { width, height, pixels: vec![false; width * height] };
        let inner = |row: usize| (row + reach) * width + reach..(row + reach) * width + reach + self.width;
        for (row, pixels) in self.pixels.chunks_exact(self.width).enumerate() {
            wide.pixels[inner(row)].copy_from_slice(pixels);
        }
        wide.spread(reach, true);
        wide.spread(reach, false);
        for (row, pixels) in self.pixels.chunks_exact_mut(self.width).enumerate() {
            pixels.copy_from_slice(&wide.pixels[inner(row)]);
        }
    }

    /// Spreads `value` by `reach` pixels in both directions.
    fn spread(&mut self, reach: usize, value: bool) {
        for row in self.pixels.chunks_exact_mut(self.width) {
            let mut left = 0;
            let ahead: Vec<bool> = row.iter().map(|pixel| within(&mut left, *pixel == value, reach)).collect();
            let mut left = 0;
            for (pixel, ahead) in row.iter_mut().zip(ahead).rev() {
                *pixel = (within(&mut left, *pixel == value, reach) || ahead) == value;
            }
        }
        // Columns are walked side by side, because memory holds rows.
        let mut left = vec![0; self.width];
        let mut ahead = vec![false; self.pixels.len()];
        for (row, ahead) in self.pixels.chunks_exact(self.width).zip(ahead.chunks_exact_mut(self.width)) {
            for ((pixel, ahead), left) in row.iter().zip(ahead).zip(&mut left) {
                *ahead = within(left, *pixel == value, reach);
            }
        }
        left.fill(0);
        for (row, ahead) in self.pixels.chunks_exact_mut(self.width).zip(ahead.chunks_exact(self.width)).rev() {
            for ((pixel, ahead), left) in row.iter_mut().zip(ahead).zip(&mut left) {
                *pixel = (within(left, *pixel == value, reach) || *ahead) == value;
            }
        }
    }

    /// Turns tissue components (8-connected) with fewer than `area` pixels into glass.
    pub(super) fn remove_specks(&mut self, area: f64) {
        self.flip_small(true, area);
    }

    /// Turns glass components (4-connected) with fewer than `area` pixels that do not touch the edge into tissue.
    pub(super) fn fill_holes(&mut self, area: f64) {
        self.flip_small(false, area);
    }

    fn flip_small(&mut self, value: bool, area: f64) {
        let runs = self.runs(value);
        let parents = connect(&runs, value);
        let root = |index: usize| find(&parents, index);
        let mut sizes = vec![0_usize; runs.len()];
        for (index, run) in runs.iter().enumerate() {
            let touches_edge = run.row == 0 || run.row + 1 == self.height || run.start == 0 || run.end == self.width;
            let size = if !value && touches_edge { usize::MAX } else { run.end - run.start };
            let total = &mut sizes[root(index)];
            *total = total.saturating_add(size);
        }
        for (index, run) in runs.iter().enumerate() {
            if (sizes[root(index)] as f64) < area {
                self.pixels[run.row * self.width + run.start..run.row * self.width + run.end].fill(!value);
            }
        }
    }

    fn runs(&self, value: bool) -> Vec<Run> {
        let mut runs = Vec::new();
        for (row, pixels) in self.pixels.chunks_exact(self.width.max(1)).enumerate() {
            let mut start = None;
            for (column, pixel) in pixels.iter().enumerate() {
                match (start, *pixel == value) {
                    (None, true) => start = Some(column),
                    (Some(from), false) => {
                        runs.push(Run { start: from, end: column, row });
                        start = None;
                    }
                    _ => {}
                }
            }
            runs.extend(start.map(|from| Run { start: from, end: pixels.len(), row }));
        }
        runs
    }
}

/// True if the last pixel with the value was at most `reach` pixels ago; `left` is the rest of its reach, plus one.
fn within(left: &mut usize, found: bool, reach: usize) -> bool {
    *left = if found { reach + 1 } else { left.saturating_sub(1) };
    *left > 0
}

/// Joins runs of neighbouring rows that touch; with `diagonal`, also at a corner. Returns the parent of each run.
fn connect(runs: &[Run], diagonal: bool) -> Vec<std::cell::Cell<usize>> {
    let parents: Vec<_> = (0..runs.len()).map(std::cell::Cell::new).collect();
    let reach = usize::from(diagonal);
    let (mut above, mut row_start) = (0, 0);
    for (index, run) in runs.iter().enumerate() {
        if runs[row_start].row != run.row {
            above = row_start;
            row_start = index;
        }
        // Runs of the row above are skipped once they end before this run, because later runs begin further right.
        while above < row_start && (runs[above].row + 1 != run.row || runs[above].end + reach <= run.start) {
            above += 1;
        }
        let touching = runs[above..row_start].iter().enumerate();
        for (offset, _) in touching.take_while(|(_, other)| other.start < run.end + reach) {
            let (one, other) = (find(&parents, index), find(&parents, above + offset));
            parents[one.max(other)].set(one.min(other));
        }
    }
    parents
}

fn find(parents: &[std::cell::Cell<usize>], mut index: usize) -> usize {
    while parents[index].get() != index {
        parents[index].set(parents[parents[index].get()].get());
        index = parents[index].get();
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(rows: &[&str]) -> Flags {
        let pixels = rows.iter().flat_map(|row| row.bytes().map(|byte| byte == b'#')).collect();
        Flags { width: rows[0].len(), height: rows.len(), pixels }
    }

    fn rows(flags: &Flags) -> Vec<String> {
        let row = |row: &[bool]| row.iter().map(|pixel| if *pixel { '#' } else { '.' }).collect();
        flags.pixels.chunks(flags.width).map(row).collect()
    }

    #[test]
    fn a_speck_is_removed_and_a_thin_strand_is_kept() {
        let mut mask = flags(&["#.......", ".#......", "..#...#.", "...#....", "....#..."]);
        mask.remove_specks(3.0);
        assert_eq!(rows(&mask), ["#.......", ".#......", "..#.....", "...#....", "....#..."]);
    }

    #[test]
    fn a_small_hole_is_filled_and_a_bay_at_the_edge_is_not() {
        let mut mask = flags(&["#.######", "####..##", "####..##", "########", "######.#"]);
        mask.fill_holes(5.0);
        assert_eq!(rows(&mask), ["#.######", "########", "########", "########", "######.#"]);
        mask.fill_holes(1000.0);
        assert_eq!(rows(&mask)[0], "#.######", "glass at the edge is no hole");
    }

    #[test]
    fn closing_joins_over_a_gap_and_keeps_the_outline() {
        let mut mask = flags(&["........", ".##.##..", ".##.##..", ".##.##..", "........"]);
        mask.close(1);
        assert_eq!(rows(&mask), ["........", ".#####..", ".#####..", ".#####..", "........"]);
    }

    #[test]
    fn u_shapes_are_one_component() {
        let mut mask = flags(&["#.#.#", "#.#.#", "#.###", "###..", "....#"]);
        mask.remove_specks(13.0);
        assert!(mask.pixels.iter().any(|pixel| *pixel), "13 pixels in one component, the last by a corner");
        mask.remove_specks(14.0);
        assert!(mask.pixels.iter().all(|pixel| !pixel));
    }
}
