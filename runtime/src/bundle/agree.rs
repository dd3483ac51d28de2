//! Compares a manifest with itself and with the graphs that it describes. Kiln labels scores by the manifest, so a manifest
//! of another graph would give wrong labels without an error.

use kiln_tile::{SIDE, stain::StainPlace};

use super::graph::{Graph, GraphPort};
use super::manifest::{Dim, Manifest, Port, StainNormalisation, TileSpec, Variant};
use super::{MANIFEST, contain, metadata};
use crate::decision::{PROBABILITIES, SCORE};

type Checked = Result<(), String>;

/// Keys of a graph's metadata that repeat a statement of the manifest.
const CLASSES: &str = "kiln.classes";
const NORMAL_CLASSES: &str = "kiln.normal_classes";
const STAIN: &str = "kiln.stain_normalisation";

impl Manifest {
    /// Checks that the parts of the manifest fit each other: class names, decision rule, tile, outputs and variants. Reads
    /// no file.
    ///
    /// # Errors
    /// The key, its value and the value that contradicts it.
    pub fn check(&self) -> Result<(), String> {
        self.check_names().and_then(|()| self.check_rule()).and_then(|()| self.check_tile())?;
        self.check_ports().and_then(|()| self.check_variants())
    }

    fn check_names(&self) -> Checked {
        names("classes", &self.classes)?;
        names("normal_classes", &self.normal_classes)?;
        if self.classes.is_empty() {
            return Ok(());
        }
        let unknown = self.normal_classes.iter().find(|name| !self.classes.contains(name));
        if let Some(name) = unknown {
            let known = &self.classes;
            return wrong("normal_classes", format_args!("`{name}` is not one of `classes`, {known:?}"));
        }
        if self.normal_classes.is_empty() || self.normal_classes.len() == self.classes.len() {
            let (normal, all) = (self.normal_classes.len(), self.classes.len());
            return wrong(
                "normal_classes",
                format_args!("{normal} of the {all} `classes` are normal; expected at least one, and not all"),
            );
        }
        Ok(())
    }

    fn check_rule(&self) -> Checked {
        let value = self.threshold.value;
        if value.is_finite() {
            Ok(())
        } else {
            wrong("threshold.value", format_args!("{value} is not a finite number"))
        }
    }

    fn check_tile(&self) -> Checked {
        let TileSpec { side, micrometres_per_pixel, stain_normalisation, .. } = &self.tile;
        if *side != SIDE {
            return wrong("tile.side", format_args!("{side}; this release decodes tiles of {SIDE}x{SIDE} pixels"));
        }
        if let Some(resolution) = micrometres_per_pixel.filter(|value| !(value.is_finite() && *value > 0.0)) {
            return wrong("tile.micrometres_per_pixel", format_args!("{resolution} is not a positive number"));
        }
        match stain_normalisation {
            Some(stain) if stain.place != stain.normaliser.place() => {
                let (stated, fits) = (place(stain.place), place(stain.normaliser.place()));
                wrong(
                    "tile.stain_normalisation.where",
                    format_args!("`{stated}`; this method is applied in the {fits}"),
                )
            }
            _ => Ok(()),
        }
    }

    fn check_ports(&self) -> Checked {
        for (kind, ports) in [("inputs", &self.inputs), ("outputs", &self.outputs)] {
            if let Some((first, again)) = twice(ports.iter().map(|port| port.name.as_str())) {
                return wrong(kind, format_args!("`{first}` appears twice, the second time at {again}"));
            }
        }
        let output = |name: &str| self.outputs.iter().find(|port| port.name == name);
        let classes = self.classes.len() as u64;
        match output(PROBABILITIES).map(|port| port.shape.as_slice()) {
            None if classes > 0 => {
                wrong("classes", format_args!("{classes} names, but `outputs` has no `{PROBABILITIES}`"))
            }
            Some([_, Dim::Fixed(width)]) if *width == classes => Ok(()),
            Some(shape) => wrong(
                "classes",
                format_args!("{classes} names, but `{PROBABILITIES}` in `outputs` has the shape {}", dims(shape)),
            ),
            None => Ok(()),
        }
    }

    fn check_variants(&self) -> Checked {
        let variants = &self.variants;
        if variants.is_empty() {
            return Err(format!("{MANIFEST} lists no variants, so there is no graph to run"));
        }
        if let Some((first, _)) = twice(variants.iter().map(|variant| variant.precision.as_str())) {
            return wrong("variants", format_args!("the precision `{first}` appears twice"));
        }
        if let Some((first, _)) = twice(variants.iter().map(|variant| variant.file.as_str())) {
            return wrong("variants", format_args!("the file `{first}` appears twice, for two precisions"));
        }
        let odd = |variant: &&Variant| !matches!(&variant.batch, Dim::Fixed(1..)) && !is_dynamic(&variant.batch);
        match variants.iter().find(odd) {
            Some(variant) => wrong(
                &format!("variants[{}].batch", variant.precision),
                format_args!("{} is neither `dynamic` nor a number from 1 on", dim(&variant.batch)),
            ),
            None => Ok(()),
        }
    }
}

