//! Limits on a YAML text, checked before a parser builds anything from it.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

/// Nesting of brackets and braces. No key needs more than five; the parser's time grows with the square of the depth.
pub(super) const MAX_DEPTH: usize = 100;
/// Keys and values of a text, with every alias expanded. The longest configuration has some 200.
const MAX_VALUES: usize = 10_000;

/// Refuses a text that needs much more time or memory than its length explains. A text that is not YAML passes: the
/// parser's error is better.
pub(super) fn check(text: &str) -> Result<(), String> {
    check_depth(text)?;
    let values = Cell::new(0);
    let _ = Count(&values).deserialize(serde_yaml::Deserializer::from_str(text));
    if values.get() > MAX_VALUES {
        return Err(format!("more than {MAX_VALUES} keys and values, with every alias expanded"));
    }
    Ok(())
}

/// Refuses brackets and braces that nest too deeply. Comments and quoted text count too: a hundred brackets have no use
/// there either.
fn check_depth(text: &str) -> Result<(), String> {
    let mut depth = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} brackets or braces are open at a time"));
        }
    }
    Ok(())
}

/// Counts the values of a document without storing them, and stops at [`MAX_VALUES`].
#[derive(Clone, Copy)]
struct Count<'a>(&'a Cell<usize>);

impl Count<'_> {
    fn one<E: serde::de::Error>(self) -> Result<(), E> {
        self.0.set(self.0.get() + 1);
        if self.0.get() > MAX_VALUES { Err(E::custom("too many values")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Count<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.one()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Count<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i128<E>(self, _: i128) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u128<E>(self, _: u128) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while values.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while entries.next_key_seed(self)?.is_some() {
            entries.next_value_seed(self)?;
        }
        Ok(())
    }

    /// A value with a tag, `!tag value`.
    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<(), A::Error> {
        let ((), value) = tagged.variant_seed(self)?;
        value.newtype_variant_seed(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn bomb(levels: usize, leaf: &str) -> String {
        (0..levels).fold(format!("a0: &a0 {leaf}\n"), |text, level| {
            let aliases = vec![format!("*a{level}"); 9].join(", ");
            format!("{text}a{}: &a{} [{aliases}]\n", level + 1, level + 1)
        })
    }

    /// Found by fuzzing: 4,810 bytes of aliases became 45 MB of values before serde_yaml's own limit stopped them.
    #[test]
    fn aliases_that_expand_to_much_more_than_the_text_are_refused() {
        for leaf in ["[x]", "{a: b}", "!tag {a: b}", "!tag [x]", "{? [a, b] : c}"] {
            for levels in [5, 12] {
                let reason = check(&bomb(levels, leaf)).unwrap_err();
                assert!(reason.contains("more than 10000 keys and values"), "{leaf} {levels}: {reason}");
            }
        }
        check(&bomb(3, "[x]")).unwrap();
    }

    #[test]
    fn a_text_that_is_not_yaml_is_left_to_the_parser() {
        for text in ["a: [", "a: &a [*a]", "\"\\x", "a: *b", "", "---\n---\n", "%YAML 9.9\n---\n"] {
            check(text).unwrap();
        }
    }
}
