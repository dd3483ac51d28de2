//! `kiln import`: turns an ONNX model of any origin into a bundle that is verified before it appears.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use kiln_export::import::{
    Channels, ImportRequest, ImportStep, Imported, InputSpec, Interpolation, Layout, Meaning, Range, ReferenceFile,
    Size, Spec, TOLERANCE, ThresholdSpec, import,
};
use kiln_export::{Batch, Calibration, Precision};
use kiln_runtime::library;
use kiln_tile::SizePolicy;

use super::export::{calibration_of, parity_lines, variant_lines};
use super::number::not_negative;
use crate::destination::Destination;
use crate::exit::Exit;
use crate::output::Output;

/// Heading of the flags that describe the model's input.
const INPUT: &str = "Input of the model";
/// Heading of the flags that describe the model's outputs.
const OUTPUT: &str = "Outputs of the model";

/// Import an ONNX model of any origin (PyTorch, timm, anomalib, scikit-learn, Keras) as a bundle.
///
/// The preprocessing that the model expects is described by flags, by a YAML file, or by the configuration of WSInfer or
/// timm, and becomes part of the graph, so that the bundle takes decoded tiles (u8, NHWC) like every other. Logits get
/// their softmax, and a fixed batch becomes symbolic where the graph allows it. Before the bundle appears, its graph is
/// compared in batches of 1, 3 and 8 with the untouched model behind an independent preprocessing, and with the outputs
/// of the model's framework if they are given. On a difference there is no bundle, the exit status is 1, and the change
/// of the description that would agree is named.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  \
    kiln import model.onnx --out bundles/model --range 0..1 --mean 0.485,0.456,0.406 \\\n      \
    --std 0.229,0.224,0.225 --classes benign,tumour --reference outputs.npz\n  \
    kiln import model.onnx --out bundles/model --spec model.yaml --data tiles/ --threshold youden\n  \
    kiln import torchscript.onnx --out bundles/wsinfer --spec config.json --normal-classes Other")]
pub(crate) struct Args {
    /// Model to import, an .onnx file; weights in other files must be beside it.
    model: PathBuf,

    /// Folder of the bundle; it appears whole or not at all.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Replace the bundle if it exists.
    #[arg(long)]
    replace: bool,

    /// Description of the model: Kiln's YAML, WSInfer's config.json or timm's config.json. Flags replace its values.
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,

    /// Name of the model [default: that of the file].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Licence of the weights, such as Apache-2.0, for the manifest and the model card.
    #[arg(long, value_name = "NAME")]
    licence: Option<String>,

    /// Tiles of yours on which the bundle is verified, and the threshold chosen [default: generated tiles].
    #[arg(long, value_name = "DIR|CSV")]
    data: Option<PathBuf>,

    /// Outputs of the model's framework: an .npz with `tile` (u8 [n, 256, 256, 3]) and one array for each output.
    #[arg(long, value_name = "NPZ", conflicts_with = "reference_csv")]
    reference: Option<PathBuf>,

    /// Outputs of the model's framework: a table with `path`, and `score` or `p_<class>` columns.
    #[arg(long, value_name = "CSV")]
    reference_csv: Option<PathBuf>,

    /// Largest difference from the reference, in the unit of an output (as a fraction of its largest value above 1).
    #[arg(long, value_name = "X", default_value_t = TOLERANCE, value_parser = not_negative, allow_hyphen_values = true)]
    tolerance: f64,

    /// Batch size of the graph: `dynamic`, which keeps the model's own if the graph cannot follow, or a number.
    #[arg(long, value_name = "N|dynamic", default_value = "dynamic")]
    batch: Batch,

    /// Precisions of the bundle: fp32, fp16, int8. fp32 is always included; another one is published only if it loses at
    /// most 0.002 AUROC on labelled tiles of --data, changes at most 0.5 % of the decisions, and none of a white, glass or
    /// black tile.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "fp32")]
    precision: Vec<Precision>,

    /// Method that chooses the range of int8 activations: min-max, percentile[:PERCENT] (99.99), entropy [default: min-max].
    #[arg(long, value_name = "NAME")]
    calibration: Option<Calibration>,

    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    outputs: OutputArgs,
}

/// The flags of the input.
#[derive(ClapArgs)]
#[command(next_help_heading = INPUT)]
struct InputArgs {
    /// Order of the axes: NCHW, NHWC, flat (rows of pixels, channels last), flat_NCHW [default: by the model's shape].
    #[arg(long, value_name = "NAME")]
    layout: Option<Layout>,

    /// Order of the colours: RGB or BGR [default: RGB].
    #[arg(long, value_name = "NAME")]
    channels: Option<Channels>,

    /// Range of the pixels, before mean and deviation: 0..255, 0..1, -1..1.
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    range: Option<Range>,

    /// Mean of each channel, in the unit of --range and the order of --channels.
    #[arg(long, value_name = "X,X,X", value_parser = three, allow_hyphen_values = true)]
    mean: Option<[f64; 3]>,

