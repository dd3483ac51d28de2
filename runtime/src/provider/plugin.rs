//! `plugin`: a provider in a library of its own, which the user names; and the options of providers that exist as installed
//! plugins alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use ort::ep::ExecutionProviderDispatch;
use serde_yaml::{Mapping, Value};

use super::configured::{ConfiguredProvider, SessionSetup};
use super::family::ProviderFamily;
use super::option::{Settings, known_keys, text};
use super::plugin_library::PluginLibrary;

/// The family of providers in libraries of their own.
pub(crate) struct Plugin;

/// Keys that users write.
const KEYS: [&str; 3] = ["name", "library", "options"];

impl ProviderFamily for Plugin {
    fn nested_key(&self) -> Option<&'static str> {
        Some("options")
    }

    fn configure(&self, written: &Mapping) -> Result<Arc<dyn ConfiguredProvider>, String> {
        known_keys(written, &KEYS)?;
        let library: PluginLibrary =
            serde_yaml::from_value(Value::Mapping(written.clone())).map_err(|error| error.to_string())?;
        library.check()?;
        Ok(Arc::new(library))
    }

    fn defaults(&self) -> Arc<dyn ConfiguredProvider> {
        Arc::new(PluginLibrary::default())
    }
}

impl Settings for PluginLibrary {
    fn settings(&self) -> Vec<(&str, String)> {
        self.options.iter().map(|(key, value)| (key.as_str(), value.clone())).collect()
    }
}

impl ConfiguredProvider for PluginLibrary {
    fn check(&self) -> Result<(), String> {
        match (self.name.is_empty(), self.library.as_os_str().is_empty()) {
            (false, false) => Ok(()),
            _ => Err("`plugin` needs `name`, such as OpenVINOExecutionProvider, and `library`, its file".to_owned()),
        }
    }

    fn registration(&self, _setup: &SessionSetup<'_>) -> Option<ExecutionProviderDispatch> {
        None
    }

    fn own_library(&self) -> Option<&PluginLibrary> {
        Some(self)
    }
}

/// The family of a provider that an installed plugin brings and no library has built in. Values are checked by the plugin.
pub(crate) struct InstalledPlugin {
    keys: &'static [&'static str],
    /// Default options; the user's replace them.
    defaults: &'static [(&'static str, &'static str)],
}

/// OpenVINO as a plugin. The device is the one that ONNX Runtime found. By default OpenVINO computes in bf16 or fp16 on devices
/// that support it, which changes scores by several per cent, and the plugin ignores its option `precision` for this.
pub(crate) static OPENVINO: InstalledPlugin = InstalledPlugin {
    keys: &[
        "cache_dir",
        "load_config",
        "model_priority",
        "num_of_threads",
        "num_streams",
        "precision",
        "reshape_input",
    ],
    defaults: &[(
        "load_config",
        r#"{"CPU":{"EXECUTION_MODE_HINT":"ACCURACY"},"GPU":{"EXECUTION_MODE_HINT":"ACCURACY"},"NPU":{"EXECUTION_MODE_HINT":"ACCURACY"}}"#,
    )],
};

impl InstalledPlugin {
    fn with(&self, written: BTreeMap<String, String>) -> PluginOptions {
        let defaults = self.defaults.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        PluginOptions(defaults.chain(written).collect())
    }
}

/// The text of an option: a mapping or a list as JSON, which plugins read.
fn json(value: &Value) -> String {
    match value {
        Value::Mapping(_) | Value::Sequence(_) => serde_json::to_string(value).unwrap_or_else(|_| text(value)),
        _ => text(value),
    }
}

impl ProviderFamily for InstalledPlugin {
    fn passed_through(&self) -> &'static [&'static str] {
        self.keys
    }

    fn configure(&self, written: &Mapping) -> Result<Arc<dyn ConfiguredProvider>, String> {
        known_keys(written, self.keys)?;
        Ok(Arc::new(self.with(written.iter().map(|(key, value)| (text(key), json(value))).collect())))
    }

    fn defaults(&self) -> Arc<dyn ConfiguredProvider> {
        Arc::new(self.with(BTreeMap::new()))
    }
}

/// The options of an installed plugin.
#[derive(Debug)]
struct PluginOptions(BTreeMap<String, String>);

impl Settings for PluginOptions {
    fn settings(&self) -> Vec<(&str, String)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.clone())).collect()
    }
}

impl ConfiguredProvider for PluginOptions {
    fn registration(&self, _setup: &SessionSetup<'_>) -> Option<ExecutionProviderDispatch> {
        None
    }
}
