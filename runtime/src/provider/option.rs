//! Options of providers. A typed table is declared once, with [`provider_options!`]: the struct, its defaults, the keys
//! that it sets in ONNX Runtime and the rows that documentation shows all come from the same lines.

use std::fmt::Display;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};

/// One option of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OptionDoc {
    /// Key that users write.
    pub name: &'static str,
    /// Default as a Rust expression; see [`OptionDoc::default_value`].
    pub default: &'static str,
    /// Unit, or the accepted values.
    pub unit: &'static str,
    /// The option of ONNX Runtime that it sets; `Kiln` for options that Kiln itself acts on.
    pub sets: &'static str,
    /// Effect of the option.
    pub doc: &'static str,
}

impl OptionDoc {
    /// The default in the form that users write; `unset` if ONNX Runtime's own holds.
    #[must_use]
    pub fn default_value(&self) -> String {
        let word = self.default.rsplit("::").next().unwrap_or(self.default);
        let word = word.trim_end_matches(".to_owned()").trim_matches('"');
        match word {
            "None" => "unset".to_owned(),
            // Users write a variant of Rust in lower case: `NextPowerOfTwo` is next_power_of_two.
            word if word != self.default && self.default.contains("::") => snake(word),
            word => word.to_owned(),
        }
    }
}

fn snake(word: &str) -> String {
    word.char_indices().fold(String::new(), |mut text, (at, letter)| {
        if letter.is_uppercase() && at > 0 {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
        text
    })
}

/// A typed table of options.
pub(crate) trait OptionTable: Settings + Default + DeserializeOwned {
    /// One row an option, in the order of declaration.
    const TABLE: &'static [OptionDoc];
}

/// Options that ONNX Runtime reads as text.
pub(crate) trait Settings {
    /// Keys and values for ONNX Runtime.
    fn settings(&self) -> Vec<(&str, String)>;
}

/// A value that ONNX Runtime reads as text; `None` leaves its own default.
pub(crate) trait Setting {
    fn setting(&self) -> Option<String>;
}

impl Setting for bool {
    fn setting(&self) -> Option<String> {
        Some(if *self { "1" } else { "0" }.to_owned())
    }
}

/// Values whose `Display` ONNX Runtime reads.
macro_rules! displayed {
    ($($type:ty),*) => {
        $(impl Setting for $type {
            fn setting(&self) -> Option<String> {
                Some(self.to_string())
            }
        })*
    };
}

displayed!(i8, u8, u32, u64, usize, String);

impl Setting for PathBuf {
    fn setting(&self) -> Option<String> {
        Some(self.display().to_string())
    }
}

impl<T: Setting> Setting for Option<T> {
    fn setting(&self) -> Option<String> {
        self.as_ref().and_then(Setting::setting)
    }
}

/// Marks rows that set no option of ONNX Runtime.
pub(crate) const BY_KILN: &str = "Kiln";

/// Declares a struct of options from rows of `field: type = default, "unit", sets "key";`, each with its documentation,
/// and implements [`OptionTable`] and [`Settings`] for it.
macro_rules! provider_options {
    (
        $(#[$meta:meta])* $name:ident {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr, $unit:literal, sets $key:expr;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct $name {
            $($(#[doc = $doc])+ pub(crate) $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $crate::provider::option::OptionTable for $name {
            const TABLE: &'static [$crate::provider::OptionDoc] = &[$($crate::provider::OptionDoc {
                name: stringify!($field),
                default: stringify!($default),
                unit: $unit,
                sets: $key,
                doc: concat!($($doc),+),
            },)*];
        }

        impl $crate::provider::option::Settings for $name {
            fn settings(&self) -> Vec<(&str, String)> {
                use $crate::provider::option::Setting as _;
                let all = [$(($key, self.$field.setting()),)*];
                let passed = all.into_iter().filter(|(key, _)| *key != $crate::provider::option::BY_KILN);
                passed.filter_map(|(key, value)| Some((key, value?))).collect()
            }
        }
    };
}

/// Declares an enum of words: the user's word, then ONNX Runtime's.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])+ $word:ident = $written:literal, $read:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub(crate) enum $name {
            $($(#[doc = $doc])+ #[serde(rename = $written)] $word,)*
        }

        impl $crate::provider::option::Setting for $name {
            fn setting(&self) -> Option<String> {
                Some(match self { $(Self::$word => $read,)* }.to_owned())
            }
        }
    };
}

pub(crate) use {provider_options, words};

/// Reads the types of the options that a user wrote.
pub(crate) fn read<T: OptionTable>(written: &Mapping) -> Result<T, String> {
    let known: Vec<_> = T::TABLE.iter().map(|row| row.name).collect();
    known_keys(written, &known)?;
    serde_yaml::from_value(Value::Mapping(written.clone())).map_err(|error| {
        // serde names the field only for some errors: the field that fails alone is the wrong one.
        let wrong = written.iter().find(|(key, value)| {
            let alone = Mapping::from_iter([((*key).clone(), (*value).clone())]);
            serde_yaml::from_value::<T>(Value::Mapping(alone)).is_err()
        });
        match wrong {
            Some((key, value)) => {
                let (key, unit) = (text(key), unit::<T>(&text(key)));
                format!("`{key}` is `{}`: {error}; it takes {unit}", text(value))
            }
            None => error.to_string(),
        }
    })
}

fn unit<T: OptionTable>(key: &str) -> &'static str {
    T::TABLE.iter().find(|row| row.name == key).map_or("another value", |row| row.unit)
}

/// Refuses an unknown key, and names the nearest known one.
pub(crate) fn known_keys(written: &Mapping, known: &[&str]) -> Result<(), String> {
    let unknown = written.keys().map(text).find(|key| !known.contains(&key.as_str()));
    let Some(unknown) = unknown else { return Ok(()) };
    let nearest = known.iter().min_by_key(|name| strsim::damerau_levenshtein(&unknown, name));
    Err(match nearest {
        Some(nearest) => format!("there is no option `{unknown}`; did you mean `{nearest}`? {}", listed(known)),
        None => format!("there is no option `{unknown}`; this provider takes none"),
    })
}

fn listed(known: &[&str]) -> String {
    format!("Known are: {}", known.join(", "))
}

/// The text of a scalar.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => shown(value),
        Value::Number(value) => shown(value),
        other => serde_yaml::to_string(other).unwrap_or_default().trim().to_owned(),
    }
}

fn shown(value: &impl Display) -> String {
    value.to_string()
}
