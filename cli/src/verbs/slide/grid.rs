//! The flags of the tile grid.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use kiln_slide::{DEFAULT_TISSUE, Edge, Outside, Overlap, TilingOptions};

/// The flags of the tile grid.
#[derive(clap::Args)]
pub(crate) struct GridArgs {
    /// Part of a tile that the next tile repeats: a share of its side, 0 to 0.9 [default: 0].
    #[arg(long, value_name = "SHARE", value_parser = overlap)]
    overlap: Option<f64>,

    /// Tiles that exceed the slide's edge: `skip` them, or `pad` them with glass.
    #[arg(long, value_name = "POLICY", default_value = "skip")]
    edge: EdgePolicy,

    /// Least share of tissue in a tile, 0 to 1; 0 keeps all with any tissue [default: 0.25].
    #[arg(long, value_name = "SHARE", value_parser = share)]
    min_tissue: Option<f64>,

    /// Image of the whole slide whose non-zero pixels are tissue, instead of the detection; for one slide.
    #[arg(long, value_name = "FILE")]
    mask: Option<PathBuf>,

    /// Enlarge tiles of slides that are coarser than the tiles; otherwise such a slide is an error.
    #[arg(long)]
    upsample: bool,
}

/// `--edge`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum EdgePolicy {
    Skip,
    Pad,
}

impl GridArgs {
    /// The options of tiles at `target_mpp`.
    pub(crate) fn options(&self, target_mpp: f64) -> TilingOptions {
        TilingOptions {
            target_mpp,
            overlap: Overlap::Fraction(self.overlap.unwrap_or(0.0)),
            edge: match self.edge {
                EdgePolicy::Skip => Edge::Skip,
                EdgePolicy::Pad => Edge::Pad,
            },
            min_tissue: self.min_tissue.unwrap_or(DEFAULT_TISSUE),
            mask: self.mask.clone(),
            enlarge: self.upsample,
        }
    }

    /// True if tiles may be enlarged.
    pub(crate) fn upsamples(&self) -> bool {
        self.upsample
    }

    /// Treatment of tiles that exceed their slide.
    pub(super) fn outside(&self) -> Outside {
        match self.edge {
            EdgePolicy::Skip => Outside::Refused,
            EdgePolicy::Pad => Outside::Padded,
        }
    }

    /// The image that replaces the detection of tissue; it is of one slide.
    pub(crate) fn mask(&self) -> Option<&Path> {
        self.mask.as_deref()
    }

    /// A given flag that has no effect without tiles.
    pub(super) fn of_tiles(&self) -> Option<&'static str> {
        let others = [("--edge", matches!(self.edge, EdgePolicy::Pad)), ("--upsample", self.upsample)];
        let other = others.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag);
        self.choice_of_tiles().or(other)
    }

    /// A given flag that chooses the listed tiles of a slide. It has no effect on a list of tiles.
    pub(crate) fn choice_of_tiles(&self) -> Option<&'static str> {
        let given = [
            ("--overlap", self.overlap.is_some()),
            ("--min-tissue", self.min_tissue.is_some()),
            ("--mask", self.mask.is_some()),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }
}

/// Parses a share, 0 to 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    share_up_to(1.0, text)
}

/// Parses the overlap of tiles, a share of their side.
fn overlap(text: &str) -> Result<f64, String> {
    share_up_to(0.9, text)
}

fn share_up_to(most: f64, text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=most).contains(&share) => Ok(share),
        _ => Err(format!("expected a number from 0 to {most}")),
    }
}

/// Parses a number that is finite.
#[cfg(feature = "train")]
pub(super) fn finite(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err("expected a number".to_owned()),
    }
}

/// Parses a resolution in µm/px.
pub(crate) fn resolution(text: &str) -> Result<f64, String> {
    let range = kiln_slide::MIN_MPP..=kiln_slide::MAX_MPP;
    match text.parse::<f64>() {
        Ok(mpp) if range.contains(&mpp) => Ok(mpp),
        _ => Err(format!("expected a number of µm/px from {} to {}", range.start(), range.end())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Verb {
        #[command(flatten)]
        grid: GridArgs,
    }

    #[test]
    fn given_flags_are_told_from_defaults() {
        let grid = |flags: &[&str]| Verb::try_parse_from([&["verb"][..], flags].concat()).unwrap().grid;
        let defaults = TilingOptions { overlap: Overlap::Fraction(0.0), ..TilingOptions::new(0.5) };
        assert_eq!(grid(&[]).options(0.5), defaults);
        assert_eq!(grid(&["--upsample", "--edge", "pad"]).choice_of_tiles(), None);
        assert_eq!(grid(&["--min-tissue", "0.25"]).choice_of_tiles(), Some("--min-tissue"));
        assert_eq!(grid(&["--overlap", "0"]).choice_of_tiles(), Some("--overlap"));
        assert_eq!(grid(&["--mask", "m.png"]).choice_of_tiles(), Some("--mask"));
        assert_eq!(grid(&["--mask", "m.png"]).of_tiles(), Some("--mask"));
        assert_eq!(grid(&["--upsample"]).of_tiles(), Some("--upsample"));
        assert_eq!(grid(&["--edge", "pad"]).of_tiles(), Some("--edge"));
        assert_eq!(grid(&[]).of_tiles(), None);
    }

    #[test]
    fn shares_beyond_their_range_are_refused() {
        let is_accepted = |flag: &str| Verb::try_parse_from(["verb", flag]).is_ok();
        for flag in ["--min-tissue=0", "--min-tissue=1", "--min-tissue=0.25", "--overlap=0.9", "--overlap=0"] {
            assert!(is_accepted(flag), "{flag}");
        }
        for value in ["25", "1.01", "nan", "-1", "-0.1", "inf", "", "x"] {
            assert!(!is_accepted(&format!("--min-tissue={value}")), "{value}");
            assert!(!is_accepted(&format!("--overlap={value}")), "{value}");
        }
        assert!(!is_accepted("--overlap=0.95"));
    }
}
