//! Compares the description of an input with the model's own declaration, and completes it.

use std::path::Path;

use kiln_tile::SIDE;

use super::input::{Channels, Dtype, Input, Interpolation, Layout, Range, Resize};
use super::{InputSpec, Size};
use crate::import::ImportError;
use crate::import::model::DeclaredInput;

/// The smallest and the largest side of a model's input, in pixels. Below the smallest, a resize averages so many pixels
/// that its sums are no longer exact; the largest bounds the memory of the resize.
const SIDES: std::ops::RangeInclusive<usize> = 16..=2048;

/// The smallest side of a Lanczos resize, whose kernel has three times as many weights as a bilinear one.
const LANCZOS: usize = 24;

/// The complete description of the input.
///
/// # Errors
/// [`ImportError::Input`] if model and description contradict each other, or leave something open.
pub(in crate::import) fn resolve(
    path: &Path,
    declared: &DeclaredInput,
    spec: &InputSpec,
) -> Result<Input, ImportError> {
    let wrong = |reason: String| ImportError::Input { path: path.to_owned(), input: declared.name.clone(), reason };
    let dtype = dtype(declared, spec).map_err(wrong)?;
    let layout = layout(declared, spec).map_err(wrong)?;
    let size = size(declared, spec, layout).map_err(wrong)?;
    if let Some(side) = size.iter().find(|side| !SIDES.contains(side)) {
        return Err(wrong(format!("a side of {side} pixels; {} to {} are possible", SIDES.start(), SIDES.end())));
    }
    let range = range(spec, dtype).map_err(wrong)?;
    let [mean, std] = normalisation(spec, range, dtype).map_err(wrong)?;
    let channels = spec.channels.unwrap_or(Channels::Rgb);
    let resize = resize(spec, size, dtype).map_err(wrong)?;
    Ok(Input { name: declared.name.clone(), layout, channels, range, mean, std, size, resize, dtype })
}

fn dtype(declared: &DeclaredInput, spec: &InputSpec) -> Result<Dtype, String> {
    let found = Dtype::from_code(declared.element).ok_or_else(|| {
        format!("its elements are {}; float32, float16, float64, uint8, int32 and int64 can be fed", declared.kind())
    })?;
    match spec.dtype {
        Some(stated) if stated != found => Err(format!("`dtype` is {stated}, but the model takes {found}")),
        _ => Ok(found),
    }
}

/// The layouts that fit the declared shape.
fn possible(declared: &DeclaredInput) -> Result<Vec<Layout>, String> {
    let Some(dims) = &declared.dims else {
        return Ok(vec![Layout::Nchw, Layout::Nhwc, Layout::Flat, Layout::FlatNchw]);
    };
    let three = |axis: usize| dims[axis].is_none_or(|size| size == 3);
    match dims.len() {
        4 => {
            let fits = [(Layout::Nchw, three(1)), (Layout::Nhwc, three(3))];
            // A stated 3 outweighs an axis of unknown size.
            let sure = [(Layout::Nchw, dims[1] == Some(3)), (Layout::Nhwc, dims[3] == Some(3))];
            let of =
                |all: [(Layout, bool); 2]| all.iter().filter(|(_, fits)| *fits).map(|(l, _)| *l).collect::<Vec<_>>();
            let found = if of(sure).is_empty() { of(fits) } else { of(sure) };
            if found.is_empty() {
                let shape = declared.shape();
                return Err(format!("its shape is {shape}, and tiles have 3 colours: neither axis 1 nor axis 3 is 3"));
            }
            Ok(found)
        }
        2 => match dims[1] {
            Some(size) if size % 3 != 0 => Err(format!(
                "its shape is {}: {size} is not height x width x 3, so it is no picture; only models of pixels can be \
                 imported",
                declared.shape()
            )),
            _ => Ok(vec![Layout::Flat, Layout::FlatNchw]),
        },
        rank => Err(format!(
            "its shape is {}, of rank {rank}; pictures are [batch, 3, height, width], [batch, height, width, 3] or rows \
             of pixels, [batch, height * width * 3]",
            declared.shape()
        )),
    }
}

fn layout(declared: &DeclaredInput, spec: &InputSpec) -> Result<Layout, String> {
    let possible = possible(declared)?;
    match spec.layout {
        Some(stated) if possible.contains(&stated) => Ok(stated),
        Some(stated) => Err(format!(
            "`layout` is {stated}, but the model takes {}, which is {}",
            declared.shape(),
            possible.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
        )),
        // Pixels in NumPy are channels last.
        None if possible.first() == Some(&Layout::Flat) => Ok(Layout::Flat),
        None if possible.len() == 1 => Ok(possible[0]),
        None => Err(format!("its shape is {}, so the order of the axes is unknown; state `layout`", declared.shape())),
    }
}

