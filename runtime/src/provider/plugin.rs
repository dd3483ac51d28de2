//! `plugin`: a provider in a library of its own, which the user names.

use std::sync::Arc;

use ort::ep::ExecutionProviderDispatch;
use serde_yaml::{Mapping, Value};

use super::configured::{ConfiguredProvider, SessionSetup};
use super::family::ProviderFamily;
use super::option::{Settings, known_keys};
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
