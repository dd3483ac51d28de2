//! One row of results: the same in every format.

use kiln_files::FileDigest;
use kiln_files::text::one_line;
use kiln_tile::SlideTile;
use serde::{Deserialize, Serialize};

use crate::decision::DecisionRule;

/// The `status` of a tile that has a score.
pub const OK: &str = "ok";

/// The result of one tile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreRow {
    /// The tile's identity: the file, as listed, where characters that are not UTF-8 are replaced; for a tile of a slide
    /// `SLIDE#minx,miny,widthxheight`.
    pub path: String,
    /// The slide and the place; `None` for an image file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tile: Option<SlideTile>,
    /// Higher is more anomalous; `None` without a score.
    pub score: Option<f32>,
    /// The class, or `anomalous` or `normal` where the model has none; `None` without a score.
    pub label: Option<String>,
    /// [`OK`], or a short stable word, a colon and the reason why there is no score: `truncated: ...`.
    pub status: String,
    /// A probability for each class, in the manifest's order; empty without classes or a score.
    pub probabilities: Vec<f32>,
    /// The digest of the bytes that were scored, those of the file or of the slide; no column. `None` if they could not
    /// be read.
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
        Self { path, tile: None, score: Some(score), label, status: OK.to_owned(), probabilities, digest: None }
    }

    /// A tile without a score. The reason becomes one line without control characters, whatever a decoder or a server
    /// wrote: a row is one line of CSV.
    #[must_use]
    pub fn failed(path: String, status: &str) -> Self {
        let status = one_line(status).into_owned();
        Self { path, tile: None, score: None, label: None, status, probabilities: Vec::new(), digest: None }
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
