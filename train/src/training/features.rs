//! Features of tiles by a frozen backbone, computed once and kept in the user's cache, so that a second training on the
//! same tiles (another seed, another split, another head) computes none. A vector is named by the digest of the tile's
//! pixels, its file by a digest of all its other inputs; missing or damaged vectors are computed again. A file has the time
//! that its vectors took, so that a training which finds them can state what they cost.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::module::Module;
use kiln_files::digest::sha256_hex;
use kiln_files::{cache, publish};
use kiln_tile::Decoder;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::feature_choice::FeatureChoice;
use super::{Event, Observer};
use crate::config::TrainingDevice;
use crate::data::{Augmentation, ContentDigests, Dataset, random};
use crate::{Error, Result, parallel};

/// Computes features of the tiles of a data set.
pub(crate) struct Extractor<'a> {
    pub(crate) choice: &'a mut FeatureChoice,
    pub(crate) trained_on: TrainingDevice,
    pub(crate) tiles: FeatureTiles<'a>,
}

/// The tiles of a data set as inputs of a backbone.
pub(crate) struct FeatureTiles<'a> {
    pub(crate) dataset: &'a Dataset,
    pub(crate) digests: &'a [ContentDigests],
    pub(crate) decoder: Decoder,
}

/// A variation of tiles: its augmentation and its number; `None` for the tiles as they are.
type View<'a> = Option<(&'a Augmentation, u64)>;

/// A view's vectors, by entry of the data set.
type Rows = BTreeMap<usize, Vec<f32>>;

/// Feature vectors of some tiles, one for each view.
#[derive(Debug)]
pub(crate) struct FeatureTable {
    views: Vec<Rows>,
    /// Seconds that computing the vectors took, now or when they were cached; `None` if an older Kiln cached them.
    pub(crate) seconds: Option<f64>,
}

/// A cache file: vectors by name, and the mean seconds that one took, if that is known.
#[derive(Debug, Default)]
struct Cached {
    rows: HashMap<String, Vec<f32>>,
    seconds_per_tile: Option<f64>,
}

/// Key of [`Cached::seconds_per_tile`] in a cache file.
const SECONDS: &str = "seconds_per_tile";

impl FeatureTable {
    /// Number of variations of each tile, at least 1.
    pub(crate) fn views(&self) -> u64 {
        self.views.len().max(1) as u64
    }

    /// The vector of an entry of the data set; empty if it is not in the table.
    pub(crate) fn row(&self, index: usize, view: u64) -> &[f32] {
        self.views.get(view as usize).and_then(|rows| rows.get(&index)).map_or(&[], Vec::as_slice)
    }

    /// All vectors, view after view.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Vec<f32>> {
        self.views.iter().flat_map(BTreeMap::values)
    }
}

