//! Latency and throughput with a verdict: warm-up, a window of minimum length and count, percentiles. A figure that must
//! not be used comes with the reasons: the provider fell back, an engine was built inside the window, the machine was
//! shared, the run was too short or not steady. Load time, engine building and the first inference are reported apart
//! from the steady state. The arrival pattern of queries is a scenario, named as in MLPerf Inference's LoadGen.

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

pub use baseline::{Comparison, compare, differences, may_compare};
pub use machine::Machine;
pub use markdown::markdown;
pub use measure::{Opened, Plan, measure};
pub use offline::encoded;
pub use picture::picture;
pub use report::{MeasuredModel, Measurement, Report, Verdict};
pub use scenario::{MULTI_STREAM_TILES, Recording, Scenario, Window};
pub use stages::Breakdown;
pub use statistics::Latency;

pub use crate::server_times::ServerTimes;
