//! A tile source over a list of places on slides. Slides are opened when their first tile is read, few at a time; a slide
//! that cannot be opened, or a place that cannot be read, costs its own tiles only.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use kiln_files::FileDigest;
use kiln_tile::stain::StainNormaliser;
use kiln_tile::{Place, SlideTile, TileError, TileRead, TileSource};

use crate::direct::TileCache;
use crate::openslide::Library;
use crate::plan::ReadPlan;
use crate::read::Outside;
use crate::slide::{Reader, Slide};

/// Options of reading tiles from slides.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Resolution of the tiles in µm/px.
    pub target_mpp: f64,
    /// Resolution of level 0 in µm/px, instead of the one that the slides state.
    pub slide_mpp: Option<f64>,
    /// Slides that are coarser than the tiles are enlarged. Otherwise their tiles are refused.
    pub enlarge: bool,
    /// Treatment of footprints that are partly outside their slide.
    pub outside: Outside,
    /// Number of slides that are open at the same time, at least 1.
    pub open_slides: usize,
    /// Normalises the stain of each tile, for models whose graph expects normalised tiles.
    pub stain: Option<StainNormaliser>,
    /// The cache of decoded TIFF tiles, shared by all slides.
    pub cache: Arc<TileCache>,
}

impl ReadOptions {
    /// Options for tiles of `target_mpp` µm/px: slides state their resolution, nothing is enlarged, footprints are inside
    /// their slides, and 4 slides are open at the same time.
    #[must_use]
    pub fn new(target_mpp: f64) -> Self {
        Self {
            target_mpp,
            slide_mpp: None,
            enlarge: false,
            outside: Outside::Refused,
            open_slides: 4,
            stain: None,
            cache: Arc::default(),
        }
    }
}

/// A slide of a list, and how its tiles are read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlideReading {
    /// The level and the resampling.
    pub plan: ReadPlan,
    /// The reader of the level.
    pub reader: Reader,
    /// The digest of the slide's content.
    pub digest: FileDigest,
}

/// Tiles at places on slides, in the order of a list.
#[derive(Debug)]
pub struct SlideTiles {
    library: Library,
    options: ReadOptions,
    slides: Vec<Entry>,
    tiles: Vec<(u32, Place)>,
    /// The facts of the list about each tile; empty if it has none.
    facts: Vec<Facts>,
    /// Open slides, the one that was read last at the end.
    open: Mutex<VecDeque<usize>>,
}

/// The facts of a list about a tile beside its place.
#[derive(Debug, Clone, Copy)]
struct Facts {
    level: Option<u32>,
    tissue_fraction: Option<f32>,
    tumour_fraction: Option<f32>,
}

#[derive(Debug)]
struct Entry {
    /// The slide's name in results.
    name: String,
    path: PathBuf,
    state: Mutex<State>,
    /// Kept while the slide is closed, so that its content is read once. An error is the status of each of its tiles.
    reading: OnceLock<Result<SlideReading, String>>,
}

#[derive(Debug)]
enum State {
    Closed,
    Open(Arc<Slide>),
}

impl SlideTiles {
    /// Makes a source of `tiles`: indices into `slides`, and places. A slide is its name in results and its path.
    ///
    /// # Errors
    /// The index of the first tile whose slide does not exist in the list.
    pub fn new(
        library: Library,
        slides: Vec<(String, PathBuf)>,
        tiles: Vec<(u32, Place)>,
        options: ReadOptions,
    ) -> Result<Self, usize> {
        if let Some(wrong) = tiles.iter().position(|(slide, _)| *slide as usize >= slides.len()) {
            return Err(wrong);
        }
        let entry = |(name, path)| Entry { name, path, state: Mutex::new(State::Closed), reading: OnceLock::new() };
        let slides = slides.into_iter().map(entry).collect();
        Ok(Self { library, options, slides, tiles, facts: Vec::new(), open: Mutex::default() })
    }

    /// Makes a source of `tiles`, whose slides are paths. Relative paths are those of the working folder.
    #[must_use]
    pub fn from_tiles(library: Library, tiles: &[SlideTile], options: ReadOptions) -> Self {
        let (mut numbers, mut slides) = (HashMap::new(), Vec::new());
        let mut number = |slide: &String| {
            *numbers.entry(slide.clone()).or_insert_with(|| {
                slides.push((slide.clone(), PathBuf::from(slide)));
                // A list has fewer slides than tiles, and these are in memory.
                u32::try_from(slides.len() - 1).unwrap_or(u32::MAX)
            })
        };
        let places = tiles.iter().map(|tile| (number(&tile.slide), tile.place)).collect();
        let facts = |tile: &SlideTile| Facts {
            level: tile.level,
            tissue_fraction: tile.tissue_fraction,
            tumour_fraction: tile.tumour_fraction,
        };
        let entry = |(name, path)| Entry { name, path, state: Mutex::new(State::Closed), reading: OnceLock::new() };
        let slides = slides.into_iter().map(entry).collect();
        let facts = tiles.iter().map(facts).collect();
        Self { library, options, slides, tiles: places, facts, open: Mutex::default() }
    }

    /// The slide and the place of a tile; `None` past the end of the list.
    #[must_use]
    pub fn place(&self, index: usize) -> Option<(&Path, Place)> {
        let (slide, place) = self.tiles.get(index)?;
        Some((&self.slides.get(*slide as usize)?.path, *place))
    }

    /// Number of slides in the list.
    #[must_use]
    pub fn slides(&self) -> usize {
        self.slides.len()
    }