/// Checks that a variant's graph is the one that the manifest describes.
pub(super) fn graph_agrees(manifest: &Manifest, variant: &Variant, graph: &Graph) -> Checked {
    let file = &variant.file;
    ports_agree(file, "inputs", &manifest.inputs, &graph.inputs)?;
    ports_agree(file, "outputs", &manifest.outputs, &graph.outputs)?;
    if !manifest.outputs.iter().any(|port| port.name == SCORE) {
        return wrong("outputs", format_args!("neither it nor {file} has `{SCORE}`"));
    }
    for port in graph.inputs.iter().chain(&graph.outputs) {
        let first = port.shape.as_deref().and_then(<[Dim]>::first);
        let agrees = match (first, &variant.batch) {
            (Some(Dim::Fixed(found)), Dim::Fixed(stated)) => found == stated,
            (Some(Dim::Symbolic(_)), batch) => is_dynamic(batch),
            _ => false,
        };
        if !agrees {
            let (stated, found) = (dim(&variant.batch), first.map_or("no axis".to_owned(), dim));
            let key = format!("variants[{}].batch", variant.precision);
            let name = &port.name;
            return Err(format!(
                "{file}: {MANIFEST} has {stated} for `{key}`, but the first axis of `{name}` is {found}"
            ));
        }
    }
    metadata_agrees(manifest, file, graph)
}

/// Checks that every file which a graph reads is listed with a digest and is long enough. Returns the paths, each once.
pub(super) fn external_is_listed(manifest: &Manifest, variant: &Variant, graph: &Graph) -> Result<Vec<String>, String> {
    let file = &variant.file;
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut files = Vec::new();
    for external in &graph.external {
        let (of, location) = (&external.of, external.location.escape_debug());
        contain::plain(&external.location).map_err(|reason| format!("{file}: {of} reads a file: {reason}"))?;
        let path =
            if folder.is_empty() { external.location.clone() } else { format!("{folder}/{}", external.location) };
        let Some(entry) = manifest.files.iter().find(|entry| entry.path == path) else {
            return Err(format!("{file}: {of} reads `{location}`, which `files` of {MANIFEST} does not list"));
        };
        let length = external.length.unwrap_or(0);
        if external.offset.checked_add(length).is_none_or(|end| end > entry.bytes) {
            let (offset, bytes) = (external.offset, entry.bytes);
            return Err(format!(
                "{file}: {of} reads {length} bytes from byte {offset} of `{location}`, which has {bytes}"
            ));
        }
        if !files.contains(&path) {
            files.push(path);
        }
    }
    Ok(files)
}

fn ports_agree(file: &str, kind: &str, stated: &[Port], found: &[GraphPort]) -> Checked {
    let differs = |key: String, stated: String, found: String| {
        Err(format!("{file}: {MANIFEST} has {stated} for `{key}`, but the graph has {found}"))
    };
    if stated.len() != found.len() {
        let stated: Vec<&str> = stated.iter().map(|port| port.name.as_str()).collect();
        let found: Vec<&str> = found.iter().map(|port| port.name.as_str()).collect();
        return differs(kind.to_owned(), format!("{stated:?}"), format!("{found:?}"));
    }
    for (at, (stated, found)) in stated.iter().zip(found).enumerate() {
        let name = stated.name.escape_debug();
        if stated.name != found.name {
            return differs(
                format!("{kind}[{at}].name"),
                format!("`{name}`"),
                format!("`{}`", found.name.escape_debug()),
            );
        }
        if stated.dtype != found.dtype {
            return differs(format!("{kind}[{at}].dtype` of `{name}"), stated.dtype.clone(), found.dtype.clone());
        }
        if !found.shape.as_ref().is_some_and(|shape| shapes_agree(&stated.shape, shape)) {
            let found = found.shape.as_deref().map_or_else(|| "no shape".to_owned(), dims);
            return differs(format!("{kind}[{at}].shape` of `{name}"), dims(&stated.shape), found);
        }
    }
    Ok(())
}

/// Equal rank, equal lengths, and equal names where the graph has a name.
fn shapes_agree(stated: &[Dim], found: &[Dim]) -> bool {
    let agrees = |(stated, found): (&Dim, &Dim)| match (stated, found) {
        (Dim::Symbolic(_), Dim::Symbolic(name)) if name.is_empty() => true,
        (stated, found) => stated == found,
    };
    stated.len() == found.len() && stated.iter().zip(found).all(agrees)
}

