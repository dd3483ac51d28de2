//! Providers as a user wrote them: names, YAML, and single options of the command line. The options are not read here.

use std::path::Path;

use serde_yaml::{Mapping, Value};

use super::option::text;
use super::table::ProviderKind;
use crate::error::{Error, Result};

/// Providers as a user wrote them: kinds, with options by name.
pub(super) type Written = Vec<(ProviderKind, Mapping)>;

/// A list: `tensorrt,cuda`, or `@FILE` for a YAML list. Each of `settings` is `PROVIDER.OPTION=VALUE`, and wins over the
/// file.
pub(super) fn from_arguments(text: &str, settings: &[String]) -> Result<Written> {
    let mut written = match text.strip_prefix('@') {
        Some(file) => from_file(Path::new(file))?,
        None => from_names(text)?,
    };
    for setting in settings {
        set(&mut written, setting)?;
    }
    Ok(written)
}

fn from_names(list: &str) -> Result<Written> {
    if list.trim().is_empty() {
        return Err(Error::ProviderList { list: list.to_owned(), reason: "is empty" });
    }
    list.split(',').map(|name| Ok((name.parse()?, Mapping::new()))).collect()
}

fn from_file(file: &Path) -> Result<Written> {
    let yaml = std::fs::read_to_string(file).map_err(|source| Error::Read { path: file.to_owned(), source })?;
    from_yaml(&yaml).map_err(|reason| Error::ProviderFile { path: file.to_owned(), reason })
}

/// A YAML list: a provider's name, or its name with a mapping of options.
pub(super) fn from_yaml(yaml: &str) -> std::result::Result<Written, String> {
    let list: Vec<Value> = serde_yaml::from_str(yaml)
        .map_err(|error| format!("it is not a YAML list of providers such as `- cuda: {{device_id: 0}}`: {error}"))?;
    list.into_iter().map(entry).collect()
}

fn entry(value: Value) -> std::result::Result<(ProviderKind, Mapping), String> {
    let kind = |name: &Value| text(name).parse::<ProviderKind>().map_err(|error| error.to_string());
    match value {
        Value::Mapping(mapping) if mapping.len() == 1 => {
            let (name, options) = mapping.into_iter().next().unwrap_or_default();
            let kind = kind(&name)?;
            match options {
                Value::Null => Ok((kind, Mapping::new())),
                Value::Mapping(options) => Ok((kind, options)),
                other => Err(format!("`{kind}` has `{}` where a mapping of options is expected", text(&other))),
            }
        }
        name @ Value::String(_) => Ok((kind(&name)?, Mapping::new())),
        other => Err(format!("`{}` is neither a provider nor a provider with its options", text(&other))),
    }
}

/// Adds `PROVIDER.OPTION=VALUE`, or `PROVIDER.NESTED.KEY=VALUE` for a provider with a key that nests others.
fn set(written: &mut Written, setting: &str) -> Result<()> {
    let wrong = |reason: String| Error::ProviderSetting { setting: setting.to_owned(), reason };
    let form = || wrong("write PROVIDER.OPTION=VALUE, such as cuda.device_id=1".to_owned());
    let (name, value) = setting.split_once('=').ok_or_else(form)?;
    let (provider, key) = name.split_once('.').ok_or_else(form)?;
    let kind: ProviderKind = provider.parse()?;
    let Some((_, options)) = written.iter_mut().find(|(listed, _)| *listed == kind) else {
        return Err(wrong(format!("`{kind}` is not among the providers asked for")));
    };
    let value: Value = serde_yaml::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    let nested =
        kind.family().nested_key().and_then(|outer| Some((outer, key.strip_prefix(outer)?.strip_prefix('.')?)));
    match nested {
        Some((outer, key)) => {
            let inner = options.entry(outer.into()).or_insert_with(|| Value::Mapping(Mapping::new()));
            if let Value::Mapping(inner) = inner {
                inner.insert(key.into(), Value::String(text(&value)));
            }
        }
        None => drop(options.insert(key.into(), value)),
    }
    Ok(())
}
