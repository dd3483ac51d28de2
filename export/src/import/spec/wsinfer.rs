//! WSInfer's `config.json` (WSInfer model zoo, `ModelConfiguration`, spec version 1.0): patches of a size and a spacing,
//! read by Pillow, through `Resize`, `ToTensor` and `Normalize`.

use serde::Deserialize;
use serde_json::Value;

use super::{Channels, InputSpec, Interpolation, Layout, Range, Size, Spec};
use crate::import::ImportError;

#[derive(Deserialize)]
struct Config {
    spec_version: Option<String>,
    architecture: Option<String>,
    num_classes: Option<usize>,
    #[serde(default)]
    class_names: Vec<String>,
    patch_size_pixels: Option<f64>,
    spacing_um_px: Option<f64>,
    #[serde(default)]
    transform: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    name: String,
    #[serde(default)]
    arguments: Option<Value>,
}

pub(super) fn read(json: &Value, origin: &str) -> Result<Spec, ImportError> {
    let wrong = |key: &str, reason: String| ImportError::spec(format!("{origin}: {key}"), reason);
    let config: Config = serde_json::from_value(json.clone()).map_err(|error| wrong("WSInfer", error.to_string()))?;
    if let Some(version) = config.spec_version.as_deref().filter(|version| !version.starts_with("1.")) {
        return Err(wrong("spec_version", format!("`{version}`; version 1.0 is known")));
    }
    if let Some(classes) = config.num_classes.filter(|number| *number != config.class_names.len()) {
        return Err(wrong("num_classes", format!("{classes}, but `class_names` has {}", config.class_names.len())));
    }
    let mut spec = Spec {
        name: config.architecture,
        input: InputSpec {
            layout: Some(Layout::Nchw),
            channels: Some(Channels::Rgb),
            range: Some(Range::Bytes),
            interpolation: Some(Interpolation::Bilinear),
            antialias: Some(true),
            rounded: Some(true),
            ..InputSpec::default()
        },
        classes: config.class_names,
        ..Spec::default()
    };
    for (at, step) in config.transform.iter().enumerate() {
        let key = format!("transform[{at}]");
        let argument = |name: &str| step.arguments.as_ref().and_then(|arguments| arguments.get(name));
        let numbers = |name: &str| {
            let value = argument(name).cloned().unwrap_or(Value::Null);
            serde_json::from_value::<[f64; 3]>(value)
                .map_err(|_| wrong(&format!("{key}.{name}"), "three numbers are expected".to_owned()))
        };
        match step.name.as_str() {
            "Resize" => {
                let size = argument("size").cloned().unwrap_or(Value::Null);
                let size = serde_json::from_value::<Size>(size)
                    .map_err(|_| wrong(&format!("{key}.size"), "a side or [height, width] is expected".to_owned()))?;
                spec.input.size = Some(size);
            }
            "CenterCrop" => {
                let size = argument("size").cloned().unwrap_or(Value::Null);
                let size = serde_json::from_value::<Size>(size)
                    .map_err(|_| wrong(&format!("{key}.size"), "a side or [height, width] is expected".to_owned()))?;
                spec.input.resize = spec.input.size.or(Some(Size::Square(kiln_tile::SIDE as usize)));
                spec.input.size = Some(size);
            }
            "ToTensor" => spec.input.range = Some(Range::Unit),
            "Normalize" => {
                spec.input.mean = Some(numbers("mean")?);
                spec.input.std = Some(numbers("std")?);
            }
            other => {
                return Err(wrong(&key, format!("`{other}`; known are Resize, CenterCrop, ToTensor and Normalize")));
            }
        }
    }
    if let (Some(patch), Some(spacing)) = (config.patch_size_pixels, config.spacing_um_px) {
        if !(patch > 0.0 && spacing > 0.0 && patch.is_finite() && spacing.is_finite()) {
            return Err(wrong("spacing_um_px", "a positive number is expected, as in `patch_size_pixels`".to_owned()));
        }
        let side = f64::from(kiln_tile::SIDE);
        let resolution = spacing * patch / side;
        spec.micrometres_per_pixel = Some(resolution);
        if (patch - side).abs() > 0.5 {
            spec.notes.push(format!(
                "the model was trained on patches of {patch} pixels at {spacing} µm/px; tiles of {side} pixels cover the \
                 same tissue at {resolution:.4} µm/px"
            ));
        }
    }
    Ok(spec)
}
