//! Two sets of answers side by side: the tiles and outputs that differ, the size of the differences, and the likely cause. A side is a run
//! (burn), a bundle with precision and provider, a model server, or answers that were saved on another machine. The
//! reference comes first; every other side is a candidate.
//!
//! Guarantees: each tile is decoded once and each side answers it once; doubt is a miss, be it a missing output, another
//! shape, a value that is not finite or a side that cannot run; figures do not depend on the number of threads. Left to
//! others: intermediate values of a graph, and the words of a command line.
//!
//! ```no_run
//! use kiln_compare::{Comparison, SideOptions, SideSpec, TileSet, Tolerances};
//!
//! let specs: Vec<SideSpec> = vec!["bundle".parse()?, "bundle@int8:cpu".parse()?];
//! let sides = kiln_compare::open(&specs, &SideOptions::default())?;
//! let tiles = TileSet::golden(&sides[0])?;
//! let report = Comparison::new(Tolerances::default()).run(sides, &tiles, &mut |_| {})?.report;
//! println!("{} on {} tiles", if report.passed { "same" } else { "different" }, report.tiles.count);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answers;
mod decisions;
mod diagnosis;
mod difference;
mod engine;
mod error;
mod facts;
mod map;
mod report;
mod side;
mod tiles;
mod tolerances;

pub use answers::{SavedAnswers, SavedTile};
pub use decisions::{Auroc, Calibration, ClassChange, Decisions, Flip};
pub use diagnosis::{Cause, Finding};
pub use difference::{OutputDifference, Quantiles, TileDifference, WorstTile};
pub use engine::{Compared, Comparison, Picture};
pub use error::{CompareError, Result};
pub use facts::{SideFacts, SideKind};
pub use kiln_runtime::bench::Machine;
pub use map::MapDifference;
pub use report::{FailedTile, PairReport, Report, SideReport, TilesReport, html, junit, markdown};
#[cfg(feature = "endpoint")]
pub use side::ServerOptions;
pub use side::{Answerer, Side, SideOptions, SideSpec, open, open_each};
pub use tiles::{TileInfo, TileSet};
pub use tolerances::{DecisionLimits, OutputLimits, Tolerances};
