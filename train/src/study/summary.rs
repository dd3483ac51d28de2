//! The head of the report: a summary, and facts about the study.

use super::results::{FoldSizes, Results};

/// A summary of the study in two sentences.
pub(super) fn summary(results: &Results) -> String {
    let split = match (&results.held_out, results.folds.len()) {
        (Some(held_out), folds) => format!("{folds} folds, each without one {}", held_out.by),
        (None, 1) => "one split by group".to_owned(),
        (None, folds) => format!("{folds} folds by group"),
    };
    let shared = match (&results.search, results.folds.len()) {
        (Some(_), 2..) => {
            " The search used test tiles of other folds, so the tuned model's metrics are slightly optimistic."
        }
        _ => "",
    };
    format!(
        "{} baselines and models on {} tiles of {} groups, {split}, seeds {}. Thresholds, epochs and hyper-parameters are \
         chosen on validation tiles; metrics are computed on test tiles unless a column states otherwise.{shared} For \
         research; not for diagnosis.",
        results.entries.len(),
        results.tiles,
        results.groups,
        results.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
    )
}

/// Short facts about the study.
pub(super) fn facts(results: &Results) -> Vec<(String, String)> {
    let fold = |(number, fold): (usize, &FoldSizes)| {
        let name = results.fold_name(number);
        format!("fold {name}: {} train, {} val, {} test", fold.train, fold.val, fold.test)
    };
    let folds: Vec<String> = results.folds.iter().enumerate().map(fold).collect();
    let intervals =
        format!("95 %, {} resamples of whole groups, seed {}", results.bootstrap.resamples, results.bootstrap.seed);
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let mut facts = vec![
        fact("Tiles", folds.join("; ")),
        fact("Intervals", intervals),
        fact("Reference", results.reference.clone()),
        fact("Data SHA-256", results.data_sha256.clone()),
    ];
    let shares = results.held_out.as_ref().and_then(|held_out| held_out.caution.clone());
    facts.extend(shares.map(|caution| fact("Caution", caution)));
    facts.extend(results.score_cautions().into_iter().map(|caution| fact("Caution", caution)));
    facts.extend(results.caution().map(|caution| fact("Caution", caution.to_owned())));
    facts
}
