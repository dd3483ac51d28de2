//! Which labels of a data set are normal.

use crate::data::Dataset;
use crate::model::Classes;
use crate::{Error, Result};

/// Orders the labels of `dataset`: those of `normal_classes` first, the anomalous ones after them.
///
/// # Errors
/// [`Error::Config`] if the data set has no normal label, or no anomalous one.
pub fn classes(dataset: &Dataset, normal_classes: &[String]) -> Result<Classes> {
    let labels = dataset.labels();
    let (normal, anomalous): (Vec<_>, Vec<_>) = labels.into_iter().partition(|label| normal_classes.contains(label));
    let problem = match (normal.is_empty(), anomalous.is_empty()) {
        (false, false) => {
            let count = normal.len();
            return Ok(Classes { names: normal.into_iter().chain(anomalous).collect(), normal: count });
        }
        (true, _) => format!(
            "none of {normal_classes:?} is a label of {}, which has {anomalous:?}; name the normal ones, as in \
             --set 'data.normal_classes=[LABEL]'",
            dataset.root.display()
        ),
        (false, true) => format!("every label of {} is normal: {normal:?}", dataset.root.display()),
    };
    Err(Error::Config { origin: "data.normal_classes".to_owned(), reason: problem })
}
