//! Regions: the 4-connected areas of tiles at or above the threshold, as polygons.

use std::collections::HashMap;

use super::raster::Raster;
use super::slide::ScoredSlide;

/// A corner of cells: column and row.
type Corner = (usize, usize);

/// A connected area of tiles at or above the threshold. Cells that touch at a corner alone are two regions.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// The outline, then the holes, each closed and without a repeated point, in level-0 pixels. Rings may touch one
    /// another at a point, as the OGC's simple features allow; none crosses.
    pub rings: Vec<Vec<[f64; 2]>>,
    /// Area on the slide in square millimetres.
    pub area_mm2: f64,
    /// The highest score of a tile.
    pub max_score: f32,
    /// The mean score of its cells.
    pub mean_score: f32,
}

/// Finds the regions, highest score first, then largest, then from the top.
pub(super) fn regions(slide: &ScoredSlide<'_>, raster: &Raster) -> Vec<Region> {
    let threshold = slide.scale.threshold;
    let (columns, rows) = (raster.columns(), raster.rows());
    let hot = |column, row| raster.peak(column, row).is_some_and(|peak| peak >= threshold);
    let mut owner = vec![0_u32; columns * rows];
    let mut regions = Vec::new();
    let mut next = 0;
    for row in 0..rows {
        for column in 0..columns {
            if owner[row * columns + column] != 0 || !hot(column, row) {
                continue;
            }
            next += 1;
            let cells = flood((column, row), next, &mut owner, columns, rows, hot);
            regions.push(region(slide, raster, &cells, next, &owner));
        }
    }
    regions.sort_by(|a, b| b.max_score.total_cmp(&a.max_score).then(b.area_mm2.total_cmp(&a.area_mm2)));
    regions
}

/// Marks the cells connected to `start` and returns them.
fn flood(
    start: Corner,
    number: u32,
    owner: &mut [u32],
    columns: usize,
    rows: usize,
    hot: impl Fn(usize, usize) -> bool,
) -> Vec<Corner> {
    let mut cells = vec![start];
    owner[start.1 * columns + start.0] = number;
    let mut done = 0;
    while done < cells.len() {
        let (column, row) = cells[done];
        done += 1;
        let neighbours =
            [(column.wrapping_sub(1), row), (column + 1, row), (column, row.wrapping_sub(1)), (column, row + 1)];
        for (column, row) in neighbours {
            if column < columns && row < rows && owner[row * columns + column] == 0 && hot(column, row) {
                owner[row * columns + column] = number;
                cells.push((column, row));
            }
        }
    }
    cells
}

fn region(slide: &ScoredSlide<'_>, raster: &Raster, cells: &[Corner], number: u32, owner: &[u32]) -> Region {
    let (numerator, denominator) = raster.side();
    let at = |index: usize, limit: u64| (index as u64 * numerator).min(limit * denominator) as f64 / denominator as f64;
    let (x, y) = (|column| at(column, slide.width), |row| at(row, slide.height));
    let (mut area, mut max_score, mut weighted) = (0.0, f32::NEG_INFINITY, 0.0);
    for &(column, row) in cells {
        let size = (x(column + 1) - x(column)) * (y(row + 1) - y(row));
        area += size;
        max_score = max_score.max(raster.peak(column, row).unwrap_or(f32::NEG_INFINITY));
        if let super::raster::Cell::Score(score) = raster.cell(column, row) {
            weighted += f64::from(score) * size;
        }
    }
    let rings = outlines(cells, |column, row| {
        column < raster.columns() && row < raster.rows() && owner[row * raster.columns() + column] == number
    });
    let rings = rings.into_iter().map(|ring| ring.into_iter().map(|(c, r)| [x(c), y(r)]).collect()).collect();
    let area_mm2 = area * slide.mpp * slide.mpp * 1e-6;
    Region { rings, area_mm2, max_score, mean_score: (weighted / area) as f32 }
}

/// The boundary of a 4-connected set of cells: the outline first, then the holes. Edges run with the set on their right
/// (rows grow downwards), so the outline is clockwise on the screen and holes are not.
fn outlines(cells: &[Corner], inside: impl Fn(usize, usize) -> bool) -> Vec<Vec<Corner>> {
    let mut edges: HashMap<Corner, Vec<Corner>> = HashMap::new();
    let mut starts = Vec::new();
    let mut add = |from: Corner, to: Corner| {
        edges.entry(from).or_default().push(to);
        starts.push(from);
    };
    for &(c, r) in cells {
        if r == 0 || !inside(c, r - 1) {
            add((c, r), (c + 1, r));
        }
        if !inside(c + 1, r) {
            add((c + 1, r), (c + 1, r + 1));
        }
        if !inside(c, r + 1) {
            add((c + 1, r + 1), (c, r + 1));
        }
        if c == 0 || !inside(c - 1, r) {
            add((c, r + 1), (c, r));
        }
    }
    starts.sort_unstable();
    let mut rings = Vec::new();
    for start in starts {
        let mut path = vec![start];
        // Each corner has as many edges in as out, so a path ends where it began.
        while let Some(next) = path.last().and_then(|at| edges.get_mut(at)).and_then(Vec::pop) {
            path.push(next);
        }
        simple_rings(path, &mut rings);
    }
    let mut rings: Vec<Vec<Corner>> = rings.into_iter().map(|ring| without_straight_corners(&ring)).collect();
    // The outline holds the leftmost edge. No hole does.
    rings.sort_by_key(|ring| ring.iter().min().copied());
    if let Some(outline) = rings.iter().position(|ring| signed_area(ring) > 0) {
        rings[..=outline].rotate_right(1);
    }
    rings
}

