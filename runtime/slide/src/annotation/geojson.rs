//! GeoJSON as exported by QuPath 0.2 to 0.6: a `FeatureCollection`, one `Feature`, or a bare array of features. The group of
//! a polygon is its classification, or its name if it has none. Detections, cells and tiles are not annotations and are left
//! out with a remark, as are points and lines. Features are read one after the other; measurements are skipped.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{AnnotationLimits, AnnotationProblem, Drawing, Drawn, UNCLASSIFIED, coordinate};

mod geometry;

use geometry::{Budget, Geometry, GeometrySeed};

type Result<T, E = AnnotationProblem> = std::result::Result<T, E>;

pub(super) fn parse(text: &str, limits: &AnnotationLimits) -> Result<Drawing> {
    let text = without_special_numbers(text);
    let mut collector = Collector { budget: Budget::new(limits.points), ..Collector::default() };
    collector.limit = limits.polygons;
    let mut json = serde_json::Deserializer::from_str(&text);
    let read =
        Features { collector: &mut collector, role: Role::File }.deserialize(&mut json).and_then(|()| json.end());
    if collector.budget.is_exceeded() {
        return Err(AnnotationProblem::TooLarge { what: "points", limit: limits.points as u64 });
    }
    if collector.drawing.polygons.len() > limits.polygons {
        return Err(AnnotationProblem::TooLarge { what: "polygons", limit: limits.polygons as u64 });
    }
    match read {
        Ok(()) => Ok(collector.finish()),
        Err(error) if error.is_eof() => {
            let reason = "the file ends early: it is truncated".to_owned();
            Err(AnnotationProblem::Content { line: error.line() as u64, reason })
        }
        Err(error) => Err(AnnotationProblem::Content { line: error.line() as u64, reason: error.to_string() }),
    }
}

/// QuPath writes measurements that are not numbers as bare `NaN` and `Infinity`, which are not JSON. They become empty texts of
/// the same length, so that lines stay, and a coordinate of this kind is an error.
fn without_special_numbers(text: &str) -> Cow<'_, str> {
    if !text.contains("NaN") && !text.contains("Infinity") {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let (mut rest, mut quoted) = (text, false);
    while let Some(found) = rest.find(['"', '\\', 'N', 'I', '-']) {
        let (before, tail) = rest.split_at(found);
        clean.push_str(before);
        let special = ["-Infinity", "Infinity", "NaN"].into_iter().find(|word| tail.starts_with(word));
        let length = match tail.as_bytes() {
            [b'\\', ..] if quoted => 1 + tail.chars().nth(1).map_or(0, char::len_utf8),
            _ if !quoted && special.is_some() => special.map_or(1, str::len),
            _ => 1,
        };
        quoted ^= tail.starts_with('"');
        let (token, after) = tail.split_at(length);
        if !quoted && special == Some(token) {
            clean.push_str(&format!("{:<length$}", "\"\""));
        } else {
            clean.push_str(token);
        }
        rest = after;
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

#[derive(Default)]
struct Collector {
    drawing: Drawing,
    budget: Budget,
    limit: usize,
    features: usize,
    not_annotations: usize,
    without_area: usize,
    without_geometry: usize,
}

/// The members of a feature that matter.
#[derive(Default)]
struct Feature {
    kind: Option<String>,
    id: Option<String>,
    geometry: Option<Geometry>,
    properties: Properties,
}

#[derive(Default)]
struct Properties {
    object_type: Option<String>,
    name: Option<String>,
    classes: Vec<String>,
}

impl Collector {
    fn add(&mut self, feature: Feature) -> Result<(), String> {
        self.features += 1;
        let Feature { kind, id, geometry, properties } = feature;
        match kind.as_deref() {
            Some("Feature") => {}
            Some(other) => return Err(format!("an object of the type `{other}`, expected a `Feature`")),
            None => return Err("an object without `type`, expected a `Feature`".to_owned()),
        }
        // QuPath 0.2 wrote the class of the object as its id.
        let object = properties.object_type.or(id.filter(|id| id.starts_with("Path") || id == "TMACoreObject"));
        let groups = match (properties.classes, properties.name) {
            (classes, _) if !classes.is_empty() => classes,
            (_, Some(name)) => vec![name],
            _ => vec![UNCLASSIFIED.to_owned()],
        };
        if !object.as_deref().is_none_or(is_annotation) {
            self.not_annotations += 1;
            self.drawing.add_flat(groups);
            return Ok(());
        }
        let Some(geometry) = geometry else {
            self.without_geometry += 1;
            self.drawing.add_flat(groups);
            return Ok(());
        };
        let polygons = geometry.polygons(&mut self.without_area)?;
        if polygons.is_empty() {
            self.drawing.add_flat(groups.clone());
        }
        self.drawing.polygons.extend(polygons.into_iter().map(|rings| Drawn { groups: groups.clone(), rings }));
        if self.drawing.polygons.len() > self.limit { Err("too many polygons".to_owned()) } else { Ok(()) }
    }

    fn finish(self) -> Drawing {
        let Self { mut drawing, not_annotations, without_area, without_geometry, .. } = self;
        let remarks = [
            (not_annotations, "objects are detections, cells, tiles or cores, not annotations, and are left out"),
            (without_area, "points or lines have no area and are left out"),
            (without_geometry, "annotations have no geometry and are left out"),
        ];
        let remarks = remarks.into_iter().filter(|(count, _)| *count > 0);
        drawing.doubts.extend(remarks.map(|(count, text)| format!("{count} {text}")));
        drawing
    }
}

fn is_annotation(kind: &str) -> bool {
    // Files of other programs may have a `type` of their own, so only QuPath's other objects are left out.
    let others = ["detection", "cell", "tile", "tmacore", "tma_core", "root"];
    let legacy = ["PathDetectionObject", "PathCellObject", "PathTileObject", "TMACoreObject", "PathRootObject"];
    !others.contains(&kind.to_ascii_lowercase().as_str()) && !legacy.contains(&kind)
}

/// The place of features in a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The whole file.
    File,
    /// The `features` of a collection.
    Collection,
    /// An item of an array.
    Item,
    /// The `childObjects` of a feature.
    Children,
}

/// A feature, an array of them, or a collection.
struct Features<'a> {
    collector: &'a mut Collector,
    role: Role,
}