    /// Returns how the tiles of a slide are read. Opens the slide if it has not been opened yet.
    ///
    /// # Errors
    /// The status of its tiles: the slide cannot be opened, or has no resolution or no suitable level.
    pub fn reading(&self, slide: usize) -> Result<SlideReading, String> {
        match self.slides.get(slide) {
            Some(entry) => self.opened(slide, entry).map(|(_, reading)| reading),
            None => Err(format!("no_slide: the list has {} slides", self.slides.len())),
        }
    }

    /// Returns the open slide; opens it if necessary, and closes the one that was read longest ago.
    fn opened(&self, index: usize, entry: &Entry) -> Result<(Arc<Slide>, SlideReading), String> {
        let mut state = lock(&entry.state);
        if let Some(Err(status)) = entry.reading.get() {
            return Err(status.clone());
        }
        let slide = match &*state {
            State::Open(slide) => Arc::clone(slide),
            State::Closed => match self.open(entry) {
                Ok(slide) => {
                    let slide = Arc::new(slide);
                    *state = State::Open(Arc::clone(&slide));
                    slide
                }
                Err(status) => {
                    // A slide that was readable before may be so again: its file system may be away for a moment.
                    let _ = entry.reading.set(Err(status.clone()));
                    return Err(status);
                }
            },
        };
        let reading = entry.reading.get_or_init(|| self.assess(&slide)).clone();
        if reading.is_err() {
            *state = State::Closed;
        }
        // Another entry is locked below, and its thread may wait for this one.
        drop(state);
        let reading = reading?;
        self.touch(index);
        Ok((slide, reading))
    }

    fn open(&self, entry: &Entry) -> Result<Slide, String> {
        let slide = Slide::open(&entry.path, &self.library).map_err(|error| format!("{}: {error}", error.code()))?;
        let slide = slide.with_direct(Arc::clone(&self.options.cache));
        match self.options.slide_mpp {
            Some(mpp) => slide.with_mpp(mpp).map_err(|error| format!("{}: {error}", error.code())),
            None => Ok(slide),
        }
    }

    fn assess(&self, slide: &Slide) -> Result<SlideReading, String> {
        let mpp = slide.mpp().map_err(|error| format!("{}: {error}", error.code()))?.mean();
        let plan = ReadPlan::new(slide.levels(), mpp, self.options.target_mpp, self.options.enlarge);
        let plan = plan.map_err(|error| format!("{}: {}: {error}", error.code(), slide.path().display()))?;
        let content = slide.digest().map_err(|error| format!("{}: {error}", error.code()))?;
        Ok(SlideReading { plan, reader: slide.reader(plan.level), digest: FileDigest::new(content.as_bytes()) })
    }

    /// Notes that a slide was read, and closes those that were read longest ago.
    fn touch(&self, index: usize) {
        let mut open = lock(&self.open);
        if open.back() == Some(&index) {
            return;
        }
        open.retain(|other| *other != index);
        open.push_back(index);
        let surplus = open.len().saturating_sub(self.options.open_slides.max(1));
        let closing: Vec<usize> = open.drain(..surplus).collect();
        drop(open);
        for entry in closing.iter().filter_map(|index| self.slides.get(*index)) {
            // Threads that read it keep it open until they have done so.
            *lock(&entry.state) = State::Closed;
        }
    }
}

impl TileSource for SlideTiles {
    fn len(&self) -> usize {
        self.tiles.len()
    }

    /// The name is `SLIDE#MINX,MINY,WIDTHxHEIGHT`.
    fn name(&self, index: usize) -> Cow<'_, str> {
        let (slide, Place { minx, miny, width, height }) = &self.tiles[index];
        Cow::Owned(format!("{}#{minx},{miny},{width}x{height}", self.slides[*slide as usize].name))
    }

    fn slide_tile(&self, index: usize) -> Option<SlideTile> {
        let (slide, place) = self.tiles[index];
        let entry = &self.slides[slide as usize];
        let facts = self.facts.get(index);
        // The level that is read counts; a list may be older than the target resolution.
        let level = entry.reading.get().and_then(|reading| Some(reading.as_ref().ok()?.plan.level));
        Some(SlideTile {
            slide: entry.name.clone(),
            place,
            level: level.or(facts.and_then(|facts| facts.level)),
            tissue_fraction: facts.and_then(|facts| facts.tissue_fraction),
            tumour_fraction: facts.and_then(|facts| facts.tumour_fraction),
        })
    }

    /// The digest of the slide's content, which is computed when the slide is opened first.
    fn digest(&self, index: usize) -> Result<FileDigest, TileError> {
        let (slide, _) = self.tiles[index];
        let entry = &self.slides[slide as usize];
        if !entry.path.exists() {
            return Err(TileError::NotFound);
        }
        self.reading(slide as usize).map(|reading| reading.digest).map_err(TileError::Damaged)
    }

    fn read(&self, index: usize) -> TileRead {
        let (slide, place) = self.tiles[index];
        let slide = slide as usize;
        match self.opened(slide, &self.slides[slide]) {
            Ok((open, reading)) => {
                let tile = reading.plan.read(&*open, place, self.options.outside).map_err(|error| error.status());
                let tile = match &self.options.stain {
                    Some(stain) => tile.map(|tile| stain.apply(tile)),
                    None => tile,
                };
                TileRead { digest: Some(reading.digest), tile }
            }
            Err(status) => TileRead::refused(status),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