impl Extractor<'_> {
    /// Vectors of the entries `indices`: of the unchanged tiles, or of `views` variations of each.
    pub(crate) fn table(
        &mut self,
        indices: &[usize],
        augmentation: Option<(&Augmentation, u64)>,
        observer: &mut dyn Observer,
    ) -> Result<FeatureTable> {
        let views: Vec<View<'_>> = match augmentation {
            Some((augmentation, views)) => (0..views).map(|view| Some((augmentation, view))).collect(),
            None => vec![None],
        };
        let backbone = self.backbone_digest()?;
        let tables = views.into_iter().map(|view| self.view(indices, view, &backbone, observer));
        let (views, seconds): (Vec<_>, Vec<_>) = tables.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        Ok(FeatureTable { views, seconds: seconds.into_iter().sum() })
    }

    /// The vectors of a view, and the seconds that computing them took.
    fn view(
        &mut self,
        indices: &[usize],
        view: View<'_>,
        backbone: &str,
        observer: &mut dyn Observer,
    ) -> Result<(Rows, Option<f64>)> {
        let file = self.file(view, backbone)?;
        let mut known = file.as_deref().map(read).unwrap_or_default();
        let missing: Vec<usize> =
            indices.iter().copied().filter(|index| !known.rows.contains_key(self.tiles.name(*index))).collect();
        let (mut done, before, started) = (0, known.rows.len(), Instant::now());
        for chunk in missing.chunks(self.choice.batch().max(1)) {
            observer.event(&Event::Features { done, tiles: missing.len() });
            for (index, row) in chunk.iter().zip(self.compute(chunk, view)?) {
                known.rows.insert(self.tiles.name(*index).to_owned(), row);
            }
            done += chunk.len();
        }
        if !missing.is_empty() {
            known.add_time(before, started.elapsed().as_secs_f64(), missing.len());
            if let Some(Err(reason)) = file.filter(|_| !self.choice.is_uncached).map(|file| write(&file, &known)) {
                observer.event(&Event::NoFeatureCache { reason: &reason });
                self.choice.is_uncached = true;
            }
        }
        let row = |index: &usize| known.rows.get(self.tiles.name(*index)).map(|row| (*index, row.clone()));
        let seconds = known.seconds_per_tile.map(|seconds| seconds * indices.len() as f64);
        Ok((indices.iter().filter_map(row).collect(), seconds))
    }

    fn compute(&mut self, indices: &[usize], view: View<'_>) -> Result<Vec<Vec<f32>>> {
        let tiles = &self.tiles;
        let pixels = parallel::try_map(indices.len(), |at| tiles.pixels(indices[at], view))?;
        let features = self.choice.vectors(&pixels.concat(), indices.len())?.features;
        Ok(features.chunks_exact(features.len() / indices.len()).map(<[f32]>::to_vec).collect())
    }

    fn backbone_digest(&self) -> Result<String> {
        let record = self.choice.backbone().backbone().clone().into_record().into_bytes();
        let bytes = record.map_err(|error| Error::run(&self.tiles.dataset.root, error.to_string()))?;
        Ok(sha256_hex(&bytes))
    }

    /// The cache file of a view; `None` without a cache.
    fn file(&self, view: View<'_>, backbone: &str) -> Result<Option<PathBuf>> {
        let Some(folder) = cache::dir() else { return Ok(None) };
        let view = serde_json::to_string(&view).map_err(|error| Error::run(&folder, error.to_string()))?;
        let extraction = self.choice.backbone().key();
        // Features of burn and of another program differ in their last bits, and so do those of two devices.
        let mut key = if self.choice.is_burn() {
            format!("1 {backbone} {extraction} {view}")
        } else {
            format!("2 {} {backbone} {extraction} {view}", self.choice.identity())
        };
        if self.choice.is_burn() && self.trained_on != TrainingDevice::Flex {
            key += &self.trained_on.to_string();
        }
        if let Some(stain) = &self.tiles.decoder.stain {
            key += &serde_json::to_string(stain).map_err(|error| Error::run(&folder, error.to_string()))?;
        }
        Ok(Some(folder.join("features").join(format!("{}.safetensors", &sha256_hex(key.as_bytes())[..32]))))
    }
}

impl FeatureTiles<'_> {
    fn pixels(&self, index: usize, view: View<'_>) -> Result<Vec<u8>> {
        let tile = self.dataset.tile(index, &self.decoder)?;
        let Some((augmentation, view)) = view else { return Ok(tile.pixels().to_vec()) };
        // Seeded by the pixels, not by the place in a list, so that a tile has the same variations everywhere.
        let own = u64::from_str_radix(&self.name(index)[..16], 16).unwrap_or(0);
        let mut rng = random::stream(0, b"view    ", view, own);
        Ok(augmentation.apply(&tile, &mut rng).pixels().to_vec())
    }

    /// A tile's name in a cache file: the digest of its pixels. Tiles that cannot be decoded are refused earlier.
    fn name(&self, index: usize) -> &str {
        self.digests[index].pixels.as_deref().unwrap_or("0000000000000000")
    }
}

impl Cached {
    /// Adds the time of `tiles` further vectors to that of those `before`.
    fn add_time(&mut self, before: usize, seconds: f64, tiles: usize) {
        let (known, further) = (self.seconds_per_tile.map_or(0.0, |_| before as f64), tiles as f64);
        let total = self.seconds_per_tile.unwrap_or(0.0) * known + seconds;
        self.seconds_per_tile = Some(total / (known + further));
    }
}

