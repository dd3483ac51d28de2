//! The tiles of an epoch: every training tile once, and, against class imbalance, repeated tiles of rare classes and
//! synthetic anomalies.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::random::{self, below, stream};
use super::{DataError, Result};

/// Options for the tiles of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sampling {
    /// Repeats tiles of rarer classes until every class is as frequent as the commonest.
    pub oversampling: bool,
    /// Additional synthetic anomalies.
    pub synthesis: Synthesis,
    /// Class numbers below this one are normal.
    pub normal: usize,
}

/// Synthetic anomalies of an epoch, each kind as a fraction of the number of its normal tiles; 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Synthesis {
    /// A piece of an anomalous training tile pasted into a normal one, 0 to 2. It has the anomalous tile's label.
    pub cut_paste: f32,
    /// A piece of a normal training tile, enlarged and with more haematoxylin, pasted into another one, 0 to 2: crowded
    /// nuclei that are too large and too dark. For data sets with one anomalous class; the tile has its label.
    pub generated: f32,
}

impl Synthesis {
    /// True if both kinds are 0.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.cut_paste == 0.0 && self.generated == 0.0
    }

    /// Checks that the amounts are in range.
    ///
    /// # Errors
    /// [`DataError::Option`], naming the key.
    pub fn check(&self) -> Result<()> {
        for (key, value) in [("data.synthesis.cut_paste", self.cut_paste), ("data.synthesis.generated", self.generated)]
        {
            if !(0.0..=2.0).contains(&value) {
                let expected = "a number from 0 to 2, as a part of the normal training tiles";
                return Err(DataError::Option { key, found: value.to_string(), expected });
            }
        }
        Ok(())
    }
}

/// One tile of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Entry of the data set; for a synthetic tile, the one that a piece is pasted into.
    pub(crate) index: usize,
    /// Class number.
    pub(crate) class: usize,
    /// Number of earlier tiles of the epoch with the same entry.
    pub(crate) repeat: u64,
    pub(crate) origin: Origin,
}

/// The origin of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The entry itself.
    Entry,
    /// The entry with a piece of this anomalous entry.
    CutPaste(usize),
    /// The entry with a changed piece of this normal entry.
    Generated(usize),
}

/// The tiles of one epoch: `tiles` (entry, class) in their order, then synthetic ones, then repeated ones.
pub(crate) fn samples(tiles: &[(usize, usize)], sampling: &Sampling, seed: u64, epoch: u64) -> Vec<Sample> {
    let as_is = |&(index, class): &(usize, usize)| Sample { index, class, repeat: 0, origin: Origin::Entry };
    let mut samples: Vec<Sample> = tiles.iter().map(as_is).collect();
    add_synthetic(tiles, sampling, seed, epoch, &mut samples);
    if sampling.oversampling {
        repeat_rare(tiles, seed, epoch, &mut samples);
    }
    let mut seen: HashMap<usize, u64> = tiles.iter().map(|(index, _)| (*index, 1)).collect();
    for sample in samples.iter_mut().skip(tiles.len()) {
        let count = seen.entry(sample.index).or_default();
        sample.repeat = *count;
        *count += 1;
    }
    samples
}

fn add_synthetic(tiles: &[(usize, usize)], sampling: &Sampling, seed: u64, epoch: u64, samples: &mut Vec<Sample>) {
    let (normal, anomalous): (Vec<_>, Vec<_>) = tiles.iter().copied().partition(|(_, class)| *class < sampling.normal);
    if normal.is_empty() {
        return;
    }
    let mut donors: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, class) in anomalous {
        donors.entry(class).or_default().push(index);
    }
    // The anomalous classes take turns, so that their numbers are the same in every epoch.
    let donors: Vec<(usize, Vec<usize>)> = donors.into_iter().collect();
    let Synthesis { cut_paste, generated } = sampling.synthesis;
    let count = |part: f32| (part * normal.len() as f32).round() as usize;
    for number in 0..if donors.is_empty() { 0 } else { count(cut_paste) } {
        let mut rng = stream(seed, b"cutpaste", epoch, number as u64);
        let (class, of_class) = &donors[number % donors.len()];
        let (canvas, donor) = (normal[below(&mut rng, normal.len())].0, of_class[below(&mut rng, of_class.len())]);
        samples.push(Sample { index: canvas, class: *class, repeat: 0, origin: Origin::CutPaste(donor) });
    }
    for number in 0..count(generated) {
        let mut rng = stream(seed, b"generate", epoch, number as u64);
        let (canvas, donor) = (normal[below(&mut rng, normal.len())], normal[below(&mut rng, normal.len())]);
        let origin = Origin::Generated(donor.0);
        samples.push(Sample { index: canvas.0, class: sampling.normal, repeat: 0, origin });
    }
}

