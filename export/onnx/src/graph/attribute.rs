//! Attributes of nodes.

use super::Constant;
use crate::element::Element;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Text(&'static str),
    Tensor(Constant),
}

/// A name and its value.
pub(crate) type Named = (&'static str, Attribute);

/// A node's attributes, in the order in which they are written.
pub(crate) type Attributes = Vec<Named>;

/// An integer attribute.
pub(crate) fn int(name: &'static str, value: impl Into<i64>) -> Named {
    (name, Attribute::Int(value.into()))
}

/// An attribute of several sizes.
pub(crate) fn ints(name: &'static str, values: impl IntoIterator<Item = usize>) -> Named {
    (name, Attribute::Ints(values.into_iter().map(|value| value as i64).collect()))
}

/// The attribute `axis`.
pub(crate) fn axis(axis: usize) -> Named {
    ("axis", Attribute::Int(axis as i64))
}

/// A float attribute.
pub(crate) fn float(name: &'static str, value: f32) -> Named {
    (name, Attribute::Float(value))
}

/// A text attribute.
pub(crate) fn text(name: &'static str, value: &'static str) -> Named {
    (name, Attribute::Text(value))
}

/// The attribute `to`, the target type of a cast.
pub(crate) fn to(element: Element) -> Named {
    ("to", Attribute::Int(i64::from(element.code())))
}

/// A tensor attribute.
pub(crate) fn tensor(name: &'static str, value: Constant) -> Named {
    (name, Attribute::Tensor(value))
}
