//! One row of results, and the names of its columns: the same in every format.

use kiln_files::FileDigest;
use kiln_files::text::one_line;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::decision::DecisionRule;

/// The `status` of a tile that has a score.
pub const OK: &str = "ok";

/// The result of one tile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreRow {
    /// The file, as listed; characters that are not UTF-8 are replaced.
    pub path: String,
    /// Higher is more anomalous; `None` without a score.
    pub score: Option<f32>,
    /// The class, or `anomalous` or `normal` where the model has none; `None` without a score.
    pub label: Option<String>,
    /// [`OK`], or a short stable word, a colon and the reason why there is no score: `truncated: ...`.
    pub status: String,
    /// A probability for each class, in the manifest's order; empty without classes or a score.
    pub probabilities: Vec<f32>,
    /// The digest of the file's bytes as they were read for this row; no column. `None` if they could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<FileDigest>,
}

impl ScoreRow {
    /// A tile with a score. A score or probability that is not finite counts as no score, and becomes the row's status.
    #[must_use]
    pub fn scored(path: String, score: f32, probabilities: Vec<f32>, rule: &DecisionRule) -> Self {
        if !score.is_finite() || probabilities.iter().any(|value| !value.is_finite()) {
            return Self::failed(
                path,
                &format!("not_finite: the model gave the score {score}, or a probability that is no number"),
            );
        }
        let label = Some(rule.label(score, &probabilities).to_owned());
        Self { path, score: Some(score), label, status: OK.to_owned(), probabilities, digest: None }
    }

    /// A tile without a score. The reason becomes one line without control characters, whatever a decoder or a server
    /// wrote: a row is one line of CSV.
    #[must_use]
    pub fn failed(path: String, status: &str) -> Self {
        let status = one_line(status).into_owned();
        Self { path, score: None, label: None, status, probabilities: Vec::new(), digest: None }
    }

    /// True if the tile has a score.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == OK
    }

    /// True if status, score, label and probabilities fit together: a row with a score has a label and finite numbers, one
    /// without has none of them, and there are `classes` probabilities or none. With fewer, some would be of other classes.
    pub(super) fn is_coherent(&self, classes: usize) -> bool {
        let finite = self.score.iter().chain(&self.probabilities).all(|value| value.is_finite());
        let scored = self.score.is_some() && self.label.is_some();
        let unscored = self.score.is_none() && self.probabilities.is_empty();
        let complete = self.probabilities.is_empty() || self.probabilities.len() == classes;
        finite && complete && if self.is_ok() { scored } else { unscored }
    }
}

/// Column names that every model has.
pub(super) const COMMON: [&str; 4] = ["path", "score", "label", "status"];

/// Names of the columns of probabilities: `p_<class>`.
pub(super) fn probability_columns(classes: &[String]) -> Vec<String> {
    classes.iter().map(|class| format!("p_{class}")).collect()
}

/// A row under its column names, with every column present whatever the status.
pub(super) struct Named<'a> {
    pub(super) row: &'a ScoreRow,
    pub(super) probability_columns: &'a [String],
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(COMMON.len() + self.probability_columns.len()))?;
        let [path, score, label, status] = COMMON;
        map.serialize_entry(path, &self.row.path)?;
        map.serialize_entry(score, &self.row.score)?;
        map.serialize_entry(label, &self.row.label)?;
        map.serialize_entry(status, &self.row.status)?;
        for (index, column) in self.probability_columns.iter().enumerate() {
            map.serialize_entry(column, &self.row.probabilities.get(index))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_line_without_control_characters() {
        let row = ScoreRow::failed("a.png".to_owned(), "unreadable: bad\r\nchunk \u{1b}[31m\u{0}IHDR\n");
        assert_eq!(row.status, "unreadable: bad chunk [31m IHDR");
    }

    #[test]
    fn a_score_that_is_no_number_is_no_score() {
        let rule = DecisionRule::new(0.5, vec![], &[]);
        let row = ScoreRow::scored("a.png".to_owned(), f32::NAN, vec![], &rule);
        assert!(!row.is_ok());
        assert!(row.status.starts_with("not_finite: "));
        assert_eq!((row.score, row.label), (None, None));
    }
}
