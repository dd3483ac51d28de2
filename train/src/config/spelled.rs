//! YAML with the keys of mappings as they are written. Labels are keys below `class_weights`, and YAML would read `1e3` or
//! `true` as another type than text and write it back in another form.

use std::fmt;

use serde::de::value::EnumAccessDeserializer;
use serde::de::{self, EnumAccess, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_yaml::{Mapping, Value};

use crate::data::shown;

/// A value of any type, whose mappings have text as keys.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spelled(pub(crate) Value);

impl<'de> Deserialize<'de> for Spelled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpelledVisitor)
    }
}

struct SpelledVisitor;

impl<'de> Visitor<'de> for SpelledVisitor {
    type Value = Spelled;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Spelled, E> {
        Ok(Spelled(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Spelled, E> {
        Ok(Spelled(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Spelled, E> {
        Ok(Spelled(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Spelled, E> {
        Ok(Spelled(value.into()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Spelled, E> {
        Ok(Spelled(text.into()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Spelled, E> {
        Ok(Spelled(Value::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<Spelled, E> {
        Ok(Spelled(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Spelled, D::Error> {
        Spelled::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Spelled, A::Error> {
        let mut values = Vec::new();
        while let Some(Spelled(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Spelled(Value::Sequence(values)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Spelled, A::Error> {
        let mut mapping = Mapping::new();
        while let Some((key, Spelled(value))) = map.next_entry::<String, Spelled>()? {
            if mapping.insert(Value::from(key.as_str()), value).is_some() {
                return Err(de::Error::custom(format!("the key {} is there twice", shown(&key))));
            }
        }
        Ok(Spelled(Value::Mapping(mapping)))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Spelled, A::Error> {
        Value::deserialize(EnumAccessDeserializer::new(tagged)).map(Spelled)
    }
}

/// A list, or none, of values whose mappings have text as keys.
pub(crate) fn spelled_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Value>>, D::Error> {
    let list = Option::<Vec<Spelled>>::deserialize(deserializer)?;
    Ok(list.map(|values| values.into_iter().map(|Spelled(value)| value).collect()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn keys_keep_their_spelling_and_values_their_type() {
        let text = "{01: 1.0, 1e3: [2, {true: null, ~: .inf}], a: text, t: !x 3}";
        let Spelled(value) = serde_yaml::from_str(text).unwrap();
        let plain: Value =
            serde_yaml::from_str("{'01': 1.0, '1e3': [2, {'true': null, '~': .inf}], a: text, t: !x 3}").unwrap();
        assert_eq!(value, plain);
        let again: Value = serde_yaml::from_str(&serde_yaml::to_string(&value).unwrap()).unwrap();
        assert_eq!(again, plain);
    }
}
