//! The rows of a file of scored tiles, by slide.

use std::path::Path;

use anyhow::Context as _;
use kiln_runtime::DecisionRule;
use kiln_runtime::score::{self, Columns, Format, ScoreRow};
use kiln_slide::heatmap::ScoreScale;
use kiln_slide::{
    Place, SlideRule, SlideScore, SlideScoreError, SlideScoreOptions, SlideScorer, SpacingError, tile_spacing,
};

/// The rows of one slide.
pub(in crate::verbs::slide) struct Rows {
    pub(in crate::verbs::slide) slide: String,
    pub(in crate::verbs::slide) rows: Vec<ScoreRow>,
}

impl Rows {
    /// Level-0 pixels from one tile to the next. `side` is the side that tiles need for their resolution, if it is known, and
    /// `slide` the size of level 0.
    pub(in crate::verbs::slide) fn spacing(&self, side: Option<u32>, slide: (u64, u64)) -> Result<u32, SpacingError> {
        let place = |row: &ScoreRow| row.tile.as_ref().map(|tile| tile.place);
        let scored: Vec<Place> = self.rows.iter().filter(|row| row.score.is_some()).filter_map(place).collect();
        match self.rows.first().and_then(place) {
            Some(first) if scored.is_empty() => Ok(first.width.max(1)),
            _ => tile_spacing(&scored, side, slide),
        }
    }

    /// Number of tiles, and of those without a score.
    pub(in crate::verbs::slide) fn counts(&self) -> (u64, u64) {
        let failed = self.rows.iter().filter(|row| row.score.is_none()).count();
        (self.rows.len() as u64, failed as u64)
    }

    /// The slide's score by `rule`. A tile counts as a square of `spacing` level-0 pixels of `mpp` µm.
    pub(in crate::verbs::slide) fn score(
        &self,
        rule: SlideRule,
        decision: &DecisionRule,
        (spacing, mpp): (u32, f64),
    ) -> Result<SlideScore, SlideScoreError> {
        let tile_side = f64::from(spacing) * mpp / 1_000.0;
        let options = SlideScoreOptions {
            tile_mm2: Some(tile_side * tile_side),
            negative: decision.normal_label().to_owned(),
            positive: decision.anomalous_label().to_owned(),
            ..SlideScoreOptions::new(rule, decision.threshold())
        };
        let mut scorer = SlideScorer::new(options)?;
        self.rows.iter().for_each(|row| scorer.push(row.score));
        Ok(scorer.finish())
    }
}

/// The rows of a file, one slide after the other.
pub(in crate::verbs::slide) fn by_slide<'a>(
    file: &'a Path,
    rule: &DecisionRule,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Rows>> + use<'a>> {
    let format = Format::from_path(file).with_context(|| {
        format!("{}: the name gives no format; rows are in .csv, .jsonl or .parquet files", file.display())
    })?;
    let mut rows = score::rows(file, format, &Columns::for_slides(rule.classes()))?.peekable();
    let mut seen = std::collections::HashSet::new();
    Ok(std::iter::from_fn(move || {
        let slide = match rows.peek()? {
            Ok(row) => slide_of(row).to_owned(),
            Err(reason) => return Some(Err(anyhow::anyhow!("{}: {reason}", file.display()))),
        };
        if !seen.insert(slide.clone()) {
            let reason = "its rows are in two places; sort the file by slide";
            return Some(Err(anyhow::anyhow!("{}: {slide}: {reason}", file.display())));
        }
        let mut found = Vec::new();
        while let Some(row) = rows.next_if(|row| row.as_ref().is_ok_and(|row| slide_of(row) == slide)) {
            found.extend(row.ok());
        }
        Some(Ok(Rows { slide, rows: found }))
    }))
}

fn slide_of(row: &ScoreRow) -> &str {
    row.tile.as_ref().map_or("", |tile| &tile.slide)
}

/// One scale for all slides, so that their colours can be compared: 0 to 1 where every score is in it.
pub(super) fn scale(file: &Path, rule: &DecisionRule) -> anyhow::Result<ScoreScale> {
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for found in by_slide(file, rule)? {
        for score in found?.rows.iter().filter_map(|row| row.score) {
            (low, high) = (low.min(score), high.max(score));
        }
    }
    let threshold = rule.threshold() as f32;
    let is_probability = low >= 0.0 && high <= 1.0 && (0.0..=1.0).contains(&threshold);
    let is_empty = low > high;
    Ok(if is_probability || is_empty && (0.0..=1.0).contains(&threshold) {
        ScoreScale::probability(threshold)
    } else {
        ScoreScale::around(threshold, [low, high])
    })
}
