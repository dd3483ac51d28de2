//! Areas of polygons within rectangles: the union of shapes minus the union of excluded shapes. Within a shape, rings
//! combine by the even-odd rule, so holes, either winding, self-intersections and repeated points need no preparation.
//!
//! A rectangle is cut into slabs at the ordinates of all vertices within it. Between two of them edges are straight lines,
//! and covered lengths change linearly as long as no two edges cross, so the length in the middle of a slab times its
//! height is the exact area. A slab in which edges cross is halved until it is 1/4096 of the rectangle.

use super::boxes::{Bounds, BoxTree, along_curve};

/// Slabs per rectangle above which it is cut into equal slabs: more vertices than a pathologist draws in a tile.
const MAX_SLABS: usize = 4096;
/// Edges times slabs that are computed for one rectangle. Bounds the work for hostile shapes.
const MAX_WORK: usize = 1 << 24;
/// Halvings of a slab in which edges cross.
const MAX_DEPTH: u32 = 12;
/// Distance in pixels within which two edges count as equal.
const TOLERANCE: f64 = 1e-7;

/// An edge, from its upper to its lower end.
#[derive(Debug, Clone, Copy)]
struct Edge {
    top: [f64; 2],
    bottom: [f64; 2],
}

impl Edge {
    fn bounds(&self) -> Bounds {
        Bounds::from_points([&self.top, &self.bottom])
    }

    fn x(&self, y: f64) -> f64 {
        let share = (y - self.top[1]) / (self.bottom[1] - self.top[1]);
        self.top[0] + (self.bottom[0] - self.top[0]) * share
    }

    fn y(&self, x: f64) -> f64 {
        self.top[1] + (self.bottom[1] - self.top[1]) * ((x - self.top[0]) / (self.bottom[0] - self.top[0]))
    }

    fn spans(&self, y: f64) -> bool {
        self.top[1] <= y && y < self.bottom[1]
    }
}

/// A polygon with its holes.
#[derive(Debug, Clone)]
struct Shape {
    excluded: bool,
    bounds: Bounds,
    edges: Vec<Edge>,
    tree: BoxTree,
}

/// Tumour and excluded areas of one slide.
#[derive(Debug, Clone)]
pub(super) struct Region {
    shapes: Vec<Shape>,
    tree: BoxTree,
}

/// Shares of a rectangle, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Shares {
    /// Within a shape and within no excluded one.
    pub(super) inside: f64,
    /// Within an excluded shape.
    pub(super) excluded: f64,
}

/// An edge of one of the shapes near a rectangle.
#[derive(Clone, Copy)]
struct Near {
    edge: Edge,
    shape: usize,
}