    /// Deviation of each channel, in the unit of --range and the order of --channels.
    #[arg(long, value_name = "X,X,X", value_parser = three)]
    std: Option<[f64; 3]>,

    /// Size of the model's input [default: by the model's shape]. Tiles of 256x256 are resized inside the graph.
    #[arg(long, value_name = "N|HxW", value_parser = size)]
    size: Option<Size>,

    /// Size after the resize, if the middle is then cropped; 256 for a crop without a resize.
    #[arg(long, value_name = "N|HxW", value_parser = size)]
    resize: Option<Size>,

    /// Method of the resize: bilinear, bicubic, lanczos, nearest [default: bilinear].
    #[arg(long, value_name = "NAME")]
    interpolation: Option<Interpolation>,

    /// Average over source pixels when shrinking, as Pillow always does and TensorFlow does not by itself.
    #[arg(long, value_name = "true|false")]
    antialias: Option<bool>,

    /// Round to whole numbers after each axis, exactly as Pillow does on 8-bit images; false for resizes of float tensors
    /// [default: true with antialiasing].
    #[arg(long, value_name = "true|false")]
    rounded: Option<bool>,

    /// Map the corners of the tile to the corners of the result (`align_corners=True`).
    #[arg(long)]
    align_corners: bool,

    /// Treatment of tiles that are not 256x256: error, resize, center_crop.
    #[arg(long, value_name = "NAME", default_value_t)]
    size_policy: SizePolicy,
}

/// The flags of the outputs.
#[derive(ClapArgs)]
#[command(next_help_heading = OUTPUT)]
struct OutputArgs {
    /// Meaning of an output: logits, log_probabilities, probabilities, score, negative_score, map, embedding, keep, drop;
    /// may be repeated [default: by usual names, shapes and values].
    #[arg(long = "output", value_name = "NAME=MEANING", value_parser = meaning)]
    outputs: Vec<(String, Meaning)>,

    /// Class names, in the order of the model's columns.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = class)]
    classes: Vec<String>,

    /// The classes that count as normal [default: benign, normal, healthy, negative, colon_n].
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = class)]
    normal_classes: Vec<String>,

    /// Threshold of the score: a number, or a rule that chooses it on the labelled tiles of --data: max_f1, youden,
    /// sensitivity:RATE, specificity:RATE [default: 0.5 for probabilities].
    #[arg(long, value_name = "X|RULE", value_parser = threshold, allow_hyphen_values = true)]
    threshold: Option<ThresholdSpec>,

    /// Resolution of the tiles in micrometres per pixel, for slides.
    #[arg(long, value_name = "X")]
    micrometres_per_pixel: Option<f64>,

    /// Rule that makes a slide's score of its tiles' scores: max, top_mean:N, area_mm2:LEAST [default: none; scoring then
    /// takes max].
    #[cfg(feature = "slide")]
    #[arg(long, value_name = "RULE")]
    slide_rule: Option<kiln_slide::SlideRule>,
}

/// The name of a class, without spaces around it.
fn class(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() { Err("a name is expected between commas".to_owned()) } else { Ok(name.to_owned()) }
}

/// Three numbers.
fn three(text: &str) -> Result<[f64; 3], String> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    numbers.ok().and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| "three numbers are expected".to_owned())
}

/// A side, or height and width.
fn size(text: &str) -> Result<Size, String> {
    let side = |text: &str| text.trim().parse().map_err(|_| format!("`{text}` is neither a number nor HxW"));
    match text.split_once('x') {
        Some((height, width)) => Ok(Size::Sides([side(height)?, side(width)?])),
        None => side(text).map(Size::Square),
    }
}

fn meaning(text: &str) -> Result<(String, Meaning), String> {
    // Names of outputs may contain `=`; meanings do not.
    let (name, meaning) = text.rsplit_once('=').ok_or("NAME=MEANING is expected")?;
    Ok((name.to_owned(), meaning.parse()?))
}

fn threshold(text: &str) -> Result<ThresholdSpec, String> {
    match text.parse::<f64>() {
        Ok(value) => Ok(ThresholdSpec::Value(value)),
        Err(_) => text.parse().map(ThresholdSpec::Rule).map_err(|error| format!("no number, and {error}")),
    }
}

impl Args {
    /// The description: that of the file, with the values of the flags in place of its own.
    fn described(&self) -> anyhow::Result<Spec> {
        let file = self.spec.as_deref().map(Spec::read).transpose()?.unwrap_or_default();
        let input = &self.input;
        let flags = Spec {
            name: self.name.clone(),
            input: InputSpec {
                layout: input.layout,
                channels: input.channels,
                range: input.range,
                mean: input.mean,
                std: input.std,
                size: input.size,
                resize: input.resize,
                interpolation: input.interpolation,
                antialias: input.antialias,
                rounded: input.rounded,
                align_corners: input.align_corners.then_some(true),
                dtype: None,
            },
            outputs: self.outputs.outputs.iter().cloned().collect(),
            classes: self.outputs.classes.clone(),
            normal_classes: self.outputs.normal_classes.clone(),
            threshold: self.outputs.threshold,
            micrometres_per_pixel: self.outputs.micrometres_per_pixel,
            licence: self.licence.clone(),
            ..Spec::default()
        };
        Ok(file.with(flags))
    }

