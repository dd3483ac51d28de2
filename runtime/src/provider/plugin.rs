//! Providers in libraries of their own, which ONNX Runtime loads when told to and asks for their devices. A library
//! without devices is refused: a session made with none runs on the CPU and says nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use ort::session::builder::SessionBuilder;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::library::Runtime;

/// Options of `plugin`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginOptions {
    /// The provider's name, as its library calls it: `OpenVINOExecutionProvider`.
    pub name: String,
    /// The library.
    pub library: PathBuf,
    /// What the provider is told, key by key; it decides which it takes.
    pub options: BTreeMap<String, String>,
}

impl PluginOptions {
    /// Keys, as users write them.
    pub(super) const KEYS: [&'static str; 3] = ["name", "library", "options"];

    pub(super) fn check(&self) -> std::result::Result<(), String> {
        match (self.name.is_empty(), self.library.as_os_str().is_empty()) {
            (false, false) => Ok(()),
            _ => Err("`plugin` needs `name`, such as OpenVINOExecutionProvider, and `library`, its file".to_owned()),
        }
    }
}

/// Libraries that this process has registered already.
static REGISTERED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Loads the library if it is not, and gives the session the provider's devices.
pub(crate) fn register(runtime: &Runtime, builder: SessionBuilder, plugin: &PluginOptions) -> Result<SessionBuilder> {
    let refused = |reason: String| Error::Plugin { library: plugin.library.clone(), name: plugin.name.clone(), reason };
    load(runtime, plugin)?;
    let environment = runtime.environment();
    let of_it = |device: &ort::device::Device<'_>| device.ep().is_ok_and(|name| name == plugin.name);
    let devices: Vec<_> = environment.devices().filter(of_it).collect();
    if devices.is_empty() {
        let names: std::collections::BTreeSet<_> =
            environment.devices().filter_map(|device| device.ep().ok().map(str::to_owned)).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        return Err(refused(format!("it has no device on this machine; devices are there for: {names}")));
    }
    // Keys carry the provider's name: a session may have devices of several.
    let told: Vec<_> =
        plugin.options.iter().map(|(key, value)| (format!("{}.{key}", plugin.name), value.clone())).collect();
    builder.with_devices(devices, Some(&told)).map_err(|error| refused(crate::chain(&ort::Error::<()>::from(error))))
}

fn load(runtime: &Runtime, plugin: &PluginOptions) -> Result<()> {
    let mut registered = REGISTERED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if registered.contains(&plugin.library) {
        return Ok(());
    }
    let refused = |reason: String| Error::Plugin { library: plugin.library.clone(), name: plugin.name.clone(), reason };
    let path = plugin.library.canonicalize().map_err(|error| refused(error.to_string()))?;
    crate::library::check_elf(&path).map_err(refused)?;
    let result = runtime.environment().register_ep_library(&plugin.name, &path);
    result.map_err(|error| refused(crate::chain(&error)))?;
    registered.push(plugin.library.clone());
    Ok(())
}
