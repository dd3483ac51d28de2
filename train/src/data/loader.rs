//! Batches for the training loop, decoded and augmented on threads of their own. A batch depends on the seed, the epoch
//! and its place alone, never on the number of workers or on timing, and an epoch can be taken up at any batch: that is
//! what makes a resumed run equal to one that was never stopped.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use kiln_tile::{Decoder, TILE_BYTES};

use super::{Augmentation, DataError, Dataset, Result, random};

/// How tiles become batches.
#[derive(Debug, Clone)]
pub struct LoaderOptions {
    /// How files become tiles.
    pub decoder: Decoder,
    /// Tiles in a batch; the last batch of an epoch may hold fewer.
    pub batch: usize,
    /// Shuffles anew in every epoch, and seeds the augmentation. `None` keeps the order of the indices.
    pub shuffle_seed: Option<u64>,
    /// Varies each tile, differently in every epoch.
    pub augmentation: Option<Augmentation>,
    /// Threads that decode. 0 counts as 1.
    pub workers: usize,
    /// The class number of every label that may occur.
    pub classes: BTreeMap<String, usize>,
}

/// Some tiles, ready for the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileBatch {
    /// u8 `[n, 256, 256, 3]`, RGB.
    pub pixels: Vec<u8>,
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

    /// Whether there are no tiles. A loader gives no such batch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }
}

/// Gives the tiles of one split in batches, epoch after epoch.
#[derive(Debug, Clone)]
pub struct Loader {
    source: Arc<Source>,
    indices: Vec<usize>,
    batch: usize,
    workers: usize,
}

/// What a worker needs to make a batch.
#[derive(Debug)]
struct Source {
    dataset: Arc<Dataset>,
    /// Class numbers by tile.
    classes: Vec<Option<usize>>,
    decoder: Decoder,
    seed: Option<u64>,
    augmentation: Option<Augmentation>,
}

impl Loader {
    /// A loader over the tiles `indices` of `dataset`.
    ///
    /// # Errors
    /// No tiles, a batch of 0, an augmentation out of range, an index beyond the data set, a label without a class.
    pub fn new(dataset: Arc<Dataset>, indices: Vec<usize>, options: LoaderOptions) -> Result<Self> {
        if options.batch == 0 {
            return Err(DataError::Option { key: "batch", found: "0".to_owned(), expected: "at least 1" });
        }
        if let Some(augmentation) = &options.augmentation {
            augmentation.check()?;
        }
        if indices.is_empty() {
            return Err(DataError::dataset(&dataset.root, "no tiles to load: the split is empty"));
        }
        let classes: Vec<_> = dataset.entries.iter().map(|entry| options.classes.get(&entry.label).copied()).collect();
        for index in &indices {
            let Some(entry) = dataset.entries.get(*index) else {
                return Err(DataError::Split(format!("tile {index} of {} does not exist", dataset.len())));
            };
            if classes[*index].is_none() {
                let known: Vec<&str> = options.classes.keys().map(String::as_str).collect();
                let reason = format!("the label `{}` is none of the classes {}", entry.label, known.join(", "));
                return Err(DataError::dataset(&dataset.root, reason));
            }
        }
        let LoaderOptions { decoder, batch, shuffle_seed: seed, augmentation, workers, .. } = options;
        let source = Arc::new(Source { dataset, classes, decoder, seed, augmentation });
        Ok(Self { source, indices, batch, workers: workers.max(1) })
    }

    /// Batches in an epoch.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.indices.len().div_ceil(self.batch)
    }

    /// Tiles in an epoch.
    #[must_use]
    pub fn tiles(&self) -> usize {
        self.indices.len()
    }

    /// The batches of an epoch from `first_batch` on, in order. Two batches for each worker are made ahead; dropping
    /// the iterator ends the workers. A tile that cannot be decoded comes as an error that names it, in the place of
    /// its batch.
    #[must_use]
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> Batches {
        let mut order = self.indices.clone();
        if let Some(seed) = self.source.seed {
            random::shuffle(&mut order, &mut random::stream(seed, b"order   ", epoch, 0));
        }
        let work: VecDeque<Vec<usize>> = order.chunks(self.batch).skip(first_batch).map(<[usize]>::to_vec).collect();
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
                // Nobody waits any more if the iterator was dropped; the queue is then closed as well.
                let _ = job.done.send(source.batch(&job.indices, epoch));
            }
        })
    }
}

struct Job {
    indices: Vec<usize>,
    done: Sender<Result<TileBatch>>,
}

/// The rest of an epoch: an iterator over batches in order.
pub struct Batches {
    work: VecDeque<Vec<usize>>,
    /// How many batches may be in the making: the bound on memory.
    ahead: usize,
    jobs: Option<Sender<Job>>,
    pending: VecDeque<Receiver<Result<TileBatch>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Batches {
    fn hand_out(&mut self) {
        while self.pending.len() < self.ahead {
            let (Some(indices), Some(jobs)) = (self.work.pop_front(), &self.jobs) else { return };
            let (done, result) = bounded(1);
            if jobs.send(Job { indices, done }).is_ok() {
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
            // A thread that panicked has been reported as a lost worker.
            let _ = thread.join();
        }
    }
}

impl Source {
    fn batch(&self, indices: &[usize], epoch: u64) -> Result<TileBatch> {
        let mut pixels = Vec::with_capacity(indices.len() * TILE_BYTES);
        for &index in indices {
            let path = self.dataset.full_path(index);
            let tile = self.decoder.decode_file(&path).map_err(|reason| DataError::Tile { path, reason })?;
            match &self.augmentation {
                Some(augmentation) => {
                    let mut rng = random::stream(self.seed.unwrap_or(0), b"augment ", epoch, index as u64);
                    pixels.extend_from_slice(augmentation.apply(&tile, &mut rng).pixels());
                }
                None => pixels.extend_from_slice(tile.pixels()),
            }
        }
        // Every index was checked to have a class when the loader was made.
        let labels = indices.iter().filter_map(|index| self.classes[*index]).collect();
        Ok(TileBatch { pixels, labels, indices: indices.to_vec() })
    }
}
