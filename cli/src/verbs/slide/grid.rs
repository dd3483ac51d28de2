//! The flags of the tile grid.

use std::path::PathBuf;

use clap::ValueEnum;
use kiln_slide::{DEFAULT_TISSUE, Edge, Outside, Overlap, TilingOptions};

/// The flags of the tile grid.
#[derive(clap::Args)]
pub(crate) struct GridArgs {
    /// Part of a tile that the next tile repeats: a share of its side, 0 to 0.9.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    overlap: f64,

    /// Tiles that exceed the slide's edge: `skip` them, or `pad` them with glass.
    #[arg(long, value_name = "POLICY", default_value = "skip")]
    edge: EdgePolicy,

    /// Least share of tissue in a tile, 0 to 1; 0 keeps all with any tissue.
    #[arg(long, value_name = "SHARE", default_value_t = DEFAULT_TISSUE)]
    min_tissue: f64,

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
            overlap: Overlap::Fraction(self.overlap),
            edge: match self.edge {
                EdgePolicy::Skip => Edge::Skip,
                EdgePolicy::Pad => Edge::Pad,
            },
            min_tissue: self.min_tissue,
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

    /// True if a mask was given, which is of one slide.
    pub(crate) fn has_mask(&self) -> bool {
        self.mask.is_some()
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
