//! Labels. Two labels that a reader would confuse (`Benign` and `benign`, a Cyrillic `а` instead of a Latin one) would be
//! two classes, so [`check`] refuses them. [`label_counts`] counts tiles for the table before a training, and [`likely`]
//! finds the intended label for a misspelt one.

mod check;
mod count;
mod folders;
mod problem;
mod spelling;

pub(super) use check::check;
pub(super) use count::example;
pub use count::{LabelCount, LabelKind, NORMAL_LABELS, close_labels, label_counts, likely, nearest};
pub(super) use folders::folder_problem;
pub use problem::shown;
pub(super) use problem::{label_problem, path_problem, problem};
pub use spelling::look_alike;

#[cfg(test)]
mod tests;
