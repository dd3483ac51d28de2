//! Latency that can be believed: warm-up, a window of minimum length and count, percentiles, and a verdict. A figure
//! comes with the reasons why it may not be used: the provider fell back, an engine was built inside the window, the
//! machine was shared, the run was too short or not steady. Load time, engine building and the first inference are told
//! apart from what follows. How queries arrive is a scenario, as MLPerf Inference's LoadGen names them.

mod baseline;
mod foreign;
mod machine;
mod markdown;
mod measure;
mod offline;
mod picture;
mod report;
mod scenario;
mod server;
mod stages;
mod statistics;
mod verdict;

pub use baseline::{Comparison, compare};
pub use machine::Machine;
pub use markdown::markdown;
pub use measure::{Opened, Plan, measure};
pub use offline::encoded;
pub use picture::picture;
pub use report::{Measurement, Report, Verdict};
pub use scenario::{MULTI_STREAM_TILES, Recording, Scenario, Window};
pub use stages::Breakdown;
pub use statistics::Latency;

pub use crate::server_times::ServerTimes;