fn size(declared: &DeclaredInput, spec: &InputSpec, layout: Layout) -> Result<[usize; 2], String> {
    let axis = |axis: usize| declared.dims.as_ref().and_then(|dims| dims.get(axis).copied().flatten());
    let stated = spec.size.map(Size::sides);
    let found = match layout {
        Layout::Nchw => [axis(2), axis(3)],
        Layout::Nhwc => [axis(1), axis(2)],
        Layout::Flat | Layout::FlatNchw => {
            let Some(pixels) = axis(1).map(|size| size / 3) else {
                return stated.ok_or_else(|| "the number of pixels in a row is unknown; state `size`".to_owned());
            };
            let side = pixels.isqrt();
            return match stated {
                Some([height, width]) if height.checked_mul(width) != Some(pixels) => {
                    Err(format!("`size` is {height}x{width}, but a row of the model has {pixels} pixels"))
                }
                Some(sides) => Ok(sides),
                None if side * side == pixels => Ok([side; 2]),
                None => Err(format!("a row has {pixels} pixels, which is no square; state `size` as [height, width]")),
            };
        }
    };
    let side = |at: usize| match (stated.map(|sides| sides[at]), found[at]) {
        (Some(stated), Some(found)) if stated != found => {
            let name = ["height", "width"][at];
            Err(format!("`size` has the {name} {stated}, but the model takes {}", declared.shape()))
        }
        (stated, found) => Ok(stated.or(found).unwrap_or(SIDE as usize)),
    };
    Ok([side(0)?, side(1)?])
}

fn range(spec: &InputSpec, dtype: Dtype) -> Result<Range, String> {
    match (spec.range, dtype.is_float()) {
        (Some(range), true) => Ok(range),
        (Some(Range::Bytes) | None, false) => Ok(Range::Bytes),
        (Some(range), false) => Err(format!("`range` is {range}, but the model takes whole numbers ({dtype})")),
        (None, true) => {
            Err("the range of its pixels is unknown; state `range`: 0..255, 0..1 or -1..1 (torchvision and timm: 0..1)"
                .to_owned())
        }
    }
}

/// Mean and deviation. A mean of another unit than the range is the commonest mistake, and shows in its size.
fn normalisation(spec: &InputSpec, range: Range, dtype: Dtype) -> Result<[[f64; 3]; 2], String> {
    let (mean, std) = (spec.mean.unwrap_or([0.0; 3]), spec.std.unwrap_or([1.0; 3]));
    if let Some(value) = mean.iter().chain(&std).find(|value| !value.is_finite()) {
        return Err(format!("`mean` or `std` has the value {value}"));
    }
    if std.iter().any(|value| *value <= 0.0) {
        return Err(format!("`std` is {std:?}; each channel is divided by it, so it must be above 0"));
    }
    if spec.mean.is_none() && spec.std.is_none() {
        return Ok([mean, std]);
    }
    if !dtype.is_float() {
        return Err(format!("`mean` and `std` are stated, but the model takes whole numbers ({dtype})"));
    }
    let largest = |values: [f64; 3]| values.into_iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    let unit_of = |range: Range| if range == Range::Bytes { "0..255" } else { "0..1" };
    match range {
        Range::Unit | Range::Signed if largest(mean) > 2.0 || largest(std) > 5.0 => Err(format!(
            "`mean` {mean:?} and `std` {std:?} are in the unit of 0..255, but `range` is {range}; divide them by 255, or \
             state `range: {}`",
            unit_of(Range::Bytes)
        )),
        Range::Bytes if spec.mean.is_some() && largest(mean) > 0.0 && largest(mean) <= 1.0 && largest(std) <= 1.0 => {
            Err(format!(
                "`mean` {mean:?} and `std` {std:?} are in the unit of 0..1, but `range` is 0..255; state `range: {}`",
                unit_of(Range::Unit)
            ))
        }
        _ => Ok([mean, std]),
    }
}

