//! A strict check of JSON before serde reads it. `serde_json` alone accepts a duplicate key inside a free-form value (it
//! takes the last, other readers the first), skips text that is not UTF-8 under an unknown key, and nests 128 deep. Two
//! programs must never read two different manifests from the same bytes, so all of these are refused here.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Arrays and objects inside each other. Kiln writes 6 or 7; `config`, `metrics` and `parity` have room to grow.
pub(super) const DEPTH_LIMIT: usize = 16;

/// The text of a JSON document that has one meaning.
///
/// # Errors
/// The fault, with line and column if serde found it.
pub(super) fn check(bytes: &[u8]) -> Result<&str, String> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err("begins with a byte order mark, which JSON does not allow (RFC 8259, section 8.1)".to_owned());
    }
    if bytes.starts_with(b"\xfe\xff") || bytes.starts_with(b"\xff\xfe") {
        return Err("is UTF-16; JSON is UTF-8".to_owned());
    }
    let text =
        std::str::from_utf8(bytes).map_err(|error| format!("is not UTF-8: byte {} is wrong", error.valid_up_to()))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    Strict { depth: 0 }.deserialize(&mut reader).and_then(|()| reader.end()).map_err(|error| error.to_string())?;
    Ok(text)
}

/// Visits a value and all values in it; keeps none.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > DEPTH_LIMIT {
            return Err(E::custom(format_args!("nested deeper than {DEPTH_LIMIT} levels")));
        }
        Ok(Self { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        while array.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        let mut seen = HashSet::new();
        while let Some(key) = object.next_key_seed(Key)? {
            if seen.contains(&key) {
                return Err(A::Error::custom(format_args!("the key `{}` appears twice", key.escape_debug())));
            }
            object.next_value_seed(inner)?;
            seen.insert(key);
        }
        Ok(())
    }
}

/// The key of an object, unescaped: `"a"` and `"\u0061"` are one key.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        String::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        check(bytes).unwrap_err()
    }

    #[test]
    fn ordinary_json_is_accepted_as_it_is() {
        let text = r#"{"a": [1, -2, 0.5, 1e300, true, null, "ä\n"], "b": {"a": {}}, "c": 18446744073709551615}"#;
        assert_eq!(check(text.as_bytes()), Ok(text));
        assert!(check(b" [] \n").is_ok());
    }

    #[test]
    fn a_key_twice_is_refused_at_any_depth_however_it_is_written() {
        for text in [r#"{"a": 1, "a": 1}"#, r#"{"x": [{"a": 1, "b": 2, "a": 3}]}"#, r#"{"a": 1, "\u0061": 2}"#] {
            assert!(refusal(text.as_bytes()).contains("`a` appears twice"), "{text}");
        }
    }

    #[test]
    fn other_encodings_are_refused_even_under_a_key_that_nobody_reads() {
        assert!(refusal(b"\xef\xbb\xbf{}").contains("byte order mark"));
        assert!(refusal(b"\xff\xfe{\0}\0").contains("UTF-16"));
        assert!(refusal(b"\xfe\xff\0{\0}").contains("UTF-16"));
        assert!(refusal(b"{\"nobody\": \"\xff\"}").contains("not UTF-8: byte 12"));
        assert!(refusal(b"{\"nobody\": \"\xed\xa0\x80\"}").contains("not UTF-8"), "a surrogate as three bytes");
        assert!(check(br#"{"nobody": "\ud800"}"#).is_err(), "half a pair");
    }

    #[test]
    fn nesting_has_a_limit_far_below_the_stack() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check(nested(DEPTH_LIMIT).as_bytes()).is_ok());
        assert!(refusal(nested(DEPTH_LIMIT + 1).as_bytes()).contains("nested deeper"));
        assert!(refusal("[".repeat(1_000_000).as_bytes()).contains("nested deeper"));
        assert!(refusal(r#"{"a":"#.repeat(1_000_000).as_bytes()).contains("nested deeper"));
    }

    #[test]
    fn numbers_that_are_none_and_text_behind_the_end_are_refused() {
        for text in ["NaN", "Infinity", "[1e999]", "[-1e999]", "[01]", "[+1]", "[0x1]", "{} {}", "{}x", "{},", "", " "]
        {
            assert!(check(text.as_bytes()).is_err(), "{text}");
        }
        for text in ["{'a': 1}", "{a: 1}", "[1,]", "{\"a\": 1,}", "// note\n{}", "[\"a\nb\"]"] {
            assert!(check(text.as_bytes()).is_err(), "{text}");
        }
    }
}
