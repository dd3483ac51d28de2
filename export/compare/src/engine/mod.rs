//! The comparison itself: tiles are decoded once, every side answers each batch, and the differences are measured on the
//! threads that computed the answers.

mod collected;
mod comparison;
mod kept;
mod rows;
mod worker;

pub use comparison::{Compared, Comparison, Picture};
pub(crate) use kept::{Kept, Sample};
pub(crate) use rows::SideRows;
