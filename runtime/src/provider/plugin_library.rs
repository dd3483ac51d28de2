//! Providers in libraries of their own, which ONNX Runtime loads on request and asks for their devices. A library without
//! devices is refused: a session made with none would run on the CPU without a warning.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use kiln_files::shared_library;
use ort::device::Device;
use ort::environment::Environment;
use ort::session::builder::SessionBuilder;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, chain};
use crate::library::{PluginWheel, PluginWheelError};

/// A provider's own library: the options of `plugin`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PluginLibrary {
    /// The provider's name in its library, such as `OpenVINOExecutionProvider`.
    pub(crate) name: String,
    /// The library.
    pub(crate) library: PathBuf,
    /// Options of the provider, which decides on their keys.
    pub(crate) options: BTreeMap<String, String>,
    /// The plugin wheel that the library is from, if it is from one.
    #[serde(skip)]
    wheel: Option<PluginWheel>,
}

/// Libraries that this process has registered already.
static REGISTERED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Adds the CPU by its device, if this process has registered a plugin. Without an explicit device `ort` lets ONNX Runtime choose
/// one, possibly a plugin's.
pub(crate) fn with_cpu(environment: &Environment, builder: SessionBuilder) -> Result<SessionBuilder> {
    if REGISTERED.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
        return Ok(builder);
    }
    let cpu = |device: &Device<'_>| device.ep().is_ok_and(|name| name == "CPUExecutionProvider");
    let devices: Vec<_> = environment.devices().filter(cpu).collect();
    let failed = |source| Error::Runtime { action: "adding the CPU to a session", source };
    builder.with_devices(devices, None).map_err(|error| failed(error.into()))
}

impl PluginLibrary {
    /// The installed plugin of a wheel, with options of its provider.
    ///
    /// # Errors
    /// [`Error::PluginWheel`] if it is not installed.
    pub(crate) fn from_wheel(wheel: PluginWheel, options: BTreeMap<String, String>) -> Result<Self> {
        let library = wheel.installed().ok_or(PluginWheelError::NotInstalled { wheel })?;
        Ok(Self { name: wheel.onnx_name().to_owned(), library, options, wheel: Some(wheel) })
    }

    /// Loads the library unless the process has it, and adds the provider's devices to a session.
    pub(crate) fn register(&self, environment: &Environment, builder: SessionBuilder) -> Result<SessionBuilder> {
        self.load(environment)?;
        let has_name = |device: &Device<'_>| device.ep().is_ok_and(|name| name == self.name);
        let devices: Vec<_> = environment.devices().filter(has_name).collect();
        if devices.is_empty() {
            let names: BTreeSet<_> =
                environment.devices().filter_map(|device| device.ep().ok().map(str::to_owned)).collect();
            let names = names.into_iter().collect::<Vec<_>>().join(", ");
            return Err(self.refused(format!("it has no device on this machine; the machine has devices for: {names}")));
        }
        // Keys carry the provider's name: a session may have devices of several.
        let options: Vec<_> =
            self.options.iter().map(|(key, value)| (format!("{}.{key}", self.name), value.clone())).collect();
        let added = builder.with_devices(devices, Some(&options));
        added.map_err(|error| self.refused(chain(&ort::Error::<()>::from(error))))
    }

    fn load(&self, environment: &Environment) -> Result<()> {
        let mut registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
        if registered.contains(&self.library) {
            return Ok(());
        }
        let path = self.library.canonicalize().map_err(|error| self.refused(error.to_string()))?;
        match self.wheel {
            Some(wheel) => self.prepare(wheel, &path)?,
            None => shared_library::check(&path).map_err(|reason| self.refused(reason))?,
        }
        let result = environment.register_ep_library(&self.name, &path);
        result.map_err(|error| self.refused(chain(&error)))?;
        registered.push(self.library.clone());
        Ok(())
    }

    /// Compares the files of a plugin wheel with their pins, and loads the libraries that the plugin needs: they stay loaded,
    /// and the loader finds them by their names.
    fn prepare(&self, wheel: PluginWheel, plugin: &Path) -> Result<()> {
        wheel.check()?;
        for path in wheel.preload(plugin) {
            let message =
                |error: libloading::Error| error.source().map_or_else(|| error.to_string(), ToString::to_string);
            // SAFETY: loading runs the library's initialisers; its digest is the pinned one.
            let library = unsafe { libloading::Library::new(&path) };
            std::mem::forget(library.map_err(|error| self.refused(shared_library::loader_reason(&message(error))))?);
        }
        Ok(())
    }

    fn refused(&self, reason: String) -> Error {
        Error::Plugin { library: self.library.clone(), name: self.name.clone(), reason }
    }
}
