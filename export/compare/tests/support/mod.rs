//! A model in a few lines, whose answers depend on channels and places of a tile; and tiles from a seed.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use kiln_compare::{Answerer, Compared, Comparison, Finding, Side, SideFacts, SideKind, TileInfo, TileSet, Tolerances};
use kiln_runtime::{Outputs, Result, Scorer};
use kiln_tile::{Decoder, TILE_BYTES, Tile};
use ndarray::{ArrayD, IxDyn};

/// Height and width of the map.
pub const MAP: usize = 32;

/// Outputs of one tile: shape and values.
pub type Row = BTreeMap<&'static str, (Vec<usize>, Vec<f32>)>;

/// A repeatable number in 0..1.
pub fn noise(seed: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    for _ in 0..3 {
        x ^= x >> 29;
        x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x ^= x >> 32;
    }
    (x >> 11) as f64 / (1_u64 << 53) as f64
}

/// Tile number `id`: smooth, of its own colour, and different in every quarter.
pub fn tile(id: usize) -> Tile {
    let id = id as u64;
    let colour = [0, 1, 2].map(|channel| 30.0 + 150.0 * noise(id * 31 + channel));
    let quarter = [0, 1, 2, 3].map(|at| 60.0 * noise(id * 77 + 1000 + at));
    let mut pixels = Vec::with_capacity(TILE_BYTES);
    for at in 0..256 * 256_usize {
        let (y, x) = (at / 256, at % 256);
        let add = quarter[usize::from(y >= 128) * 2 + usize::from(x >= 128)] + (x as f64 * 0.04) + (y as f64 * 0.02);
        pixels.extend(colour.map(|value| (value + add).min(255.0) as u8));
    }
    // The number of the tile, by which a fault chooses its tiles.
    pixels[0] = (id >> 8) as u8;
    pixels[1] = (id & 0xff) as u8;
    Tile::from_pixels(pixels).unwrap()
}

pub fn id(pixels: &[u8]) -> usize {
    usize::from(pixels[0]) << 8 | usize::from(pixels[1])
}

/// The honest model: `score` `[]`, `probabilities` `[3]`, `error_map` `[MAP, MAP]`, `picture` `[3, MAP, MAP]`, `latent` `[16]`.
pub fn model(pixels: &[u8]) -> Row {
    let step = 256 / MAP;
    let at = |y: usize, x: usize, channel: usize| f32::from(pixels[(y * 256 + x) * 3 + channel]) / 255.0;
    let cell = |y: usize, x: usize, channel: usize| at(y * step + step / 2, x * step + step / 2, channel);
    let mean =
        |channel: usize| (0..MAP * MAP).map(|i| cell(i / MAP, i % MAP, channel)).sum::<f32>() / (MAP * MAP) as f32;
    let [red, green, blue] = [0, 1, 2].map(mean);
    let logits = [3.0 * red - green, 2.0 * green - blue, 4.0 * blue - 2.0 * red];
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let powers = logits.map(|logit| (2.0 * (logit - most)).exp());
    let sum: f32 = powers.iter().sum();
    let probabilities = powers.map(|power| power / sum);
    let map = (0..MAP * MAP).map(|i| {
        let (y, x) = (i / MAP, i % MAP);
        (cell(y, x, 0) - 0.5 * cell(y, x, 2)).abs()
            * (1.0 + 0.3 * (x as f32 * 0.7).sin() + 0.2 * (y as f32 * 0.3).cos())
    });
    let picture = (0..3 * MAP * MAP).map(|i| cell(i / MAP % MAP, i % MAP, i / (MAP * MAP)));
    let latent = (0..16).map(|i| (red * (i as f32 + 1.0)).sin() + green * i as f32 * 0.1 - blue);
    BTreeMap::from([
        ("score", (vec![], vec![1.0 - probabilities[0]])),
        ("probabilities", (vec![3], probabilities.to_vec())),
        ("error_map", (vec![MAP, MAP], map.collect())),
        ("picture", (vec![3, MAP, MAP], picture.collect())),
        ("latent", (vec![16], latent.collect())),
    ])
}

/// A scorer that gives each tile the row of a function.
pub struct Rows<F>(pub F);

impl<F: FnMut(&[u8]) -> Row> Scorer for Rows<F> {
    fn run(&mut self, pixels: &[u8], batch: usize) -> Result<Outputs> {
        let rows: Vec<Row> = pixels.chunks_exact(TILE_BYTES).map(&mut self.0).collect();
        let mut arrays = BTreeMap::new();
        for (name, (shape, _)) in &rows[0] {
            let shape: Vec<usize> = std::iter::once(batch).chain(shape.iter().copied()).collect();
            let values = rows.iter().flat_map(|row| row[name].1.iter().copied()).collect();
            arrays.insert((*name).to_owned(), ArrayD::from_shape_vec(IxDyn(&shape), values).unwrap());
        }
        Ok(Outputs { batch, arrays })
    }
    fn fixed_batch(&self) -> Option<usize> {
        None
    }
    fn provider(&self) -> String {
        "test".to_owned()
    }
    fn nodes(&self) -> BTreeMap<String, usize> {
        BTreeMap::new()
    }
}

pub fn facts(label: &str, threshold: f64) -> SideFacts {
    let mut facts = SideFacts::new(SideKind::Bundle, label, threshold);
    facts.classes = ["benign", "tumour", "necrosis"].map(str::to_owned).to_vec();
    facts.normal_classes = vec!["benign".to_owned()];
    facts
}

pub fn side(label: &str, row: impl FnMut(&[u8]) -> Row + Send + 'static) -> Side {
    Side::new(facts(label, 0.6), Decoder::default(), vec![Answerer::Scorer(Box::new(Rows(row)), None)])
}

pub fn tiles(n: usize) -> TileSet {
    TileSet::from_memory("made tiles", (0..n).map(|at| (format!("tile-{at}.png"), tile(at))))
}

/// The same tiles with labels, by the honest score.
pub fn labelled(n: usize) -> TileSet {
    let mut set = tiles(n);
    for (at, info) in set.tiles.iter_mut().enumerate() {
        let score = model(tile(at).pixels())["score"].1[0];
        let label = if score > 0.6 { "tumour" } else { "benign" };
        *info = TileInfo { label: Some(label.to_owned()), group: Some(format!("slide-{}", at % 12)), ..info.clone() };
    }
    set
}

pub fn compare(n: usize, candidate: impl FnMut(&[u8]) -> Row + Send + 'static) -> Compared {
    let sides = vec![side("reference", model), side("candidate", candidate)];
    let comparison = Comparison { pictures: 4, ..Comparison::new(Tolerances::default()) };
    comparison.run(sides, &tiles(n), &mut |_| {}).unwrap()
}

pub fn findings(compared: &Compared) -> &[Finding] {
    &compared.report.comparisons[0].findings
}
