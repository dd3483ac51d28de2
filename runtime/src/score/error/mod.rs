//! Errors of scoring: the list of tiles, the target of the rows, and the parts of a sharded run.

mod listing;
mod parts;
mod target;

pub use self::listing::ListingError;
pub use self::parts::PartsError;
pub use self::target::TargetError;
