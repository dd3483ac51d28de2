//! A tile with its maps as pictures: the tile, both sides' maps on one scale, and their difference.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colorous::{INFERNO, VIRIDIS};
use image::{ImageFormat, RgbImage};
use kiln_tile::{SIDE, TILE_BYTES};
use maud::{Markup, html};
use ndarray::ArrayD;

use super::text::small;
use crate::engine::Picture;
use crate::map::map_size;

/// Maps that are shown of a tile.
const MAPS: usize = 2;

/// The longest side of a map in pixels; a longer one is divided, so that the page stays small.
const LONGEST: usize = 160;

/// Values of a small output that are shown.
const VALUES: usize = 4;

/// Renders the tile, its answers and its maps.
pub(super) fn tile_row(picture: &Picture) -> Markup {
    let mut maps: Vec<(&str, &ArrayD<f32>, &ArrayD<f32>, f64)> = Vec::new();
    let mut values: Vec<(&str, String, String, f64)> = Vec::new();
    for (name, a) in &picture.reference.arrays {
        let Some(b) = picture.candidate.arrays.get(name).filter(|b| b.shape() == a.shape()) else { continue };
        let most = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        if map_size(&a.shape()[1..]).is_some() {
            maps.push((name, a, b, most));
        }
        let shown = |array: &ArrayD<f32>| {
            let few: Vec<String> = array.iter().take(VALUES).map(|value| format!("{value:.4}")).collect();
            if array.len() > VALUES { format!("{} values", array.len()) } else { few.join(", ") }
        };
        values.push((name, shown(a), shown(b), most));
    }
    // The maps with the largest differences.
    maps.sort_by(|one, other| other.3.total_cmp(&one.3));
    html! {
        article.tile {
            h4 { (picture.path) }
            div.pictures {
                @if picture.pixels.len() == TILE_BYTES {
                    (figure("the tile", &tile_png(&picture.pixels), SIDE, SIDE))
                }
                @for (name, a, b, _) in maps.iter().take(MAPS) { (map_figures(name, a, b)) }
            }
            table.answers {
                thead { tr { th scope="col" { "output" } th scope="col" { "reference" } th scope="col" { "candidate" } th scope="col" { "largest difference" } } }
                tbody {
                    @for (name, a, b, most) in &values {
                        tr { th scope="row" { (name) } td { (a) } td { (b) } td { (small(*most)) } }
                    }
                }
            }
        }
    }
}

fn map_figures(name: &str, a: &ArrayD<f32>, b: &ArrayD<f32>) -> Markup {
    let Some((height, width)) = map_size(&a.shape()[1..]) else { return html! {} };
    let values = |array: &ArrayD<f32>| array.iter().copied().collect::<Vec<f32>>();
    let (a, b) = (values(a), values(b));
    let difference: Vec<f32> = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).collect();
    let range = |values: &mut dyn Iterator<Item = f32>| {
        values
            .filter(|value| value.is_finite())
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let (low, high) = range(&mut a.iter().chain(&b).copied());
    let (_, most) = range(&mut difference.iter().copied());
    let size = (height, width);
    let step = height.max(width).div_ceil(LONGEST).max(1);
    let (w, h) = (u32::try_from(width / step).unwrap_or(0), u32::try_from(height / step).unwrap_or(0));
    let scale = format!("{} to {}", small(f64::from(low)), small(f64::from(high)));
    html! {
        (figure(&format!("{name}, reference ({scale})"), &map_png(&a, size, step, (low, high), VIRIDIS), w, h))
        (figure(&format!("{name}, candidate, same scale"), &map_png(&b, size, step, (low, high), VIRIDIS), w, h))
        (figure(&format!("{name}, difference (0 to {})", small(f64::from(most))), &map_png(&difference, size, step, (0.0, most), INFERNO), w, h))
    }
}

fn figure(caption: &str, png: &[u8], width: u32, height: u32) -> Markup {
    let source = format!("data:image/png;base64,{}", STANDARD.encode(png));
    html! {
        figure { img src=(source) alt=(caption) width=(width) height=(height); figcaption { (caption) } }
    }
}

fn tile_png(pixels: &[u8]) -> Vec<u8> {
    RgbImage::from_raw(SIDE, SIDE, pixels.to_vec()).map(|image| encoded(&image)).unwrap_or_default()
}

fn map_png(
    values: &[f32],
    (height, width): (usize, usize),
    step: usize,
    (low, high): (f32, f32),
    colours: colorous::Gradient,
) -> Vec<u8> {
    let span = f64::from(high - low).max(f64::from(f32::MIN_POSITIVE));
    let pixel = |value: &f32| {
        let share = f64::from(value - low) / span;
        if share.is_finite() {
            let colour = colours.eval_continuous(share.clamp(0.0, 1.0));
            [colour.r, colour.g, colour.b]
        } else {
            // A value that is not finite is outside every scale.
            [255, 0, 255]
        }
    };
    // The largest value of a block: single wrong pixels must not disappear.
    let block = |y: usize, x: usize| {
        let rows = (y * step..(y + 1) * step).flat_map(|row| (x * step..(x + 1) * step).map(move |at| (row, at)));
        let values = rows.map(|(row, at)| values[row * width + at]);
        values.fold(f32::NEG_INFINITY, |most, value| if value.is_nan() || value > most { value } else { most })
    };
    let (height, width) = (height / step, width / step);
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
    let pixels: Vec<u8> = places.flat_map(|(y, x)| pixel(&block(y, x))).collect();
    let (width, height) = (u32::try_from(width).unwrap_or(0), u32::try_from(height).unwrap_or(0));
    RgbImage::from_raw(width, height, pixels).map(|image| encoded(&image)).unwrap_or_default()
}

fn encoded(image: &RgbImage) -> Vec<u8> {
    let mut png = Cursor::new(Vec::new());
    // A picture in memory has no disk to fail on.
    if image.write_to(&mut png, ImageFormat::Png).is_err() {
        return Vec::new();
    }
    png.into_inner()
}
