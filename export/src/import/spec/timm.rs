//! timm's `config.json` on the Hugging Face hub: `pretrained_cfg` with the evaluation transform of the model
//! (`timm.data.create_transform`): a resize of the shorter side to `size / crop_pct`, a crop of the middle, and a
//! normalisation of 0..1, by Pillow.

use serde::Deserialize;
use serde_json::Value;

use super::{Channels, InputSpec, Interpolation, Layout, Range, Size, Spec};
use crate::import::ImportError;

#[derive(Deserialize)]
struct Config {
    architecture: Option<String>,
    num_classes: Option<usize>,
    #[serde(default)]
    label_names: Vec<String>,
    pretrained_cfg: Option<Pretrained>,
}

#[derive(Deserialize)]
struct Pretrained {
    input_size: Option<[usize; 3]>,
    mean: Option<[f64; 3]>,
    std: Option<[f64; 3]>,
    interpolation: Option<String>,
    crop_pct: Option<f64>,
    crop_mode: Option<String>,
    num_classes: Option<usize>,
    #[serde(default)]
    label_names: Vec<String>,
    license: Option<String>,
}

pub(super) fn read(json: &Value, origin: &str) -> Result<Spec, ImportError> {
    let wrong = |key: &str, reason: String| ImportError::spec(format!("{origin}: {key}"), reason);
    let parse = |error: serde_json::Error| wrong("timm", error.to_string());
    let config: Config = serde_json::from_value(json.clone()).map_err(parse)?;
    let pretrained: Pretrained = match config.pretrained_cfg {
        Some(pretrained) => pretrained,
        // Older files have the keys at the top.
        None => serde_json::from_value(json.clone()).map_err(parse)?,
    };
    let labels = if pretrained.label_names.is_empty() { config.label_names } else { pretrained.label_names };
    let classes = pretrained.num_classes.or(config.num_classes);
    if let Some(classes) = classes.filter(|number| !labels.is_empty() && *number != labels.len()) {
        return Err(wrong("num_classes", format!("{classes}, but `label_names` has {}", labels.len())));
    }
    let mut input = InputSpec {
        layout: Some(Layout::Nchw),
        channels: Some(Channels::Rgb),
        range: Some(Range::Unit),
        mean: pretrained.mean,
        std: pretrained.std,
        antialias: Some(true),
        rounded: Some(true),
        ..InputSpec::default()
    };
    if let Some(name) = pretrained.interpolation {
        let method = name.parse::<Interpolation>();
        input.interpolation = Some(method.map_err(|reason| wrong("pretrained_cfg.interpolation", reason))?);
    }
    if let Some([channels, height, width]) = pretrained.input_size {
        if channels != 3 {
            return Err(wrong("pretrained_cfg.input_size", format!("{channels} channels; tiles have 3")));
        }
        input.size = Some(Size::Sides([height, width]));
        let fraction = pretrained.crop_pct.unwrap_or(0.875);
        if !(fraction > 0.0 && fraction <= 1.0) {
            return Err(wrong("pretrained_cfg.crop_pct", format!("{fraction} is not in 0..1")));
        }
        // A square tile is resized to a square, so either side may be the shorter one.
        let resized = |side: usize| (side as f64 / fraction).floor() as usize;
        let sides = match pretrained.crop_mode.as_deref() {
            None | Some("center" | "border") => [resized(height.min(width)); 2],
            Some("squash") => [resized(height), resized(width)],
            Some(other) => {
                return Err(wrong("pretrained_cfg.crop_mode", format!("`{other}`; known: center, squash, border")));
            }
        };
        input.resize = Some(Size::Sides(sides));
    }
    Ok(Spec { name: config.architecture, input, classes: labels, licence: pretrained.license, ..Spec::default() })
}
