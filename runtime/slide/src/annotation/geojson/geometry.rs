//! The geometry of a GeoJSON feature (RFC 7946). Coordinates are counted while they are read, so that a hostile file is
//! refused before it fills the memory.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Text, coordinate};

type Rings = Vec<Vec<[f64; 2]>>;

/// Points that may still be read.
#[derive(Default)]
pub(super) struct Budget {
    left: usize,
    exceeded: bool,
}

impl Budget {
    pub(super) fn new(points: usize) -> Self {
        Self { left: points, exceeded: false }
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.exceeded
    }

    fn take(&mut self) -> Result<(), &'static str> {
        self.exceeded |= self.left == 0;
        self.left = self.left.saturating_sub(1);
        if self.exceeded { Err("too many points") } else { Ok(()) }
    }
}

/// A geometry, as it is in the file.
#[derive(Default)]
pub(super) struct Geometry {
    kind: Option<String>,
    coordinates: Option<Node>,
    parts: Vec<Geometry>,
}

impl Geometry {
    /// The polygons of the geometry. Points and lines are counted.
    pub(super) fn polygons(self, without_area: &mut usize) -> Result<Vec<Rings>, String> {
        let kind = self.kind.ok_or("a geometry without `type`")?;
        let missing = || format!("a `{kind}` without coordinates");
        match kind.as_str() {
            "Polygon" => Ok(vec![self.coordinates.ok_or_else(missing)?.rings()?]),
            "MultiPolygon" => match self.coordinates.ok_or_else(missing)? {
                Node::List(polygons) => polygons.into_iter().map(Node::rings).collect(),
                _ => Err("the coordinates of a `MultiPolygon` are not a list of polygons".to_owned()),
            },
            "Point" | "MultiPoint" | "LineString" | "MultiLineString" => {
                *without_area += 1;
                Ok(Vec::new())
            }
            "GeometryCollection" => {
                let parts = self.parts.into_iter().map(|part| part.polygons(without_area));
                Ok(parts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
            }
            other => Err(format!("a geometry of the unknown type `{other}`")),
        }
    }
}

/// A value within `coordinates`.
enum Node {
    Number(f64),
    Point([f64; 2]),
    Points(Vec<[f64; 2]>),
    List(Vec<Node>),
}

impl Node {
    fn rings(self) -> Result<Rings, String> {
        let Self::List(rings) = self else {
            return Err("the coordinates of a polygon are not a list of rings".to_owned());
        };
        let ring = |node| match node {
            Self::Points(points) => Ok(points),
            Self::List(list) if list.is_empty() => Ok(Vec::new()),
            _ => Err("a ring is not a list of points".to_owned()),
        };
        rings.into_iter().map(ring).collect()
    }
}

/// Reads a geometry; `null` is none.
pub(super) struct GeometrySeed<'a>(pub(super) &'a mut Budget);

impl<'de> DeserializeSeed<'de> for GeometrySeed<'_> {
    type Value = Option<Geometry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for GeometrySeed<'_> {
    type Value = Option<Geometry>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a geometry")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut geometry = Geometry::default();
        while let Some(key) = members.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "type" => geometry.kind = members.next_value_seed(Text)?,
                "coordinates" => geometry.coordinates = Some(members.next_value_seed(NodeSeed(self.0))?),
                "geometries" => geometry.parts = members.next_value_seed(PartsSeed(self.0))?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Some(geometry))
    }
}

struct PartsSeed<'a>(&'a mut Budget);

impl<'de> DeserializeSeed<'de> for PartsSeed<'_> {
    type Value = Vec<Geometry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for PartsSeed<'_> {
    type Value = Vec<Geometry>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of geometries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = items.next_element_seed(GeometrySeed(self.0))? {
            self.0.take().map_err(A::Error::custom)?;
            parts.extend(part);
        }
        Ok(parts)
    }
}

struct NodeSeed<'a>(&'a mut Budget);

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number or an array of coordinates")
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        coordinate(value).map(Node::Number).map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Node, E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Node, E> {
        self.visit_f64(value as f64)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Node, E> {
        match text {
            // `without_special_numbers` has put this in the place of `NaN` and `Infinity`.
            "" => Err(E::custom("a coordinate is not a number, such as `NaN` or `Infinity`")),
            text => Err(E::invalid_type(serde::de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let Some(first) = items.next_element_seed(NodeSeed(self.0))? else {
            self.0.take().map_err(A::Error::custom)?;
            return Ok(Node::List(Vec::new()));
        };
        match first {
            Node::Number(x) => {
                let Some(Node::Number(y)) = items.next_element_seed(NodeSeed(self.0))? else {
                    return Err(A::Error::custom("a point is not a pair of numbers"));
                };
                // A third number is an elevation.
                while items.next_element::<IgnoredAny>()?.is_some() {}
                self.0.take().map_err(A::Error::custom)?;
                Ok(Node::Point([x, y]))
            }
            Node::Point(first) => {
                let mut points = vec![first];
                while let Some(node) = items.next_element_seed(NodeSeed(self.0))? {
                    let Node::Point(point) = node else {
                        return Err(A::Error::custom("a list of points contains something else"));
                    };
                    points.push(point);
                }
                Ok(Node::Points(points))
            }
            first => {
                let mut list = vec![first];
                while let Some(node) = items.next_element_seed(NodeSeed(self.0))? {
                    list.push(node);
                }
                Ok(Node::List(list))
            }
        }
    }
}