/// Key in a cache file: SHA-256 over the names of all vectors and the SHA-256 of their bytes, by name.
const DIGEST: &str = "sha256";

fn digest<'a>(rows: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let lines: String = rows.map(|(name, bytes)| format!("{name} {}\n", sha256_hex(bytes))).collect();
    sha256_hex(lines.as_bytes())
}

/// Vectors by name; none if the file is missing or damaged, which its digest shows.
fn read(file: &Path) -> Cached {
    let Ok(bytes) = fs::read(file) else { return Cached::default() };
    let Ok(tensors) = SafeTensors::deserialize(&bytes) else { return Cached::default() };
    let notes = SafeTensors::read_metadata(&bytes).ok().and_then(|(_, header)| header.metadata().clone());
    let notes = notes.unwrap_or_default();
    let by_name: BTreeMap<&str, TensorView<'_>> = tensors.iter().collect();
    if notes.get(DIGEST) != Some(&digest(by_name.iter().map(|(name, tensor)| (*name, tensor.data())))) {
        return Cached::default();
    }
    let seconds = || notes.get(SECONDS)?.parse::<f64>().ok();
    let float = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let rows = tensors.iter().filter(|(_, tensor)| tensor.dtype() == Dtype::F32);
    let rows =
        rows.map(|(name, tensor)| (name.to_owned(), tensor.data().chunks_exact(4).map(float).collect())).collect();
    Cached { rows, seconds_per_tile: seconds().filter(|seconds| seconds.is_finite() && *seconds >= 0.0) }
}

fn write(file: &Path, cached: &Cached) -> Result<()> {
    let failed = |error: safetensors::SafeTensorError| Error::run(file, error.to_string());
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(Error::io(folder))?;
    }
    let bytes: BTreeMap<&String, Vec<u8>> = cached
        .rows
        .iter()
        .map(|(name, row)| (name, row.iter().flat_map(|value| value.to_le_bytes()).collect()))
        .collect();
    let mut notes = HashMap::from([(
        DIGEST.to_owned(),
        digest(bytes.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))),
    )]);
    let views =
        bytes.iter().map(|(name, bytes)| Ok((*name, TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes)?)));
    let views = views.collect::<std::result::Result<Vec<_>, _>>().map_err(failed)?;
    notes.extend(cached.seconds_per_tile.map(|seconds| (SECONDS.to_owned(), seconds.to_string())));
    let file_bytes = safetensors::serialize(views, Some(notes)).map_err(failed)?;
    publish::write_file(file, &file_bytes).map_err(Error::io(file))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_cache_file_keeps_vectors_and_the_time_that_they_took() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("features.safetensors");
        let mut cached = Cached { rows: HashMap::from([("a".to_owned(), vec![1.0, 2.0])]), seconds_per_tile: None };
        write(&file, &cached).unwrap();
        let old = read(&file);
        assert_eq!((old.rows.len(), old.seconds_per_tile), (1, None), "an older Kiln measured no time");
        cached.add_time(1, 4.0, 2);
        assert_eq!(cached.seconds_per_tile, Some(2.0));
        cached.add_time(3, 4.0, 2);
        assert_eq!(cached.seconds_per_tile, Some(2.0));
        cached.add_time(5, 0.0, 5);
        write(&file, &cached).unwrap();
        let new = read(&file);
        assert_eq!((new.rows, new.seconds_per_tile), (cached.rows, Some(1.0)));
    }

    #[test]
    fn a_damaged_cache_file_gives_no_vectors() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/features.safetensors");
        write(&file, &Cached { rows: HashMap::from([("a".to_owned(), vec![1.0, 2.0])]), seconds_per_tile: None })
            .unwrap();
        let whole = fs::read(&file).unwrap();
        // The last bytes are those of the vector.
        for damaged in [[&whole[..whole.len() - 4], &[0; 4]].concat(), whole[..whole.len() - 4].to_vec()] {
            fs::write(&file, damaged).unwrap();
            assert!(read(&file).rows.is_empty());
        }
        fs::write(&file, &whole).unwrap();
        assert_eq!(read(&file).rows["a"], [1.0, 2.0]);
    }
}
