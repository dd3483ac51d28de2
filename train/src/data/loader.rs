//! Batches for the training loop, decoded and augmented on worker threads. A batch depends on the seed, the epoch and its
//! number alone, not on the number of workers or on timing, and an epoch can start at any batch; so a resumed run equals
//! an uninterrupted one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use kiln_tile::{Decoder, SIDE, Tile};
use rand::Rng;

use super::augmentation::reduced;
use super::sampling::{Origin, Sample, Sampling, samples};
use super::{Augmentation, DataError, Dataset, Result, random, synthesis};

/// Options of a [`Loader`].
#[derive(Debug, Clone)]
pub struct LoaderOptions {
    /// Decodes the tiles.
    pub decoder: Decoder,
    /// Tiles in a batch; the last batch of an epoch may hold fewer.
    pub batch: usize,
    /// Seed of the shuffle of every epoch, and of the augmentation. `None` keeps the order of the indices.
    pub shuffle_seed: Option<u64>,
    /// Random variations of each tile, different in every epoch.
    pub augmentation: Option<Augmentation>,
    /// Pixels a side of the tiles in a batch: 256, or fewer for a model that learns from fewer. Tiles become smaller before
    /// their colours are varied.
    pub side: usize,
    /// Number of worker threads. 0 counts as 1.
    pub workers: usize,
    /// Class number of every label of the data set.
    pub classes: BTreeMap<String, usize>,
    /// Additional tiles of an epoch: repeated and synthetic ones.
    pub sampling: Sampling,
}

/// A batch of tiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileBatch {
    /// u8 `[n, side, side, 3]`, RGB.
    pub pixels: Vec<u8>,
    /// Pixels a side of each tile, [`LoaderOptions::side`].
    pub side: usize,
    /// Class numbers, `[n]`.
    pub labels: Vec<usize>,
    /// Indices into [`Dataset::entries`], `[n]`.
    pub indices: Vec<usize>,
}

impl TileBatch {
    /// The number of tiles.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// True if there are no tiles. A loader never returns an empty batch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }
}

/// Loads the tiles of one split in batches, epoch after epoch.
#[derive(Debug, Clone)]
pub struct Loader {
    source: Arc<Source>,
    /// Entries and their class numbers.
    tiles: Vec<(usize, usize)>,
    sampling: Sampling,
    batch: usize,
    workers: usize,
    /// Tiles in an epoch.
    length: usize,
}

/// Everything that a worker needs to make a batch.
#[derive(Debug)]
struct Source {
    dataset: Arc<Dataset>,
    decoder: Decoder,
    seed: Option<u64>,
    augmentation: Option<Augmentation>,
    side: usize,
}

impl Loader {
    /// A loader over the tiles `indices` of `dataset`.
    ///
    /// # Errors
    /// No tiles, a batch of 0, a side or an augmentation out of range, an index beyond the data set, a label without a class.
    pub fn new(dataset: Arc<Dataset>, indices: Vec<usize>, options: LoaderOptions) -> Result<Self> {
        if options.batch == 0 {
            return Err(DataError::Option { key: "batch", found: "0".to_owned(), expected: "at least 1" });
        }
        if !(1..=SIDE as usize).contains(&options.side) {
            return Err(DataError::Option { key: "side", found: options.side.to_string(), expected: "1 to 256" });
        }
        if let Some(augmentation) = &options.augmentation {
            augmentation.check()?;
        }
        if indices.is_empty() {
            return Err(DataError::NoTiles { path: dataset.root.clone(), reason: "the split is empty" });
        }
        options.sampling.synthesis.check()?;
        let with_class = |index: usize| {
            let Some(entry) = dataset.entries.get(index) else {
                return Err(DataError::Index { index, tiles: dataset.len() });
            };
            let class = options.classes.get(&entry.label).copied().ok_or_else(|| DataError::UnknownLabel {
                path: dataset.root.clone(),
                label: entry.label.clone(),
                tile: entry.path.clone(),
                classes: options.classes.keys().cloned().collect(),
            })?;
            Ok((index, class))
        };
        let tiles = indices.into_iter().map(with_class).collect::<Result<Vec<_>>>()?;
        let LoaderOptions { decoder, batch, shuffle_seed: seed, augmentation, side, workers, sampling, .. } = options;
        let length = samples(&tiles, &sampling, seed.unwrap_or(0), 0).len();
        let source = Arc::new(Source { dataset, decoder, seed, augmentation, side });
        Ok(Self { source, tiles, sampling, batch, workers: workers.max(1), length })
    }

