//! From tiles to scores: the list of tiles ([`list`]), decoding on several threads and batches for one or several scorers
//! ([`run`]), rows in input order to a file or a stream ([`RowWriter`]). A tile that cannot be decoded becomes a row with
//! the reason, and the rest is scored. Memory depends on the batch and the workers, never on the number of tiles.

mod columns;
pub(crate) mod error;
mod format;
pub(crate) mod fuzzing;
mod growing;
mod listing;
mod merge;
mod natural;
mod part;
mod pipeline;
mod probe;
mod read;
mod resume;
mod row;
mod sessions;
mod shard;
mod source;
mod target;
mod unchanged;
mod writer;

pub use columns::Columns;
pub use error::{ListingError, PartsError, TargetError};
pub use format::Format;
pub use listing::{Listed, Listing, STDIN, Separator, expand, is_pattern, list, list_file, search};
pub use merge::{DigestNow, MergeOptions, Merged, merge};
pub use part::{PartRecord, ScoredBy, list_digest};
pub use pipeline::{PipelineOptions, Summary, run};
pub use probe::{PROBED_BATCHES, Probe, probe};
pub use read::rows;
pub use resume::{Found, Journal, JournalClaim, Kept, ResumableFile, Resume, TargetLock, run_key};
pub use row::{OK, ScoreRow};
pub use sessions::{Layout, MAX_STREAMS, open_sessions};
pub use shard::Shard;
pub use source::{ListedTiles, file_digest};
pub use writer::RowWriter;
