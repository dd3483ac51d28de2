//! Growth and filling of a mask. Equal to thresholding `scipy.ndimage.distance_transform_edt`, and to
//! `scipy.ndimage.binary_fill_holes`.

use super::spans::{Span, Spans};

/// The pixels whose Euclidean distance from a pixel of `spans` is below `distance`, in pixels. The pixels themselves are
/// always included.
pub(super) fn grow(spans: &Spans, distance: f64) -> Spans {
    let reaches = reaches(distance);
    let mut grown = Spans::new(spans.width());
    let mut row: Vec<Span> = Vec::new();
    for y in 0..spans.height() {
        row.clear();
        for (dy, &reach) in reaches.iter().enumerate() {
            let widened = |span: &Span| (span.0.saturating_sub(reach), span.1.saturating_add(reach).min(spans.width()));
            row.extend(spans.row(y + dy).iter().map(widened));
            if let Some(above) = y.checked_sub(dy).filter(|_| dy > 0) {
                row.extend(spans.row(above).iter().map(widened));
            }
        }
        grown.push_row(&mut row);
    }
    grown
}

/// For each number of rows, the columns within `distance`: the largest `dx` with `sqrt(dx² + dy²) < distance`.
fn reaches(distance: f64) -> Vec<u32> {
    let within = |dx: u64, dy: u64| ((dx * dx + dy * dy) as f64).sqrt() < distance;
    let mut dx = distance.max(0.0).ceil() as u64;
    let mut reaches = Vec::new();
    for dy in 0.. {
        while dx > 0 && !within(dx, dy) {
            dx -= 1;
        }
        // At a distance of 0 or below the pixel itself remains.
        if dy > 0 && !within(dx, dy) {
            break;
        }
        reaches.push(u32::try_from(dx).unwrap_or(u32::MAX));
    }
    reaches
}

/// `spans` with their holes: background that no path over edges of pixels connects to the border of the image.
pub(super) fn fill_holes(spans: &Spans) -> Spans {
    let background = spans.complement();
    let mut components = background.components(false);
    let mut outside = vec![false; background.len()];
    let last = background.height().saturating_sub(1);
    for (index, (y, span)) in background.iter().enumerate() {
        if y == 0 || y == last || span.0 == 0 || span.1 == background.width() {
            outside[components.root(index)] = true;
        }
    }
    let mut filled = Spans::new(spans.width());
    let mut row: Vec<Span> = Vec::new();
    for y in 0..spans.height() {
        row.clear();
        row.extend_from_slice(spans.row(y));
        let gaps = background.range(y).zip(background.row(y));
        row.extend(gaps.filter(|(index, _)| !outside[components.root(*index)]).map(|(_, &span)| span));
        filled.push_row(&mut row);
    }
    filled
}
