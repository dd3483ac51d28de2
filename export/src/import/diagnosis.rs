//! The cause of a difference from the reference: wrong descriptions that are often made are tried one by one, then in
//! pairs, and the one with which model and reference agree is named.

use std::collections::BTreeMap;

use kiln_runtime::Outputs;
use kiln_runtime::decision::SCORE;
use kiln_tile::{SIDE, Tile};

use super::answers::{answers, sigmoid, softmax};
use super::compare::compare;
use super::plan::{Head, Plan, Score};
use super::reference::Reference;
use super::spec::{Channels, Input, Interpolation, Layout, Meaning, Range, Resize};
use super::untouched::{Raw, Untouched};

/// Tiles on which a wrong description is tried; one that agrees is tried on all.
const FEW: usize = 4;

/// The most descriptions that are tried.
const MOST: usize = 260;

/// An almost equal answer: this many times closer than the description as it was, and this close.
const CLOSER: f64 = 20.0;
const CLOSE: f64 = 2e-3;

/// A change of the description.
#[derive(Clone)]
struct Change<T> {
    /// In words, after "if".
    words: String,
    to: T,
}

/// Another way to the bundle's outputs.
#[derive(Clone)]
struct Post {
    plan: Plan,
    /// Applied to the raw outputs of the head.
    head: fn(&[f64]) -> Vec<f64>,
    /// Applied to the score.
    score: fn(f64) -> f64,
}

/// Names the change with which the reference agrees.
pub(super) fn diagnose(
    untouched: &mut Untouched,
    reference: &Reference,
    input: &Input,
    plan: &Plan,
    tolerance: f64,
    worst: f64,
) -> String {
    let posts = posts(plan);
    // Once for all descriptions: a reference may have gigabytes.
    let (few, more) = (reference.first(FEW), reference.first(4 * FEW));
    let mut best: Option<(f64, String)> = None;
    for (words, other) in inputs(input).into_iter().take(MOST) {
        // A description that the model cannot run is not the cause.
        let Ok(raw) = untouched.run(&few.tiles, &other) else { continue };
        for post in &posts {
            let all: Vec<&str> =
                words.iter().map(String::as_str).chain(Some(post.words.as_str())).filter(|w| !w.is_empty()).collect();
            if all.is_empty() {
                continue;
            }
            let Some(excess) = excess(&few, &post.to, &raw, tolerance) else { continue };
            let sentence = all.join(" and ");
            if excess <= 1.0 && confirmed(untouched, &more, &other, &post.to, tolerance) {
                return format!("the reference agrees if {sentence}");
            }
            if best.as_ref().is_none_or(|(least, _)| excess < *least) {
                best = Some((excess, sentence));
            }
        }
    }
    match best {
        Some((excess, sentence)) if excess * CLOSER < worst && excess * tolerance < CLOSE => {
            let difference = excess * tolerance;
            format!("it comes closest, to {difference:.1e}, if {sentence}")
        }
        _ => {
            "none of the usual mistakes explains it: channel order, range, mean and deviation, resize, crop, softmax, \
              order of classes"
                .to_owned()
        }
    }
}

/// The largest difference in tolerances; `None` if the reference cannot be compared.
fn excess(reference: &Reference, post: &Post, raw: &Raw, tolerance: f64) -> Option<f64> {
    let (answers, raw) = post.apply(raw, reference.tiles.len());
    let found = compare(reference, &post.plan, &answers, &raw, tolerance).ok()?;
    found.iter().map(|output| output.max_abs / output.tolerance).reduce(f64::max)
}

fn confirmed(untouched: &mut Untouched, reference: &Reference, input: &Input, post: &Post, tolerance: f64) -> bool {
    let raw = untouched.run(&reference.tiles, input);
    raw.ok().and_then(|raw| excess(reference, post, &raw, tolerance)).is_some_and(|excess| excess <= 1.0)
}

impl Post {
    fn apply(&self, raw: &Raw, tiles: usize) -> (Outputs, Raw) {
        let mut raw = raw.clone();
        if let Some(head) = &self.plan.head
            && let Some(array) = raw.get_mut(&head.output)
        {
            let columns = head.columns.max(1);
            let values: Vec<f64> = array.iter().map(|value| f64::from(*value)).collect();
            let changed: Vec<f32> = values.chunks(columns).flat_map(|row| (self.head)(row)).map(|v| v as f32).collect();
            if changed.len() == array.len() {
                array.iter_mut().zip(changed).for_each(|(old, new)| *old = new);
            }
        }
        let mut answers = answers(&self.plan, &raw, tiles);
        if let Some(score) = answers.arrays.get_mut(SCORE) {
            score.mapv_inplace(|value| (self.score)(f64::from(value)) as f32);
        }
        (answers, raw)
    }
}

