//! The normal and anomalous labels of a data set.

use crate::data::{Dataset, NORMAL_LABELS, look_alike, shown};
use crate::model::{Classes, listed, nearest_of};
use crate::{Error, Result};

/// Orders the labels of `dataset`: those of `normal_classes` first, the anomalous ones after them. Without
/// `normal_classes`, the labels in [`NORMAL_LABELS`] are normal.
///
/// # Errors
/// [`Error::Config`] if no tile has a named label, with the nearest existing one; if the data set has no normal label, or
/// no anomalous one.
pub fn classes(dataset: &Dataset, normal_classes: Option<&[String]>) -> Result<Classes> {
    let labels = dataset.labels();
    let wrong = |reason| Error::Config { origin: "data.normal_classes".to_owned(), reason };
    match normal_classes {
        Some(named) => named.iter().try_for_each(|name| known(dataset, &labels, name)).map_err(wrong)?,
        None => labels.iter().try_for_each(|label| unlike_normal(label)).map_err(wrong)?,
    }
    let is_normal = |label: &String| match normal_classes {
        Some(named) => named.contains(label),
        None => NORMAL_LABELS.contains(&label.as_str()),
    };
    let (normal, anomalous): (Vec<_>, Vec<_>) = labels.into_iter().partition(is_normal);
    let root = dataset.root.display();
    let problem = match (normal.is_empty(), anomalous.is_empty()) {
        (false, false) => {
            let count = normal.len();
            return Ok(Classes { names: normal.into_iter().chain(anomalous).collect(), normal: count });
        }
        (true, _) => format!(
            "none of {} is a label of {root}, whose labels are {}\nhint: list the normal ones in `data.normal_classes`",
            listed(&NORMAL_LABELS.map(str::to_owned)),
            listed(&anomalous)
        ),
        (false, true) => format!("every label of {root} is normal: {}", listed(&normal)),
    };
    Err(wrong(problem))
}

/// Refuses a label that no tile has.
fn known(dataset: &Dataset, labels: &[String], name: &str) -> Result<(), String> {
    if labels.iter().any(|label| label == name) {
        return Ok(());
    }
    let root = dataset.root.display();
    Err(format!("no tile of {root} has the label {}; {}", shown(name), nearest_of(name, labels)))
}

/// Refuses a label that a reader would mistake for a normal one.
fn unlike_normal(label: &str) -> Result<(), String> {
    let twin = NORMAL_LABELS.iter().find(|known| **known != label && look_alike(label, known));
    match twin {
        Some(twin) => Err(format!(
            "the label {} resembles {}, which counts as normal, and is not the same\nhint: list the normal labels in `data.normal_classes`",
            shown(label),
            shown(twin)
        )),
        None => Ok(()),
    }
}