/// Splits a closed path into rings that visit no corner twice. A set that touches itself at a corner has such paths.
fn simple_rings(path: Vec<Corner>, rings: &mut Vec<Vec<Corner>>) {
    let mut at: HashMap<Corner, usize> = HashMap::new();
    let mut open: Vec<Corner> = Vec::new();
    for corner in path {
        if let Some(&first) = at.get(&corner) {
            let ring: Vec<Corner> = open.drain(first..).collect();
            for visited in &ring {
                at.remove(visited);
            }
            rings.push(ring);
        }
        at.insert(corner, open.len());
        open.push(corner);
    }
}

/// Leaves out corners on a straight line, and closes the ring.
fn without_straight_corners(ring: &[Corner]) -> Vec<Corner> {
    let count = ring.len();
    let mut bends: Vec<Corner> = (0..count)
        .filter(|&at| {
            let (before, here, after) = (ring[(at + count - 1) % count], ring[at], ring[(at + 1) % count]);
            (before.0 == here.0) != (here.0 == after.0)
        })
        .map(|at| ring[at])
        .collect();
    bends.extend(bends.first().copied());
    bends
}

/// Twice the area of a closed ring: positive for clockwise on the screen.
fn signed_area(ring: &[Corner]) -> i128 {
    let product = |a: Corner, b: Corner| (a.0 * b.1) as i128 - (b.0 * a.1) as i128;
    ring.windows(2).map(|pair| product(pair[0], pair[1])).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drawn(rows: &[&str]) -> Vec<Vec<Corner>> {
        let inside = |c: usize, r: usize| rows.get(r).is_some_and(|row| row.as_bytes().get(c) == Some(&b'#'));
        let cells: Vec<Corner> = (0..rows.len())
            .flat_map(|r| (0..rows[r].len()).map(move |c| (c, r)))
            .filter(|&(c, r)| inside(c, r))
            .collect();
        outlines(&cells, inside)
    }

    #[test]
    fn a_square_is_a_ring_of_four_corners() {
        assert_eq!(drawn(&["##", "##"]), [[(0, 0), (2, 0), (2, 2), (0, 2), (0, 0)]]);
    }

    #[test]
    fn a_hole_is_a_second_ring() {
        let rings = drawn(&["###", "#.#", "###"]);
        assert_eq!(rings.len(), 2);
        assert_eq!((signed_area(&rings[0]), signed_area(&rings[1])), (18, -2));
    }

    #[test]
    fn a_pinch_splits_the_ring() {
        // The empty cell in the middle touches the outside at a corner: a hole that touches the outline there.
        let rings = drawn(&["###", "#.#", "##."]);
        assert_eq!(rings.len(), 2);
        assert_eq!((signed_area(&rings[0]), signed_area(&rings[1])), (16, -2));
        // Two empty cells that touch at a corner: two holes.
        assert_eq!(drawn(&["####", "#.##", "##.#", "####"]).len(), 3);
    }

    proptest! {
        #[test]
        fn rings_are_simple_and_enclose_the_cells(bits in prop::collection::vec(any::<bool>(), 64)) {
            let hot = |c: usize, r: usize| bits[r * 8 + c];
            let mut owner = vec![0; 64];
            let mut number = 0;
            for r in 0..8 {
                for c in 0..8 {
                    if owner[r * 8 + c] != 0 || !hot(c, r) {
                        continue;
                    }
                    number += 1;
                    let cells = flood((c, r), number, &mut owner, 8, 8, hot);
                    let rings = outlines(&cells, |c, r| c < 8 && r < 8 && owner[r * 8 + c] == number);
                    let area: i128 = rings.iter().map(|ring| signed_area(ring)).sum();
                    prop_assert_eq!(area, 2 * cells.len() as i128);
                    prop_assert!(signed_area(&rings[0]) > 0);
                    for (index, ring) in rings.iter().enumerate() {
                        prop_assert!(index == 0 || signed_area(ring) < 0);
                        prop_assert_eq!(ring.first(), ring.last());
                        let mut corners = ring[1..].to_vec();
                        corners.sort_unstable();
                        corners.dedup();
                        prop_assert_eq!(corners.len(), ring.len() - 1);
                    }
                }
            }
        }
    }
}