impl<'de> DeserializeSeed<'de> for Features<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Features<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a GeoJSON feature, a collection of features, or an array of features")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        match self.role {
            Role::Children => Ok(()),
            Role::Collection => Err(E::custom("`features` is null; expected an array of features")),
            Role::File | Role::Item => Err(E::custom("null in place of a feature")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.role == Role::Item {
            return Err(A::Error::custom("an array within the array of features"));
        }
        while items.next_element_seed(Features { collector: self.collector, role: Role::Item })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut feature = Feature::default();
        let mut is_collection = false;
        while let Some(key) = members.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "type" => feature.kind = members.next_value_seed(Text)?,
                "id" => feature.id = members.next_value_seed(Text)?,
                "geometry" => feature.geometry = members.next_value_seed(GeometrySeed(&mut self.collector.budget))?,
                "properties" => feature.properties = members.next_value_seed(Members(self.collector))?,
                "features" if self.role != Role::Item => {
                    is_collection = true;
                    members.next_value_seed(Features { collector: self.collector, role: Role::Collection })?;
                }
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        if is_collection {
            return Ok(());
        }
        if feature.kind.as_deref() == Some("FeatureCollection") && self.role != Role::Item {
            return Err(A::Error::custom("a `FeatureCollection` without `features`"));
        }
        self.collector.add(feature).map_err(A::Error::custom)
    }
}

/// The `properties` of a feature.
struct Members<'a>(&'a mut Collector);

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Properties;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Properties, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Properties;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the properties of a feature")
    }

    fn visit_unit<E>(self) -> Result<Properties, E> {
        Ok(Properties::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Properties, A::Error> {
        let mut found = Properties::default();
        let mut alias = None;
        while let Some(key) = members.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "objectType" | "object_type" => found.object_type = members.next_value_seed(Text)?,
                // An alias since QuPath 0.3.
                "type" => alias = members.next_value_seed(Text)?,
                "name" => found.name = members.next_value_seed(Text)?.filter(|name| !name.trim().is_empty()),
                "classification" => found.classes = members.next_value_seed(Classification)?,
                "childObjects" => members.next_value_seed(Features { collector: self.0, role: Role::Children })?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        found.object_type = found.object_type.or(alias);
        Ok(found)
    }
}

/// A class: `"Tumor"`, `{"name": "Tumor", …}` or `{"names": ["Tumor", "Positive"], …}`. The result is the class, and the
/// classes that it is derived from: `Tumor: Positive`, `Tumor`.
struct Classification;

impl<'de> DeserializeSeed<'de> for Classification {
    type Value = Vec<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<String>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Classification {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a classification: a name, or an object with `name` or `names`")
    }

    fn visit_unit<E>(self) -> Result<Vec<String>, E> {
        Ok(Vec::new())
    }

    fn visit_str<E>(self, name: &str) -> Result<Vec<String>, E> {
        Ok(derived(name))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Vec<String>, A::Error> {
        let mut names = Vec::new();
        while let Some(key) = members.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "name" => names = members.next_value_seed(Text)?.map_or_else(Vec::new, |name| derived(&name)),
                "names" => {
                    let all: Vec<String> = members
                        .next_value()
                        .map_err(|_| A::Error::custom("`names` of a classification is not an array of names"))?;
                    names = derived(&all.join(": "));
                }
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(names)
    }
}

/// The name and its bases, the longest first.
fn derived(name: &str) -> Vec<String> {
    if name.trim().is_empty() {
        return Vec::new();
    }
    let bases = name.rmatch_indices(": ").take(8).map(|(end, _)| name[..end].to_owned());
    std::iter::once(name.to_owned()).chain(bases).collect()
}

/// A text; `None` for any other value.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

macro_rules! no_text {
    ($($visit:ident: $kind:ty),*) => {
        $(fn $visit<E>(self, _: $kind) -> Result<Option<String>, E> { Ok(None) })*
    };
}

impl<'de> Visitor<'de> for Text {
    type Value = Option<String>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a text")
    }

    no_text!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64);

    fn visit_unit<E>(self) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<String>, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<String>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Option<String>, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