fn resize(spec: &InputSpec, size: [usize; 2], dtype: Dtype) -> Result<Option<Resize>, String> {
    let whole = [SIDE as usize; 2];
    let to = spec.resize.map_or(size, Size::sides);
    if let Some(at) = (0..2).find(|at| to[*at] < size[*at]) {
        return Err(format!(
            "`resize` makes {}x{}, which is smaller than the model's input of {}x{} in its {}",
            to[0],
            to[1],
            size[0],
            size[1],
            ["height", "width"][at]
        ));
    }
    if let Some(side) = to.iter().find(|side| !SIDES.contains(side)) {
        return Err(format!("`resize` has a side of {side} pixels; {} to {} are possible", SIDES.start(), SIDES.end()));
    }
    if to == whole {
        return Ok(None);
    }
    let interpolation = spec.interpolation.unwrap_or(Interpolation::Bilinear);
    if interpolation == Interpolation::Lanczos && to.iter().any(|side| *side < LANCZOS) {
        return Err(format!("a lanczos resize needs a side of at least {LANCZOS} pixels, or its sums are not exact"));
    }
    let align_corners = spec.align_corners.unwrap_or(false);
    let antialias = interpolation == Interpolation::Lanczos || spec.antialias.unwrap_or(!align_corners);
    if align_corners && interpolation != Interpolation::Bilinear {
        return Err(format!("`align_corners` is for bilinear resizes, not for {interpolation}"));
    }
    if align_corners && antialias {
        return Err("`align_corners` and `antialias` exclude each other".to_owned());
    }
    // Pillow always averages when it shrinks, so other resizes are of float tensors.
    let rounded = spec.rounded.unwrap_or(antialias);
    if rounded && !antialias && interpolation != Interpolation::Nearest {
        return Err(
            "`rounded` states a resize by Pillow, which always antialiases; leave out `antialias: false`".to_owned()
        );
    }
    if !rounded && !dtype.is_float() && interpolation != Interpolation::Nearest {
        return Err(format!("the model takes whole numbers ({dtype}), so its resize is `rounded`"));
    }
    Ok(Some(Resize { to, interpolation, antialias, rounded, align_corners }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn declared(dims: &[Option<usize>]) -> DeclaredInput {
        DeclaredInput { name: "x".to_owned(), element: 1, dims: Some(dims.to_vec()) }
    }

    fn unit() -> InputSpec {
        InputSpec { range: Some(Range::Unit), ..InputSpec::default() }
    }

    fn reason(dims: &[Option<usize>], spec: &InputSpec) -> String {
        resolve(Path::new("m.onnx"), &declared(dims), spec).unwrap_err().to_string()
    }

    #[test]
    fn the_models_shape_answers_what_was_left_open() {
        let input = resolve(Path::new("m"), &declared(&[None, Some(3), Some(224), Some(224)]), &unit()).unwrap();
        assert_eq!((input.layout, input.size, input.channels), (Layout::Nchw, [224; 2], Channels::Rgb));
        let input = resolve(Path::new("m"), &declared(&[Some(1), None, None, Some(3)]), &unit()).unwrap();
        assert_eq!((input.layout, input.size, input.resize), (Layout::Nhwc, [256; 2], None));
        let input = resolve(Path::new("m"), &declared(&[None, Some(3072)]), &unit()).unwrap();
        assert_eq!((input.layout, input.size), (Layout::Flat, [32; 2]));
    }

    #[test]
    fn a_contradiction_names_both_sides() {
        let nhwc = InputSpec { layout: Some(Layout::Nhwc), ..unit() };
        let found = reason(&[Some(1), Some(3), Some(224), Some(224)], &nhwc);
        assert!(found.contains("`layout` is NHWC") && found.contains("[1, 3, 224, 224], which is NCHW"), "{found}");
        let small = InputSpec { size: Some(Size::Square(96)), ..unit() };
        assert!(reason(&[None, Some(3), Some(224), Some(224)], &small).contains("the height 96"));
        assert!(reason(&[None, Some(1), Some(28), Some(28)], &unit()).contains("3 colours"));
        assert!(reason(&[None, Some(3), Some(224), Some(224)], &InputSpec::default()).contains("state `range`"));
        assert!(reason(&[None, None, None, None], &unit()).contains("state `layout`"));
        assert!(reason(&[None, Some(3), Some(8)], &unit()).contains("rank 3"));
        assert!(reason(&[None, Some(7)], &unit()).contains("no picture"));
    }

    #[test]
    fn a_mean_of_the_other_unit_is_found_by_its_size() {
        let dims = [None, Some(3), Some(224), Some(224)];
        let bytes = InputSpec { mean: Some([123.7, 116.3, 103.5]), std: Some([58.4, 57.1, 57.4]), ..unit() };
        assert!(reason(&dims, &bytes).contains("unit of 0..255"));
        let unit = InputSpec { range: Some(Range::Bytes), mean: Some([0.5; 3]), std: Some([0.2; 3]), ..unit() };
        assert!(reason(&dims, &unit).contains("unit of 0..1"));
        let zero = InputSpec { mean: Some([0.5; 3]), std: Some([0.0; 3]), ..self::unit() };
        assert!(reason(&dims, &zero).contains("above 0"));
    }
}
