//! WSInfer's `config.json` (WSInfer model zoo, `ModelConfiguration`, spec version 1.0): patches of a size and a
//! spacing, read by Pillow, through `Resize`, `ToTensor` and `Normalize` of torchvision. Kiln also reads its
//! `CenterCrop`, which is not in WSInfer's schema. A list of steps that is not one resize, one crop and one
//! normalisation in this order is refused.

use serde_json::Value;

use super::part::Part;
use super::{Channels, InputSpec, Interpolation, Layout, Range, Size, Spec};
use crate::import::ImportError;

/// Pillow's numbers of the interpolations.
const NUMBERS: &str = "0 (nearest), 1 (lanczos), 2 (bilinear) and 3 (bicubic)";

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
    let patch = patch(&root)?;
    spec.input.size = patch.map(Size::Square);
    let steps: Vec<Value> = root.get("transform", "a list of steps")?.unwrap_or_default();
    let mut done = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let name = apply(&Step { json: step, place: format!("{origin}: transform[{at}]"), done: &done }, &mut spec)?;
        done.push(name);
    }
    resolution(&root, patch, &mut spec)?;
    Ok(spec)
}

/// The side of the patches in pixels: the size of the model's input, unless a step changes it.
fn patch(root: &Part<'_>) -> Result<Option<usize>, ImportError> {
    const KEY: &str = "patch_size_pixels";
    let Some(side) = root.get::<f64>(KEY, "a number")? else { return Ok(None) };
    // The largest side of an input is far below.
    if !(1.0..=f64::from(u32::MAX)).contains(&side) || side.fract() != 0.0 {
        return Err(root.wrong(KEY, format!("{side}; a whole number above 0 is expected")));
    }
    Ok(Some(side as usize))
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
    if let Some(interpolation) = interpolation(arguments)? {
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

/// The interpolation: one of Pillow's numbers, which torchvision takes, or a name.
fn interpolation(arguments: &Part<'_>) -> Result<Option<Interpolation>, ImportError> {
    const KEY: &str = "interpolation";
    let Some(Value::Number(number)) = arguments.value(KEY) else { return arguments.interpolation(KEY) };
    let unknown = |name: &str| Err(arguments.wrong(KEY, format!("{number}{name} cannot be applied; {NUMBERS} can")));
    match number.as_u64() {
        Some(0) => Ok(Some(Interpolation::Nearest)),
        Some(1) => Ok(Some(Interpolation::Lanczos)),
        Some(2) => Ok(Some(Interpolation::Bilinear)),
        Some(3) => Ok(Some(Interpolation::Bicubic)),
        Some(4) => unknown(" (box)"),
        Some(5) => unknown(" (hamming)"),
        _ => unknown(""),
    }
}

fn size(arguments: &Part<'_>) -> Result<Size, ImportError> {
    let expected = "a side or [height, width]";
    arguments.get("size", expected)?.ok_or_else(|| arguments.wrong("size", format!("{expected} is expected")))
}

/// The resolution of a tile that covers the same tissue as the model's patch.
fn resolution(root: &Part<'_>, patch: Option<usize>, spec: &mut Spec) -> Result<(), ImportError> {
    let (Some(patch), Some(spacing)) = (patch, root.get::<f64>("spacing_um_px", "a number")?) else {
        return Ok(());
    };
    if !(spacing > 0.0 && spacing.is_finite()) {
        return Err(root.wrong("spacing_um_px", "a positive number is expected"));
    }
    let side = kiln_tile::SIDE as usize;
    let resolution = spacing * patch as f64 / side as f64;
    spec.micrometres_per_pixel = Some(resolution);
    if patch != side {
        spec.notes.push(format!(
            "the model was trained on patches of {patch} pixels at {spacing} µm/px; tiles of {side} pixels cover the \
             same tissue at {resolution:.4} µm/px"
        ));
    }
    Ok(())
}