    /// Batches in an epoch.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.length.div_ceil(self.batch)
    }

    /// Tiles in an epoch.
    #[must_use]
    pub fn tiles(&self) -> usize {
        self.length
    }

    /// The batches of an epoch from `first_batch` on, in order. Two batches for each worker are prefetched; dropping the
    /// iterator stops the workers. A tile that cannot be decoded is returned as an error with its path, in place of its
    /// batch.
    #[must_use]
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> Batches {
        let mut order = samples(&self.tiles, &self.sampling, self.source.seed.unwrap_or(0), epoch);
        if let Some(seed) = self.source.seed {
            random::shuffle(&mut order, &mut random::stream(seed, b"order   ", epoch, 0));
        }
        let work: VecDeque<Vec<Sample>> = order.chunks(self.batch).skip(first_batch).map(<[Sample]>::to_vec).collect();
        let (jobs, queue) = unbounded();
        let workers = self.workers.min(work.len());
        let threads = (0..workers).map(|_| self.spawn(epoch, queue.clone())).collect();
        let mut batches = Batches { work, ahead: 2 * workers, jobs: Some(jobs), pending: VecDeque::new(), threads };
        batches.hand_out();
        batches
    }

    fn spawn(&self, epoch: u64, queue: Receiver<Job>) -> JoinHandle<()> {
        let source = Arc::clone(&self.source);
        thread::spawn(move || {
            for job in queue {
                // Fails if the iterator was dropped; the queue is then closed as well.
                let _ = job.done.send(source.batch(&job.samples, epoch));
            }
        })
    }
}

struct Job {
    samples: Vec<Sample>,
    done: Sender<Result<TileBatch>>,
}

/// The rest of an epoch: an iterator over batches in order.
pub struct Batches {
    work: VecDeque<Vec<Sample>>,
    /// Largest number of batches in work: the bound on memory.
    ahead: usize,
    jobs: Option<Sender<Job>>,
    pending: VecDeque<Receiver<Result<TileBatch>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Batches {
    fn hand_out(&mut self) {
        while self.pending.len() < self.ahead {
            let (Some(samples), Some(jobs)) = (self.work.pop_front(), &self.jobs) else { return };
            let (done, result) = bounded(1);
            if jobs.send(Job { samples, done }).is_ok() {
                self.pending.push_back(result);
            }
        }
    }
}

impl Iterator for Batches {
    type Item = Result<TileBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.pending.pop_front()?.recv();
        self.hand_out();
        Some(result.unwrap_or(Err(DataError::WorkerLost)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.work.len() + self.pending.len();
        (left, Some(left))
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.pending.clear();
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked was reported as a lost worker.
            let _ = thread.join();
        }
    }
}

impl Source {
    fn batch(&self, samples: &[Sample], epoch: u64) -> Result<TileBatch> {
        let mut pixels = Vec::with_capacity(samples.len() * 3 * self.side * self.side);
        for sample in samples {
            let tile = self.tile(sample, epoch)?;
            let of_tile = match &self.augmentation {
                Some(augmentation) => {
                    augmentation.pixels(&tile, self.side, &mut self.stream(b"augment ", sample, epoch))
                }
                None => reduced(tile, self.side),
            };
            let named = |reason| DataError::Tile { path: self.dataset.path_of(sample.index), reason };
            pixels.extend(of_tile.map_err(named)?);
        }
        let labels = samples.iter().map(|sample| sample.class).collect();
        Ok(TileBatch { pixels, side: self.side, labels, indices: samples.iter().map(|sample| sample.index).collect() })
    }

    fn tile(&self, sample: &Sample, epoch: u64) -> Result<Tile> {
        let tile = self.dataset.tile(sample.index, &self.decoder)?;
        Ok(match sample.origin {
            Origin::Entry => tile,
            Origin::CutPaste(other) => synthesis::cut_paste(
                &tile,
                &self.dataset.tile(other, &self.decoder)?,
                &mut self.stream(b"piece   ", sample, epoch),
            ),
            Origin::Generated(other) => synthesis::generated(
                &tile,
                &self.dataset.tile(other, &self.decoder)?,
                &mut self.stream(b"piece   ", sample, epoch),
            ),
        })
    }

    /// The random stream of a tile in an epoch. It does not depend on the batch or the thread.
    fn stream(&self, purpose: &[u8; 8], sample: &Sample, epoch: u64) -> impl Rng + use<> {
        // A repetition has another stream. Data sets have far fewer than 2^40 entries.
        let own = sample.index as u64 | sample.repeat << 40;
        random::stream(self.seed.unwrap_or(0), purpose, epoch, own)
    }
}
