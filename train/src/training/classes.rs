//! Which labels of a data set are normal.

use crate::data::{Dataset, NORMAL_LABELS, look_alike, nearest, shown};
use crate::model::Classes;
use crate::{Error, Result};

/// Orders the labels of `dataset`: those of `normal_classes` first, the anomalous ones after them. Without
/// `normal_classes`, the labels that stand in [`NORMAL_LABELS`] are normal.
///
/// # Errors
/// [`Error::Config`] if no tile has a label that is named, with the nearest label that there is; if the data set has no
/// normal label, or no anomalous one.
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
            list(&NORMAL_LABELS.map(str::to_owned)),
            list(&anomalous)
        ),
        (false, true) => format!("every label of {root} is normal: {}", list(&normal)),
    };
    Err(wrong(problem))
}

/// Refuses a name that no tile has as its label.
fn known(dataset: &Dataset, labels: &[String], name: &str) -> Result<(), String> {
    if labels.iter().any(|label| label == name) {
        return Ok(());
    }
    let root = dataset.root.display();
    Err(format!("no tile of {root} has the label {}; {}", shown(name), nearest_of(name, labels)))
}

/// Refuses a label that a reader takes for one that counts as normal, and that is not the same.
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

/// The label that was probably meant, and all labels.
pub(crate) fn nearest_of(name: &str, labels: &[String]) -> String {
    match nearest(name, labels.iter().map(String::as_str)) {
        Some(near) => format!("the nearest label is {}; the labels are {}", shown(near), list(labels)),
        None => "there are no labels".to_owned(),
    }
}

fn list(labels: &[String]) -> String {
    labels.iter().map(|label| shown(label)).collect::<Vec<_>>().join(", ")
}