/// Repeats tiles of rarer classes until all classes are equally frequent. Within a class, the numbers of repetitions
/// differ by at most one.
fn repeat_rare(tiles: &[(usize, usize)], seed: u64, epoch: u64, samples: &mut Vec<Sample>) {
    let counts = class_counts(samples.iter().map(|sample| sample.class));
    let most = counts.iter().copied().max().unwrap_or(0);
    for (class, count) in counts.iter().enumerate() {
        let mut own: Vec<usize> = tiles.iter().filter(|tile| tile.1 == class).map(|tile| tile.0).collect();
        if own.is_empty() {
            continue;
        }
        random::shuffle(&mut own, &mut stream(seed, b"oversamp", epoch, class as u64));
        for number in 0..most - count {
            samples.push(Sample { index: own[number % own.len()], class, repeat: 0, origin: Origin::Entry });
        }
    }
}

/// Number of occurrences of each class number.
pub(crate) fn class_counts(classes: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut counts = Vec::new();
    for class in classes {
        if counts.len() <= class {
            counts.resize(class + 1, 0);
        }
        counts[class] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Twenty tiles of class 0, three of class 1 and one of class 2.
    fn tiles() -> Vec<(usize, usize)> {
        (0..24).map(|at| (at, if at < 20 { 0 } else { 1 + usize::from(at == 23) })).collect()
    }

    fn counts(samples: &[Sample]) -> Vec<usize> {
        class_counts(samples.iter().map(|sample| sample.class))
    }

    #[test]
    fn without_words_an_epoch_is_every_tile_once() {
        let samples = samples(&tiles(), &Sampling { normal: 1, ..Sampling::default() }, 1, 0);
        assert_eq!(samples.iter().map(|sample| (sample.index, sample.class)).collect::<Vec<_>>(), tiles());
    }

    #[test]
    fn oversampling_makes_all_classes_as_frequent_and_loses_no_tile() {
        let sampling = Sampling { oversampling: true, normal: 1, ..Sampling::default() };
        let samples = samples(&tiles(), &sampling, 1, 0);
        assert_eq!(counts(&samples), [20, 20, 20]);
        let entries: BTreeSet<usize> = samples.iter().map(|sample| sample.index).collect();
        assert_eq!(entries.len(), 24);
        // Of three tiles, each comes six or seven times, and no two of an entry are the same variation.
        let of = |index| samples.iter().filter(|sample| sample.index == index).count();
        assert!((20..23).all(|index| [6, 7].contains(&of(index))));
        let own: BTreeSet<(usize, u64)> = samples.iter().map(|sample| (sample.index, sample.repeat)).collect();
        assert_eq!(own.len(), samples.len());
    }

    #[test]
    fn made_up_tiles_are_anomalous_of_training_tiles_and_drawn_anew_in_each_epoch() {
        let synthesis = Synthesis { cut_paste: 0.5, generated: 0.25 };
        let sampling = Sampling { synthesis, normal: 1, oversampling: false };
        let first = samples(&tiles(), &sampling, 1, 0);
        assert_eq!(first.len(), 24 + 10 + 5);
        for sample in &first[24..] {
            assert!(sample.index < 20 && sample.class >= 1);
            match sample.origin {
                Origin::CutPaste(donor) => assert_eq!(sample.class, tiles()[donor].1),
                Origin::Generated(donor) => assert!(donor < 20 && sample.class == 1),
                Origin::Entry => panic!("not made up"),
            }
        }
        let own: BTreeSet<(usize, u64)> = first.iter().map(|sample| (sample.index, sample.repeat)).collect();
        assert_eq!(own.len(), first.len());
        assert_eq!(first, samples(&tiles(), &sampling, 1, 0));
        assert_ne!(first, samples(&tiles(), &sampling, 1, 1));
    }

    #[test]
    fn every_epoch_has_as_many_tiles_of_each_class() {
        let synthesis = Synthesis { cut_paste: 0.75, generated: 0.0 };
        let sampling = Sampling { synthesis, normal: 1, oversampling: true };
        let of = |seed, epoch| counts(&samples(&tiles(), &sampling, seed, epoch));
        assert!((0..20).all(|epoch| of(1, epoch) == of(2, 0)), "{:?}", of(2, 0));
    }

    #[test]
    fn anomalies_are_generated_where_there_are_none() {
        let synthesis = Synthesis { cut_paste: 0.5, generated: 0.5 };
        let sampling = Sampling { synthesis, normal: 1, oversampling: false };
        assert_eq!(counts(&samples(&tiles()[..20], &sampling, 1, 0)), [20, 10]);
    }

    #[test]
    fn oversampling_counts_what_is_made_up() {
        let synthesis = Synthesis { cut_paste: 0.0, generated: 0.5 };
        let sampling = Sampling { synthesis, normal: 1, oversampling: true };
        assert_eq!(counts(&samples(&tiles(), &sampling, 1, 0)), [20, 20, 20]);
    }

    #[test]
    fn amounts_out_of_range_are_refused_with_the_key() {
        let error = Synthesis { cut_paste: -0.1, generated: 0.0 }.check().map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("data.synthesis.cut_paste")));
        let error = Synthesis { cut_paste: 0.0, generated: f32::NAN }.check().map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("data.synthesis.generated")));
    }
}
