//! timm's `config.json` on the Hugging Face hub: `pretrained_cfg` with the evaluation transform of the model
//! (`timm.data.create_transform`): a resize of the tile to `size / crop_pct`, a crop of the middle, and a normalisation of
//! 0..1, by Pillow. `num_classes` and `label_names` beside `pretrained_cfg` replace those in it
//! (`load_model_config_from_hf`).

use serde_json::Value;

use super::part::Part;
use super::{Channels, InputSpec, Interpolation, Layout, Range, Size, Spec};
use crate::import::ImportError;

/// timm's `DEFAULT_CROP_PCT`.
const CROP: f64 = 0.875;

pub(super) fn read(json: &Value, origin: &str) -> Result<Spec, ImportError> {
    let root = Part::root(json, origin);
    // Older files have the keys at the top.
    let pretrained = root.part("pretrained_cfg")?.unwrap_or_else(|| Part::root(json, origin));
    let mut classes = Vec::new();
    for part in [&root, &pretrained] {
        if classes.is_empty() {
            classes = labels(part)?;
        }
    }
    let number = |part: &Part<'_>| part.get::<usize>("num_classes", "a whole number");
    let (part, number) = match number(&root)? {
        Some(number) => (&root, Some(number)),
        None => (&pretrained, number(&pretrained)?),
    };
    if let Some(number) = number.filter(|number| !classes.is_empty() && *number != classes.len()) {
        return Err(part.wrong("num_classes", format!("{number}, but `label_names` has {}", classes.len())));
    }
    let mut spec = Spec {
        name: root.text("architecture")?,
        input: InputSpec {
            layout: Some(Layout::Nchw),
            channels: Some(Channels::Rgb),
            range: Some(Range::Unit),
            mean: pretrained.three("mean")?,
            std: pretrained.three("std")?,
            interpolation: pretrained.interpolation("interpolation")?,
            antialias: Some(true),
            rounded: Some(true),
            ..InputSpec::default()
        },
        classes,
        licence: pretrained.text("license")?,
        ..Spec::default()
    };
    sizes(&pretrained, &mut spec)?;
    Ok(spec)
}

/// The names of the classes: a list, or a mapping from their numbers.
fn labels(part: &Part<'_>) -> Result<Vec<String>, ImportError> {
    const KEY: &str = "label_names";
    let expected = "a list of names, or a mapping of the numbers from 0 to names,";
    let Some(Value::Object(numbered)) = part.value(KEY) else {
        return Ok(part.get(KEY, expected)?.unwrap_or_default());
    };
    let name = |number: usize| numbered.get(&number.to_string()).and_then(Value::as_str).map(str::to_owned);
    let names: Option<Vec<String>> = (0..numbered.len()).map(name).collect();
    names.ok_or_else(|| part.wrong(KEY, format!("{expected} is expected")))
}

/// Sets the sizes of the crop and of the resize before it, as `transforms_imagenet_eval` does for a square tile.
fn sizes(pretrained: &Part<'_>, spec: &mut Spec) -> Result<(), ImportError> {
    let size: Option<[usize; 3]> = pretrained.get("input_size", "[channels, height, width]")?;
    let Some([channels, height, width]) = size else { return Ok(()) };
    if channels != 3 {
        return Err(pretrained.wrong("input_size", format!("{channels} channels; tiles have 3")));
    }
    let fraction: f64 = pretrained.get("crop_pct", "a number")?.unwrap_or(CROP);
    if !(fraction > 0.0 && fraction <= 1.0) {
        return Err(pretrained.wrong("crop_pct", format!("{fraction} is not in 0..1")));
    }
    let [high, wide] = [height, width].map(|side| (side as f64 / fraction).floor() as usize);
    let resize = match pretrained.text("crop_mode")?.as_deref() {
        // The proportions of the tile are kept, and both of its sides cover the target.
        None | Some("center") => {
            if high != wide && spec.input.interpolation.is_some_and(|method| method != Interpolation::Bilinear) {
                spec.notes.push(
                    "timm resizes to an input that is not square by bilinear interpolation, whatever the configuration \
                     states"
                        .to_owned(),
                );
                spec.input.interpolation = Some(Interpolation::Bilinear);
            }
            [high.max(wide); 2]
        }
        Some("squash") => [high, wide],
        // The proportions are kept, and the whole tile is within the target.
        Some("border") => {
            let side = high.min(wide);
            if side < height.max(width) {
                let reason = format!(
                    "`border` pads a tile of {side}x{side} to the input of {height}x{width}, and tiles cannot be padded"
                );
                return Err(pretrained.wrong("crop_mode", reason));
            }
            [side; 2]
        }
        Some(other) => return Err(pretrained.wrong("crop_mode", format!("`{other}`; known: center, squash, border"))),
    };
    spec.input.size = Some(Size::Sides([height, width]));
    spec.input.resize = Some(Size::Sides(resize));
    Ok(())
}