impl Reference {
    /// The first tiles.
    fn first(&self, tiles: usize) -> Self {
        let cut = |array: &ndarray::ArrayD<f64>| {
            array.slice_axis(ndarray::Axis(0), (0..tiles.min(self.tiles.len())).into()).to_owned()
        };
        let arrays: BTreeMap<_, _> = self.arrays.iter().map(|(name, array)| (name.clone(), cut(array))).collect();
        let tiles_of = |tiles: usize| -> Vec<Tile> { self.tiles[..tiles.min(self.tiles.len())].to_vec() };
        Self { path: self.path.clone(), tiles: tiles_of(tiles), names: self.names.clone(), arrays }
    }
}

/// Other inputs with the changes in words: none, then one change, then two, then three.
fn inputs(input: &Input) -> Vec<(Vec<String>, Input)> {
    let none = |to: &Input| Change { words: String::new(), to: to.clone() };
    let mut all = Vec::new();
    for colours in std::iter::once(none(input)).chain(colours(input)) {
        for numbers in std::iter::once(none(&colours.to)).chain(numbers(&colours.to)) {
            for sizes in std::iter::once(none(&numbers.to)).chain(sizes(&numbers.to)) {
                let words = [&colours.words, &numbers.words, &sizes.words];
                let words: Vec<String> = words.into_iter().filter(|words| !words.is_empty()).cloned().collect();
                all.push((words, sizes.to));
            }
        }
    }
    all.sort_by_key(|(words, _)| words.len());
    all
}

/// Other orders of colours and axes.
fn colours(input: &Input) -> Vec<Change<Input>> {
    let channels = if input.channels == Channels::Rgb { Channels::Bgr } else { Channels::Rgb };
    let layout = match input.layout {
        Layout::Nchw => Layout::Nhwc,
        Layout::Nhwc => Layout::Nchw,
        Layout::Flat => Layout::FlatNchw,
        Layout::FlatNchw => Layout::Flat,
    };
    let mut changes =
        vec![Change { words: format!("`channels` is {channels}"), to: Input { channels, ..input.clone() } }];
    if input.is_normalised() {
        let reversed = |values: [f64; 3]| [values[2], values[1], values[0]];
        let to = Input { channels, mean: reversed(input.mean), std: reversed(input.std), ..input.clone() };
        changes.push(Change { words: format!("`channels` is {channels}, with mean and std in that order"), to });
    }
    changes.push(Change { words: format!("`layout` is {layout}"), to: Input { layout, ..input.clone() } });
    changes
}

