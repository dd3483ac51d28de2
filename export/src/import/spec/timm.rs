//! timm's `config.json` on the Hugging Face hub: `pretrained_cfg` with the evaluation transform of the model
//! (`timm.data.create_transform`): a resize of the tile to `size / crop_pct`, a crop of the middle, and a normalisation of
//! 0..1, by Pillow. `num_classes` and `label_names` beside `pretrained_cfg` replace those in it
//! (`load_model_config_from_hf`). Missing keys get timm's defaults, each with a note.

use serde::Serialize;
use serde_json::{Value, json};

use super::part::Part;
use super::{Channels, InputSpec, Interpolation, Layout, Range, Size, Spec};
use crate::import::ImportError;

/// The keys of the class names; the second is the deprecated name of the first.
const NAMES: [&str; 2] = ["label_names", "labels"];

// Defaults of timm's `PretrainedCfg`.
const INPUT_SIZE: [usize; 3] = [3, 224, 224];
const INTERPOLATION: Interpolation = Interpolation::Bicubic;
const CROP: f64 = 0.875;
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const STD: [f64; 3] = [0.229, 0.224, 0.225];

pub(super) fn read(json: &Value, origin: &str) -> Result<Spec, ImportError> {
    let root = Part::root(json, origin);
    // Older files have the keys at the top.
    let pretrained = root.part("pretrained_cfg")?.unwrap_or_else(|| Part::root(json, origin));
    let (mut classes, mut names) = (Vec::new(), NAMES[0]);
    for (part, key) in [&root, &pretrained].into_iter().flat_map(|part| NAMES.map(|key| (part, key))) {
        if classes.is_empty() {
            (classes, names) = (labels(part, key)?, key);
        }
    }
    let number = |part: &Part<'_>| part.get::<usize>("num_classes", "a whole number");
    let (part, number) = match number(&root)? {
        Some(number) => (&root, Some(number)),
        None => (&pretrained, number(&pretrained)?),
    };
    if let Some(number) = number.filter(|number| !classes.is_empty() && *number != classes.len()) {
        return Err(part.wrong("num_classes", format!("{number}, but `{names}` has {}", classes.len())));
    }
    let mut notes = Vec::new();
    let mean = or_default(&mut notes, "mean", pretrained.three("mean")?, MEAN);
    let std = or_default(&mut notes, "std", pretrained.three("std")?, STD);
    let interpolation = pretrained.interpolation("interpolation")?;
    let interpolation = or_default(&mut notes, "interpolation", interpolation, INTERPOLATION);
    let mut spec = Spec {
        name: root.text("architecture")?,
        input: InputSpec {
            layout: Some(Layout::Nchw),
            channels: Some(Channels::Rgb),
            range: Some(Range::Unit),
            mean: Some(mean),
            std: Some(std),
            interpolation: Some(interpolation),
            antialias: Some(true),
            rounded: Some(true),
            ..InputSpec::default()
        },
        classes,
        licence: pretrained.text("license")?,
        notes,
        ..Spec::default()
    };
    sizes(&pretrained, &mut spec)?;
    Ok(spec)
}

/// The value of a key, or timm's default for a missing one, with a note.
fn or_default<T: Serialize + Copy>(notes: &mut Vec<String>, key: &str, value: Option<T>, default: T) -> T {
    value.unwrap_or_else(|| {
        notes.push(format!("the timm configuration has no `{key}`; timm's default is used: {}", json!(default)));
        default
    })
}

/// The names of the classes: a list, or a mapping from their numbers.
fn labels(part: &Part<'_>, key: &str) -> Result<Vec<String>, ImportError> {
    let expected = "a list of names, or a mapping of the numbers from 0 to names,";
    let Some(Value::Object(numbered)) = part.value(key) else {
        return Ok(part.get(key, expected)?.unwrap_or_default());
    };
    let name = |number: usize| numbered.get(&number.to_string()).and_then(Value::as_str).map(str::to_owned);
    let names: Option<Vec<String>> = (0..numbered.len()).map(name).collect();
    names.ok_or_else(|| part.wrong(key, format!("{expected} is expected")))
}

/// Sets the sizes of the crop and of the resize before it, as `transforms_imagenet_eval` does for a square tile.
fn sizes(pretrained: &Part<'_>, spec: &mut Spec) -> Result<(), ImportError> {
    let size = pretrained.get("input_size", "[channels, height, width]")?;
    let [channels, height, width] = or_default(&mut spec.notes, "input_size", size, INPUT_SIZE);
    if channels != 3 {
        return Err(pretrained.wrong("input_size", format!("{channels} channels; tiles have 3")));
    }
    let fraction = or_default(&mut spec.notes, "crop_pct", pretrained.get("crop_pct", "a number")?, CROP);
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