    fn reference(&self) -> Option<ReferenceFile> {
        let npz = self.reference.clone().map(ReferenceFile::Npz);
        npz.or_else(|| self.reference_csv.clone().map(ReferenceFile::Csv))
    }

    /// The rule of `--slide-rule` as the manifest states it.
    fn slide_rule(&self) -> Option<String> {
        #[cfg(feature = "slide")]
        return self.outputs.slide_rule.as_ref().map(ToString::to_string);
        #[cfg(not(feature = "slide"))]
        None
    }
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let target = Destination::new("--out", &args.out);
    target.does_not_hold("the model", &args.model)?;
    let reference = args.reference();
    let calibration = calibration_of(args.calibration, &args.precision)?;
    for (what, input) in [
        ("the data set", args.data.as_deref()),
        ("the description", args.spec.as_deref()),
        ("the reference", reference.as_ref().map(ReferenceFile::path)),
    ] {
        input.map_or(Ok(()), |input| target.does_not_hold(what, input))?;
    }
    let request = ImportRequest {
        spec: args.described()?,
        slide_rule: args.slide_rule(),
        reference,
        size_policy: args.input.size_policy,
        model: args.model,
        out: args.out,
        data: args.data,
        tolerance: args.tolerance,
        batch: args.batch,
        precisions: args.precision,
        calibration,
        replace: args.replace,
    };
    let runtime = library::load(&library::find(out.onnxruntime.as_deref())?)?;
    let bar = out.progress(Some(6), "importing");
    let imported = import(&request, runtime, |step| {
        bar.inc(1);
        bar.set_message(match step {
            ImportStep::Reading => "reading the model",
            ImportStep::Running => "running it untouched",
            ImportStep::Comparing => "comparing with the reference",
            ImportStep::Proving => "proving the graph",
            ImportStep::Variants => "converting",
            ImportStep::Publishing => "writing",
        });
    });
    bar.finish_and_clear();
    let imported = imported?;
    if out.json {
        out.document(&imported)?;
    }
    show(&imported, out);
    let all = imported.variants.iter().all(|variant| variant.published);
    Ok(if all { Exit::Done } else { Exit::CheckFailed })
}

fn show(imported: &Imported, out: &Output) {
    out.line(format_args!("bundle     {}", imported.path.display()));
    out.line(format_args!("model      {:.1} MB, opset {}", imported.model_bytes as f64 / 1e6, imported.opset));
    out.line(format_args!("input      {}", imported.input));
    for output in &imported.outputs {
        out.line(format_args!("output     {:<16} of `{}`, {}", output.name, output.from, output.by));
    }
    for (name, reason) in &imported.dropped {
        out.line(format_args!("left out   {name:<16} {reason}"));
    }
    if !imported.classes.is_empty() {
        let (classes, normal) = (imported.classes.join(", "), imported.normal_classes.join(", "));
        out.line(format_args!("classes    {classes} (normal: {normal})"));
    }
    out.line(format_args!("threshold  {}", imported.threshold));
    let note = imported.batch_note.as_ref().map(|note| format!(": the graph cannot follow another ({note})"));
    out.line(format_args!("batch      {}{}", imported.batch, note.unwrap_or_default()));
    parity_lines(&imported.parity, out);
    for output in &imported.reference {
        out.line(format_args!(
            "reference  {:<16} max {:.2e}  mean {:.2e}  ok (allowed {:.0e})",
            output.name, output.max_abs, output.mean_abs, output.tolerance
        ));
    }
    imported.variants.iter().for_each(|variant| variant_lines(variant, out));
    for warning in &imported.warnings {
        out.note(format_args!("warning: {warning}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_meanings_and_thresholds_are_read() {
        assert_eq!(size("224"), Ok(Size::Square(224)));
        assert_eq!(size("96x128"), Ok(Size::Sides([96, 128])));
        assert!(size("a").is_err() && three("1,2").is_err());
        assert_eq!(three("0.5, 0.25,1"), Ok([0.5, 0.25, 1.0]));
        assert_eq!(meaning("a=b=logits"), Ok(("a=b".to_owned(), Meaning::Logits)));
        assert!(meaning("logits").is_err() && meaning("x=soft").is_err());
        assert_eq!(threshold("-0.5"), Ok(ThresholdSpec::Value(-0.5)));
        assert!(threshold("youden").is_ok() && threshold("best").is_err());
        assert_eq!(class(" tumour"), Ok("tumour".to_owned()));
        assert!(class(" ").is_err());
    }
}
