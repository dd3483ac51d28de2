//! Latency that can be believed: warm-up, a window of minimum length and count, percentiles, and a verdict. A figure
//! comes with the reasons why it may not be used: the provider fell back, the machine was shared, the run was too short
//! or not steady. Load time and the first inference are told apart from what follows. How queries arrive is a scenario;
//! single stream is the one there is, and others take their place beside it.

mod foreign;
mod measure;
mod report;
mod scenario;
mod statistics;
mod verdict;

pub use measure::{Opened, Plan, measure};
pub use report::{Measurement, Report, Verdict};
pub use scenario::{Recording, Scenario, Window};
pub use statistics::Latency;
