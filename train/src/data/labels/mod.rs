//! Labels as people write them. Two labels that a reader takes for one (`Benign` and `benign`, a Cyrillic `а` instead of
//! a Latin one) would be two classes, so [`check`] refuses them. [`label_counts`] makes the table that is printed before
//! a training, and [`nearest`] finds the label that a misspelt word was meant to be.

mod check;
mod count;
mod folders;
mod problem;
mod spelling;

pub(super) use check::check;
pub(super) use count::example;
pub use count::{CountsAs, LabelCount, NORMAL_LABELS, close_labels, label_counts, nearest};
pub(super) use folders::folder_problem;
pub use problem::shown;
pub(super) use problem::{label_problem, path_problem, problem};
pub use spelling::look_alike;

#[cfg(test)]
mod tests;
