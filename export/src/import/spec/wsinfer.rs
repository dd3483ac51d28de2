//! WSInfer's `config.json` (WSInfer model zoo, `ModelConfiguration`, spec version 1.0): patches of a size and a spacing,
//! read by Pillow, through `Resize`, `CenterCrop`, `ToTensor` and `Normalize` of torchvision, with its arguments. A list of
//! steps that is not one resize, one crop and one normalisation in this order is refused.

use serde_json::Value;

use super::part::Part;
use super::{Channels, InputSpec, Interpolation, Layout, Range, Size, Spec};
use crate::import::ImportError;

/// The largest difference of a patch's side from a tile's that needs no note, in pixels.
const SAME: f64 = 0.5;

pub(super) fn read(json: &Value, origin: &str) -> Result<Spec, ImportError> {
    let root = Part::root(json, origin);
    if let Some(version) = root.text("spec_version")?.filter(|version| !version.starts_with("1.")) {
        return Err(root.wrong("spec_version", format!("`{version}`; version 1.0 is known")));
    }
    let classes: Vec<String> = root.get("class_names", "a list of names")?.unwrap_or_default();
    let number: Option<usize> = root.get("num_classes", "a whole number")?;
    if let Some(number) = number.filter(|number| *number != classes.len()) {
        return Err(root.wrong("num_classes", format!("{number}, but `class_names` has {}", classes.len())));
    }
    let mut spec = Spec {
        name: root.text("architecture")?,
        input: InputSpec {
            layout: Some(Layout::Nchw),
            channels: Some(Channels::Rgb),
            range: Some(Range::Bytes),
            interpolation: Some(Interpolation::Bilinear),
            antialias: Some(true),
            rounded: Some(true),
            ..InputSpec::default()
        },
        classes,
        ..Spec::default()
    };
    let steps: Vec<Value> = root.get("transform", "a list of steps")?.unwrap_or_default();
    let mut done = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let name = apply(&Step { json: step, place: format!("{origin}: transform[{at}]"), done: &done }, &mut spec)?;
        done.push(name);
    }
    resolution(&root, &mut spec)?;
    Ok(spec)
}

/// A step of the transform.
struct Step<'a> {
    json: &'a Value,
    /// The file and the key.
    place: String,
    /// Names of the steps before it.
    done: &'a [String],
}

impl Step<'_> {
    fn wrong(&self, reason: impl Into<String>) -> ImportError {
        ImportError::spec(&self.place, reason)
    }

    fn follows(&self, name: &str) -> bool {
        self.done.iter().any(|done| done == name)
    }
}

/// Adds a step to the description. Returns its name.
fn apply(step: &Step<'_>, spec: &mut Spec) -> Result<String, ImportError> {
    let part = Part::root(step.json, &step.place);
    let name = part.text("name")?.ok_or_else(|| step.wrong("it has no `name`"))?;
    if step.follows(&name) {
        return Err(step.wrong(format!("a second `{name}`; each step can be applied once")));
    }
    let none = Value::Object(serde_json::Map::new());
    let arguments = part.part("arguments")?.unwrap_or_else(|| Part::root(&none, &step.place));
    match name.as_str() {
        "Resize" => resize(step, &arguments, spec)?,
        "CenterCrop" => {
            arguments.only(&["size"])?;
            spec.input.resize = spec.input.size.or(Some(Size::Square(kiln_tile::SIDE as usize)));
            spec.input.size = Some(size(&arguments)?);
        }
        "ToTensor" => {
            arguments.only(&[])?;
            spec.input.range = Some(Range::Unit);
        }
        "Normalize" => {
            arguments.only(&["mean", "std", "inplace"])?;
            if !step.follows("ToTensor") {
                return Err(step.wrong("`Normalize` needs `ToTensor` before it"));
            }
            let three = |key: &str| arguments.three(key)?.ok_or_else(|| arguments.wrong(key, "it is missing"));
            spec.input.mean = Some(three("mean")?);
            spec.input.std = Some(three("std")?);
        }
        other => return Err(step.wrong(format!("`{other}`; known are Resize, CenterCrop, ToTensor and Normalize"))),
    }
    Ok(name)
}

/// torchvision's resize: of a Pillow image before `ToTensor`, of floats after it.
fn resize(step: &Step<'_>, arguments: &Part<'_>, spec: &mut Spec) -> Result<(), ImportError> {
    arguments.only(&["size", "interpolation", "max_size", "antialias"])?;
    if step.follows("CenterCrop") {
        return Err(step.wrong(
            "`Resize` after `CenterCrop`: a tile is resized first and cropped then; resize to a larger size before the crop",
        ));
    }
    if arguments.value("max_size").is_some() {
        return Err(arguments.wrong("max_size", "it cannot be applied; leave it out, since tiles are square"));
    }
    spec.input.size = Some(size(arguments)?);
    if let Some(interpolation) = arguments.interpolation("interpolation")? {
        spec.input.interpolation = Some(interpolation);
    }
    let antialias: Option<bool> = arguments.get("antialias", "true or false")?;
    if step.follows("ToTensor") {
        spec.input.rounded = Some(false);
        spec.input.antialias = Some(antialias.unwrap_or(true));
    } else if antialias == Some(false) {
        spec.notes.push(format!(
            "{}: `antialias` is false, which torchvision ignores for the Pillow images before `ToTensor`: they are \
             antialiased",
            step.place
        ));
    }
    Ok(())
}

fn size(arguments: &Part<'_>) -> Result<Size, ImportError> {
    let expected = "a side or [height, width]";
    arguments.get("size", expected)?.ok_or_else(|| arguments.wrong("size", format!("{expected} is expected")))
}

/// The resolution of a tile that covers the same tissue as the model's patch.
fn resolution(root: &Part<'_>, spec: &mut Spec) -> Result<(), ImportError> {
    let number = |key: &str| root.get::<f64>(key, "a number");
    let (Some(patch), Some(spacing)) = (number("patch_size_pixels")?, number("spacing_um_px")?) else {
        return Ok(());
    };
    if !(patch > 0.0 && spacing > 0.0 && patch.is_finite() && spacing.is_finite()) {
        return Err(root.wrong("spacing_um_px", "a positive number is expected, as in `patch_size_pixels`"));
    }
    let side = f64::from(kiln_tile::SIDE);
    let resolution = spacing * patch / side;
    spec.micrometres_per_pixel = Some(resolution);
    if (patch - side).abs() > SAME {
        spec.notes.push(format!(
            "the model was trained on patches of {patch} pixels at {spacing} µm/px; tiles of {side} pixels cover the \
             same tissue at {resolution:.4} µm/px"
        ));
    }
    Ok(())
}