/// Other ranges, means and deviations.
fn numbers(input: &Input) -> Vec<Change<Input>> {
    const IMAGENET: [[f64; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];
    const HALF: [[f64; 3]; 2] = [[0.5; 3], [0.5; 3]];
    const PLAIN: [[f64; 3]; 2] = [[0.0; 3], [1.0; 3]];
    const CAFFE: [[f64; 3]; 2] = [[103.939, 116.779, 123.68], [1.0; 3]];
    let with = |range: Range, [mean, std]: [[f64; 3]; 2]| Input { range, mean, std, ..input.clone() };
    let own = [input.mean, input.std];
    let mut options = vec![
        (
            format!("`mean` is {:?} and `std` is {:?} (ImageNet's), with `range` 0..1", IMAGENET[0], IMAGENET[1]),
            with(Range::Unit, IMAGENET),
        ),
        ("`mean` and `std` are 0.5, with `range` 0..1".to_owned(), with(Range::Unit, HALF)),
        ("`range` is 0..255, without mean and std".to_owned(), with(Range::Bytes, PLAIN)),
        ("`range` is 0..1, without mean and std".to_owned(), with(Range::Unit, PLAIN)),
        ("`range` is -1..1, without mean and std".to_owned(), with(Range::Signed, PLAIN)),
        (
            "`range` is 0..255 and `mean` is [103.939, 116.779, 123.68] (Caffe's, for BGR)".to_owned(),
            with(Range::Bytes, CAFFE),
        ),
    ];
    if input.is_normalised() {
        let scaled = own.map(|values| values.map(|value| value / 255.0));
        options.push(("`range` is 0..1 and mean and std are divided by 255".to_owned(), with(Range::Unit, scaled)));
        options
            .push(("`std` is 1: the deviation is not applied".to_owned(), with(input.range, [input.mean, [1.0; 3]])));
        options.push(("`mean` is 0: the mean is not applied".to_owned(), with(input.range, [[0.0; 3], input.std])));
        for range in [Range::Bytes, Range::Unit, Range::Signed] {
            options.push((format!("`range` is {range}, with the same mean and std"), with(range, own)));
        }
    }
    options.retain(|(_, to)| to != input && (input.dtype.is_float() || to.range == Range::Bytes));
    options.into_iter().map(|(words, to)| Change { words, to }).collect()
}

/// Other resizes and crops.
fn sizes(input: &Input) -> Vec<Change<Input>> {
    let side = SIDE as usize;
    if input.size == [side; 2] && input.resize.is_none() {
        return Vec::new();
    }
    let to = input.resize.map_or(input.size, |resize| resize.to);
    let resize = |to, interpolation, antialias, rounded, align_corners| {
        Some(Resize { to, interpolation, antialias, rounded, align_corners })
    };
    use Interpolation::{Bicubic, Bilinear, Lanczos, Nearest};
    let mut options = vec![
        ("the resize is bilinear, as by Pillow (`rounded`)", resize(to, Bilinear, true, true, false)),
        ("the resize is bilinear of floats (`rounded: false`)", resize(to, Bilinear, true, false, false)),
        ("the resize is bilinear without antialiasing (`antialias: false`)", resize(to, Bilinear, false, false, false)),
        ("the resize aligns corners (`align_corners: true`)", resize(to, Bilinear, false, false, true)),
        ("the resize is bicubic, as by Pillow", resize(to, Bicubic, true, true, false)),
        ("the resize is bicubic of floats", resize(to, Bicubic, true, false, false)),
        ("the resize is bicubic without antialiasing", resize(to, Bicubic, false, false, false)),
        ("the resize takes the nearest pixel (`interpolation: nearest`)", resize(to, Nearest, false, false, false)),
        ("the resize is Lanczos', as by Pillow", resize(to, Lanczos, true, true, false)),
    ];
    let crop = input.size.map(|size| (size as f64 / 0.875).floor() as usize);
    if input.size.iter().all(|size| *size <= side) {
        options.push(("the middle of the tile is taken without a resize (`resize: 256`)", None));
    }
    options.push((
        "the middle is taken after a bilinear resize to 8/7 of the size, as by Pillow",
        resize(crop, Bilinear, true, true, false),
    ));
    options.push((
        "the middle is taken after a bicubic resize to 8/7 of the size, as by Pillow",
        resize(crop, Bicubic, true, true, false),
    ));
    if to != input.size {
        options.push((
            "the tile is resized to the model's size without a crop",
            resize(input.size, Bilinear, true, true, false),
        ));
    }
    let changed = options.into_iter().map(|(words, resize)| {
        let resize = resize.filter(|resize| resize.to != [side; 2]);
        Change { words: words.to_owned(), to: Input { resize, ..input.clone() } }
    });
    changed.filter(|change| change.to != *input).collect()
}

/// Other ways to the outputs; the first changes nothing.
fn posts(plan: &Plan) -> Vec<Change<Post>> {
    let same: fn(&[f64]) -> Vec<f64> = |row| row.to_vec();
    let keep: fn(f64) -> f64 = |score| score;
    let mut all = vec![post("", plan.clone(), same, keep)];
    if let Some(head) = &plan.head {
        let meant = |meaning| Plan { head: Some(Head { meaning, ..head.clone() }), ..plan.clone() };
        if head.meaning == Meaning::Logits {
            let words = "the softmax is left out: the reference has values before it";
            all.push(post(words, meant(Meaning::Probabilities), same, keep));
            if head.columns > 1 {
                let words = "a sigmoid takes the place of the softmax";
                all.push(post(
                    words,
                    meant(Meaning::Probabilities),
                    |row| row.iter().map(|v| sigmoid(*v)).collect(),
                    keep,
                ));
                let words = "there is a second softmax after the first";
                all.push(post(words, plan.clone(), softmax, keep));
            }
        } else if head.columns > 1 {
            let words = "a softmax is applied to the model's probabilities, which the reference has";
            all.push(post(words, meant(Meaning::Probabilities), softmax, keep));
            let words = "the reference has logarithms of probabilities";
            all.push(post(words, meant(Meaning::Probabilities), |row| row.iter().map(|v| v.ln()).collect(), keep));
        }
        for (order, words) in orders(&plan.classes) {
            all.push(post(&words, Plan { classes: order, ..plan.clone() }, same, keep));
        }
    }
    all.push(post("the score is 1 less this one: normal and anomalous are exchanged", plan.clone(), same, |score| {
        1.0 - score
    }));
    all.push(post("the sign of the score changes (`negative_score`)", plan.clone(), same, |score| -score));
    for kept in plan.kept.iter().filter(|kept| kept.dims.iter().product::<usize>() == 1) {
        let score = Some(Score { output: kept.output.clone(), negative: false });
        let words = format!("output `{}` is the score", kept.output);
        all.push(post(&words, Plan { score, ..plan.clone() }, same, keep));
    }
    all
}

fn post(words: &str, plan: Plan, head: fn(&[f64]) -> Vec<f64>, score: fn(f64) -> f64) -> Change<Post> {
    Change { words: words.to_owned(), to: Post { plan, head, score } }
}

/// Other orders of up to five classes.
fn orders(classes: &[String]) -> Vec<(Vec<String>, String)> {
    if !(2..=5).contains(&classes.len()) {
        return Vec::new();
    }
    let mut orders = vec![Vec::new()];
    for _ in 0..classes.len() {
        let longer = orders.iter().flat_map(|order: &Vec<String>| {
            let left = classes.iter().filter(|class| !order.contains(class));
            left.map(|class| order.iter().chain([class]).cloned().collect())
        });
        orders = longer.collect();
    }
    let others = orders.into_iter().filter(|order| order != classes);
    others.map(|order| (order.clone(), format!("`classes` is {order:?}"))).collect()
}