impl Region {
    /// A region from rings; `true` marks an excluded shape.
    pub(super) fn new<'a>(shapes: impl Iterator<Item = (bool, &'a [Vec<[f64; 2]>])>) -> Self {
        let shapes: Vec<Shape> = shapes.map(|(excluded, rings)| shape(excluded, rings)).collect();
        let bounds: Vec<Bounds> = shapes.iter().map(|shape| shape.bounds).collect();
        let mut shapes: Vec<Option<Shape>> = shapes.into_iter().map(Some).collect();
        let shapes: Vec<Shape> = along_curve(&bounds).into_iter().filter_map(|index| shapes[index].take()).collect();
        let tree = BoxTree::new(shapes.iter().map(|shape| shape.bounds));
        Self { shapes, tree }
    }

    /// True if the point is inside a shape and outside all excluded ones.
    pub(super) fn contains(&self, point: [f64; 2]) -> bool {
        self.at(point) == (true, false)
    }

    /// True, true if the point is inside a shape, and inside an excluded one.
    pub(super) fn at(&self, point: [f64; 2]) -> (bool, bool) {
        let mut found = (false, false);
        self.near(&Bounds { min: point, max: point }, |shape| {
            let left = Bounds { min: [f64::NEG_INFINITY, point[1]], max: point };
            let mut odd = false;
            shape.tree.visit(&left, &mut |edges| {
                let crossed = |edge: &&Edge| edge.spans(point[1]) && edge.x(point[1]) <= point[0];
                odd ^= shape.edges[edges].iter().filter(crossed).count() % 2 == 1;
            });
            let side = if shape.excluded { &mut found.1 } else { &mut found.0 };
            *side |= odd;
        });
        found
    }

    /// The intervals of a horizontal line that are inside a shape and outside all excluded ones, from left to right.
    pub(super) fn intervals(&self, y: f64) -> Vec<[f64; 2]> {
        let line = Bounds { min: [f64::NEG_INFINITY, y], max: [f64::INFINITY, y] };
        let (near, excluded) = self.edges(&line);
        let mut sweep = Sweep::new(&excluded, [f64::NEG_INFINITY, f64::INFINITY]);
        let mut crossings: Vec<(f64, usize)> =
            near.iter().filter(|near| near.edge.spans(y)).map(|near| (near.edge.x(y), near.shape)).collect();
        crossings.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        let mut intervals: Vec<[f64; 2]> = Vec::new();
        sweep.run(crossings.into_iter(), |from, to, inside, _| {
            if inside && to > from {
                match intervals.last_mut() {
                    Some(last) if last[1] >= from => last[1] = to,
                    _ => intervals.push([from, to]),
                }
            }
        });
        intervals
    }

    /// The shares of the rectangle between two corners.
    pub(super) fn shares(&self, min: [f64; 2], max: [f64; 2]) -> Shares {
        let rectangle = Bounds { min, max };
        let (near, excluded) = self.edges(&rectangle);
        if near.is_empty() {
            return Shares::default();
        }
        let mut area = Slabs {
            near,
            sweep: Sweep::new(&excluded, [min[0], max[0]]),
            areas: [0.0; 2],
            rows: Vec::new(),
            work: MAX_WORK,
        };
        area.integrate(&rectangle);
        let whole = (max[0] - min[0]) * (max[1] - min[1]);
        let [inside, excluded] = area.areas.map(|area| snap(area / whole));
        Shares { inside, excluded }
    }

    fn near<'a>(&'a self, bounds: &Bounds, mut found: impl FnMut(&'a Shape)) {
        self.tree.visit(bounds, &mut |shapes| {
            self.shapes[shapes].iter().filter(|shape| shape.bounds.touches(bounds)).for_each(&mut found);
        });
    }

    /// The edges in or left of a rectangle of the shapes near it, and which of these shapes are excluded.
    fn edges(&self, rectangle: &Bounds) -> (Vec<Near>, Vec<bool>) {
        let left = Bounds { min: [f64::NEG_INFINITY, rectangle.min[1]], max: rectangle.max };
        let (mut near, mut excluded) = (Vec::new(), Vec::new());
        self.near(rectangle, |shape| {
            let number = excluded.len();
            excluded.push(shape.excluded);
            shape.tree.visit(&left, &mut |edges| {
                let touching = shape.edges[edges].iter().filter(|edge| edge.bounds().touches(&left));
                near.extend(touching.map(|edge| Near { edge: *edge, shape: number }));
            });
        });
        (near, excluded)
    }
}

fn shape(excluded: bool, rings: &[Vec<[f64; 2]>]) -> Shape {
    let mut edges = Vec::with_capacity(rings.iter().map(Vec::len).sum());
    for ring in rings {
        let ends = ring.iter().cycle().skip(1);
        for (one, other) in ring.iter().zip(ends) {
            // No horizontal line crosses a horizontal edge, but slabs end there.
            if one != other {
                let (top, bottom) = if one[1] <= other[1] { (*one, *other) } else { (*other, *one) };
                edges.push(Edge { top, bottom });
            }
        }
    }
    edges.shrink_to_fit();
    let bounds = Bounds::from_points(rings.iter().flatten());
    let tree = BoxTree::new(edges.iter().map(Edge::bounds));
    Shape { excluded, bounds, edges, tree }
}

/// Removes the rounding error of a sum, so that a share of exactly 0 or 1 is recognised.
fn snap(share: f64) -> f64 {
    match share {
        share if share < 1e-9 => 0.0,
        share if share > 1.0 - 1e-9 => 1.0,
        share => share,
    }
}

/// Walks along a horizontal line and keeps count of the shapes that it is in.
struct Sweep<'a> {
    excluded: &'a [bool],
    range: [f64; 2],
    odd: Vec<bool>,
}

impl<'a> Sweep<'a> {
    fn new(excluded: &'a [bool], range: [f64; 2]) -> Self {
        Self { excluded, range, odd: vec![false; excluded.len()] }
    }