fn metadata_agrees(manifest: &Manifest, file: &str, graph: &Graph) -> Checked {
    for (key, names) in [(CLASSES, &manifest.classes), (NORMAL_CLASSES, &manifest.normal_classes)] {
        if let Some(found) = graph.metadata.get(key).filter(|text| !metadata::lists(text, names)) {
            return differs(file, key.trim_start_matches("kiln."), &format!("{names:?}"), key, found);
        }
    }
    stain_agrees(manifest, file, graph)
}

/// Compares the values of the manifest that the graph repeats as single values.
pub(super) fn statements_agree(manifest: &Manifest, file: &str, graph: &Graph) -> Checked {
    let stated = [
        ("model.kind", "kiln.model", manifest.model.kind.clone()),
        ("tile.size_policy", "kiln.size_policy", manifest.tile.size_policy.to_string()),
        ("provenance.weights_sha256", "kiln.weights_sha256", manifest.provenance.weights_sha256.clone()),
        ("threshold.value", "kiln.threshold", manifest.threshold.value.to_string()),
    ];
    for (of_manifest, key, stated) in stated {
        if let Some(found) = graph.metadata.get(key).filter(|found| **found != stated) {
            return differs(file, of_manifest, &stated, key, found);
        }
    }
    Ok(())
}

/// Compares method and place: a caller who normalises tiles that the graph normalises again, or leaves them to a graph that
/// does not, gets wrong scores. The target's numbers are compared by verification, on golden tiles.
fn stain_agrees(manifest: &Manifest, file: &str, graph: &Graph) -> Checked {
    let found = match graph.metadata.get(STAIN) {
        Some(text) => Some(
            serde_json::from_str::<StainNormalisation>(text)
                .map_err(|error| format!("{file}: `{STAIN}` in the graph cannot be read: {error}"))?,
        ),
        // Graphs of other origins have no metadata of Kiln's.
        None if graph.metadata.contains_key("kiln.version") => None,
        None => return Ok(()),
    };
    let shown = |stain: Option<StainNormalisation>| {
        stain.map_or("none".to_owned(), |stain| format!("{} in the {}", stain.normaliser.method(), place(stain.place)))
    };
    let (stated, found) = (shown(manifest.tile.stain_normalisation), shown(found));
    if stated == found { Ok(()) } else { differs(file, "tile.stain_normalisation", &stated, STAIN, &found) }
}

/// A value of the manifest, `stated` under `of_manifest`, that the graph's metadata contradict under `key`.
fn differs(file: &str, of_manifest: &str, stated: &str, key: &str, found: &str) -> Checked {
    let found = found.escape_debug();
    Err(format!("{file}: {MANIFEST} has {stated} for `{of_manifest}`, but `{key}` in the graph is {found}"))
}

/// Checks names that become labels and column names: none is empty, spans two lines or appears twice.
fn names(key: &str, names: &[String]) -> Checked {
    if names.iter().any(|name| name.trim().is_empty()) {
        return wrong(key, format_args!("empty name in {names:?}"));
    }
    if let Some(name) = names.iter().find(|name| name.chars().any(is_control)) {
        return wrong(key, format_args!("{name:?} contains a line break or another control character"));
    }
    match twice(names.iter().map(String::as_str)) {
        Some((name, _)) => wrong(key, format_args!("{name:?} appears twice")),
        None => Ok(()),
    }
}

/// Includes Unicode's line ends: readers of CSV and of label files break lines there.
fn is_control(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// The first name that appeared before, and its second index.
fn twice<'a>(names: impl Iterator<Item = &'a str>) -> Option<(&'a str, usize)> {
    let mut seen = std::collections::BTreeSet::new();
    names.enumerate().find(|(_, name)| !seen.insert(*name)).map(|(at, name)| (name, at))
}

fn is_dynamic(batch: &Dim) -> bool {
    matches!(batch, Dim::Symbolic(word) if word == "dynamic")
}

fn place(place: StainPlace) -> &'static str {
    match place {
        StainPlace::Graph => "graph",
        StainPlace::Runtime => "runtime",
    }
}

fn dim(dim: &Dim) -> String {
    match dim {
        Dim::Fixed(length) => length.to_string(),
        Dim::Symbolic(name) if name.is_empty() => "?".to_owned(),
        Dim::Symbolic(name) => name.escape_debug().to_string(),
    }
}

/// `[batch, 256, 256, 3]`.
fn dims(shape: &[Dim]) -> String {
    format!("[{}]", shape.iter().map(dim).collect::<Vec<_>>().join(", "))
}

fn wrong(key: &str, reason: std::fmt::Arguments<'_>) -> Checked {
    Err(format!("{MANIFEST}: `{key}`: {reason}"))
}
