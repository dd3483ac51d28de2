//! Lesions of a slide and the figures over them: FROC as CAMELYON16 defines it ([`froc`]), and the true-positive rate of
//! regions ([`region_rate`]). [`Lesions`] are made from a mask of the annotated tumour; [`detections`] turns the scores of
//! tiles into the points that FROC counts. Equal to the functions of MONAI (`monai.metrics.froc`,
//! `monai.apps.pathology`) and to CAMELYON16's `Evaluation_FROC.py`; undefined figures are `None` with a status, never NaN.
//!
//! Masks are kept as spans of rows, so that memory grows with the outline of the lesions and not with the slide. Drawing
//! annotations as a mask, and AUROC by slide, are left to others.
//!
//! ```
//! use kiln_slide::lesion::{Detection, FrocOptions, LesionMask, LesionOptions, Lesions, MaskScale, SlideHits, froc};
//!
//! // A mask at level 5 of a slide with 0.25 µm/px: a pixel is 8 µm wide. One lesion of 480 x 320 µm.
//! let mut pixels = vec![0_u8; 200 * 100];
//! for y in 20..60 {
//!     pixels[y * 200 + 50..y * 200 + 110].fill(1);
//! }
//! let mask = LesionMask::from_pixels(200, 100, &pixels)?;
//! let lesions = Lesions::new("tumour.svs", &mask, MaskScale::level5(0.25), &LesionOptions::default())?;
//! let found = [Detection { x: 60 * 32, y: 30 * 32, score: 0.9 }, Detection { x: 10, y: 10, score: 0.4 }];
//! let slides = [lesions.hits("patient 1", &found)?, SlideHits::without_lesions("normal.svs", "patient 2", &[])?];
//! let froc = froc(&slides, &FrocOptions::default())?;
//! assert_eq!(froc.score, Some(1.0));
//! # Ok::<(), kiln_slide::lesion::LesionError>(())
//! ```

mod bootstrap;
mod curve;
mod detection;
mod error;
mod froc;
mod hit;
mod lesions;
mod mask;
mod morphology;
mod nearby;
mod region;
mod spans;

pub use bootstrap::{LesionBootstrap, LesionInterval};
pub use curve::FrocPoint;
pub use detection::{Detection, DetectionRule, detections};
pub use error::LesionError;
pub use froc::{CAMELYON16_RATES, Froc, FrocOptions, LeftOut, RateSensitivity, froc, left_out};
pub use hit::{LesionHit, SlideHits};
pub use lesions::{Lesion, LesionOptions, Lesions, MaskScale};
pub use mask::LesionMask;
pub use region::{RegionHit, RegionOptions, RegionRate, region_rate};