    /// Calls `piece` with the ends of each piece between crossings, and whether it is inside and whether it is excluded.
    fn run(&mut self, crossings: impl Iterator<Item = (f64, usize)>, mut piece: impl FnMut(f64, f64, bool, bool)) {
        self.odd.fill(false);
        let mut counts = [0_usize; 2];
        let mut from = self.range[0];
        let end = (self.range[1], usize::MAX);
        for (x, shape) in crossings.chain([end]) {
            let x = x.clamp(self.range[0], self.range[1]);
            piece(from, x, counts[0] > 0 && counts[1] == 0, counts[1] > 0);
            from = x;
            if let Some(odd) = self.odd.get_mut(shape) {
                *odd = !*odd;
                let count = &mut counts[usize::from(self.excluded[shape])];
                *count = if *odd { *count + 1 } else { *count - 1 };
            }
        }
    }
}

/// A crossing of an edge with a slab.
struct Row {
    /// Abscissas at the middle, the top and the bottom, within the rectangle.
    x: [f64; 3],
    shape: usize,
}

/// The integration over a rectangle.
struct Slabs<'a> {
    near: Vec<Near>,
    sweep: Sweep<'a>,
    /// Areas inside and excluded.
    areas: [f64; 2],
    rows: Vec<Row>,
    /// Rows that may still be computed for slabs in which edges cross.
    work: usize,
}

impl Slabs<'_> {
    fn integrate(&mut self, rectangle: &Bounds) {
        let (mut cuts, exact) = self.cuts(rectangle);
        cuts.sort_unstable_by(f64::total_cmp);
        cuts.dedup();
        self.near.sort_unstable_by(|one, other| one.edge.top[1].total_cmp(&other.edge.top[1]));
        let depth = if exact { MAX_DEPTH } else { 0 };
        let all = std::mem::take(&mut self.near);
        let (mut next, mut active): (usize, Vec<Near>) = (0, Vec::new());
        for slab in cuts.windows(2) {
            let [top, bottom] = [slab[0], slab[1]];
            active.retain(|near| near.edge.bottom[1] > top);
            while let Some(near) = all.get(next).filter(|near| near.edge.top[1] < bottom) {
                if near.edge.bottom[1] > top {
                    active.push(*near);
                }
                next += 1;
            }
            self.slab(&active, [top, bottom], depth);
        }
    }

    /// Ordinates at which the rectangle is cut, and whether slabs between them are free of vertices.
    fn cuts(&self, rectangle: &Bounds) -> (Vec<f64>, bool) {
        let (top, bottom) = (rectangle.min[1], rectangle.max[1]);
        let mut cuts = vec![top, bottom];
        // Edges left of the rectangle only decide whether it is inside, which does not change along the left side.
        let crossing = self.near.iter().map(|near| near.edge).filter(|edge| edge.bounds().max[0] > rectangle.min[0]);
        for edge in crossing {
            let sides = [rectangle.min[0], rectangle.max[0]].map(|x| edge.y(x));
            let ends = [edge.top[1], edge.bottom[1]];
            let within = sides.into_iter().filter(|y| edge.spans(*y)).chain(ends);
            cuts.extend(within.filter(|y| *y > top && *y < bottom));
            if cuts.len() > MAX_SLABS {
                let slabs = (MAX_WORK / self.near.len().max(1)).clamp(256, MAX_SLABS);
                let cut = |index: usize| top + (bottom - top) * index as f64 / slabs as f64;
                return ((0..=slabs).map(cut).collect(), false);
            }
        }
        (cuts, true)
    }

    fn slab(&mut self, active: &[Near], [top, bottom]: [f64; 2], depth: u32) {
        let middle = f64::midpoint(top, bottom);
        let [left, right] = self.sweep.range;
        self.rows.clear();
        self.rows.extend(active.iter().filter(|near| near.edge.spans(middle)).map(|near| {
            let x = [middle, top, bottom].map(|y| near.edge.x(y).clamp(left, right));
            Row { x, shape: near.shape }
        }));
        self.rows.sort_unstable_by(|one, other| one.x[0].total_cmp(&other.x[0]));
        let ordered = |end: usize| self.rows.windows(2).all(|pair| pair[0].x[end] <= pair[1].x[end] + TOLERANCE);
        self.work = self.work.saturating_sub(active.len());
        if depth > 0 && self.work > 0 && !(ordered(1) && ordered(2)) {
            self.slab(active, [top, middle], depth - 1);
            self.slab(active, [middle, bottom], depth - 1);
            return;
        }
        let (height, areas) = (bottom - top, &mut self.areas);
        self.sweep.run(self.rows.iter().map(|row| (row.x[0], row.shape)), |from, to, inside, excluded| {
            areas[0] += if inside { (to - from) * height } else { 0.0 };
            areas[1] += if excluded { (to - from) * height } else { 0.0 };
        });
    }
}
