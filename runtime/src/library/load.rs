//! Loading a library: one a process, checked before it is mapped, with its telemetry off.

use std::collections::BTreeSet;
use std::env;
use std::error::Error as _;
use std::ffi::CStr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use kiln_files::shared_library;
use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::sys::OrtApiBase;
use tracing::level_filters::LevelFilter;

use super::built::built_with;
use super::file::Library;
use crate::error::{Error, Result, chain};
use crate::provider::{ProviderKind, user_name};

/// The variable that ONNX Runtime reads when it is loaded (1.31: `ORT_DISABLE_TELEMETRY`, "1" is off). Its interface has a
/// call for the same, which comes too late: by then a device id is written and an event database is open.
const TELEMETRY_OFF: (&str, &str) = ("ORT_DISABLE_TELEMETRY", "1");

static LOADED: Mutex<Option<&'static Runtime>> = Mutex::new(None);

/// The ONNX Runtime of this process.
pub struct Runtime {
    library: Library,
    version: String,
    providers: Vec<String>,
    environment: Environment,
    checked: Mutex<BTreeSet<ProviderKind>>,
}

impl Runtime {
    /// The library in use.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// ONNX Runtime's own version, such as `1.31.1`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The providers that the library was built with, by the names that users type, in ONNX Runtime's order of preference.
    /// They need not run on this machine: see [`crate::session::probe()`].
    #[must_use]
    pub fn providers(&self) -> &[String] {
        &self.providers
    }

    /// ONNX Runtime's environment, for programs that use `ort` beside Kiln: a process has one.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// True if the library was built with the provider.
    pub(crate) fn has(&self, provider: ProviderKind) -> bool {
        self.providers.iter().any(|name| name == provider.name())
    }

    /// Refuses a provider that the library does not have, or whose own libraries differ from the installed ones. Digests
    /// are computed once a process.
    pub(crate) fn check_provider(&self, provider: ProviderKind) -> Result<()> {
        if !self.has(provider) {
            return Err(Error::ProviderNotBuilt {
                provider: provider.name(),
                library: self.library.path.clone(),
                version: self.version.clone(),
                built: self.providers.clone(),
                wheel: provider.wheel(),
            });
        }
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if !checked.contains(&provider) {
            self.library.check_provider(provider.name())?;
            checked.insert(provider);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("Runtime");
        text.field("library", &self.library).field("version", &self.version).finish_non_exhaustive()
    }
}

/// Switches ONNX Runtime's telemetry off for this process and its children, by the environment. [`load`] does the same
/// just before it loads a library; a program with threads of other languages calls this first thing in `main`.
///
/// # Safety
/// No other thread may read or write the environment at the same time, except through `std::env`.
pub unsafe fn disable_telemetry() {
    let (name, value) = TELEMETRY_OFF;
    if env::var_os(name).is_none_or(|found| found != value) {
        // SAFETY: passed on to the caller.
        unsafe { env::set_var(name, value) };
    }
}

/// Loads a library, or returns the one that this process has loaded already. ONNX Runtime's telemetry is off: the first call
/// sets `ORT_DISABLE_TELEMETRY=1` unless it has that value. A program in which code of other languages reads the environment
/// in other threads sets it before they start: see [`disable_telemetry`].
///
/// # Errors
/// [`Error::DamagedWheel`] if an installed file has changed, [`Error::Library`] with the loader's whole reason,
/// [`Error::AnotherLibrary`] if the process has loaded another one.
pub fn load(library: &Library) -> Result<&'static Runtime> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    match *loaded {
        Some(runtime) if runtime.library.path == library.path => Ok(runtime),
        Some(runtime) => {
            Err(Error::AnotherLibrary { loaded: runtime.library.path.clone(), asked: library.path.clone() })
        }
        None => {
            library.check()?;
            let runtime: &'static Runtime = Box::leak(Box::new(start(library)?));
            *loaded = Some(runtime);
            Ok(runtime)
        }
    }
}

fn start(library: &Library) -> Result<Runtime> {
    let unusable = |reason| Error::Library { path: library.path.clone(), reason };
    // SAFETY: Rust code reads the environment through `std::env`, which is locked against this. Code of other languages
    // that reads it in another thread at this moment is excluded by what `load` documents; a program that has such code
    // sets the variable first, and then nothing is written here. The lock on `LOADED` keeps a second `load` out.
    unsafe { disable_telemetry() };
    let version = open(&library.path).map_err(unusable)?;
    let builder = ort::init_from(&library.path).map_err(|error| unusable(chain(&error)))?;
    let environment = builder.with_telemetry(false).build();
    let environment = environment.map_err(|source| Error::Runtime { action: "starting", source })?;
    environment.set_log_level(log_level());
    Ok(Runtime {
        library: library.clone(),
        version,
        providers: built_with()?.iter().map(|name| user_name(name)).collect(),
        environment,
        checked: Mutex::default(),
    })
}

/// Maps the library and asks for its version. It stays mapped for the rest of the process, where ort finds it again:
/// opened here first, the loader's whole reason is available, and a library that is not an ONNX Runtime fails no
/// assertion of ort.
fn open(path: &Path) -> std::result::Result<String, String> {
    // SAFETY: loading runs the library's initialisers; the user chose it, or its digest is the pinned one.
    let library = unsafe { libloading::Library::new(path) }
        .map_err(|error| error.source().map_or_else(|| error.to_string(), ToString::to_string))
        .map_err(|message| shared_library::loader_reason(&message))?;
    let version = {
        // SAFETY: every ONNX Runtime exports this function with this signature.
        let base: libloading::Symbol<'_, unsafe extern "C" fn() -> *const OrtApiBase> =
            unsafe { library.get(b"OrtGetApiBase") }
                .map_err(|_| "it is not an ONNX Runtime: it does not export OrtGetApiBase".to_owned())?;
        // SAFETY: the function takes nothing and returns a pointer to a static, or null.
        let base = unsafe { base().as_ref() }.ok_or("OrtGetApiBase returned null")?;
        // SAFETY: the version is a NUL-terminated static string.
        unsafe { CStr::from_ptr((base.GetVersionString)()) }.to_string_lossy().into_owned()
    };
    std::mem::forget(library);
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    if minor.is_none_or(|minor| minor < ort::MINOR_VERSION) {
        return Err(format!("it is ONNX Runtime {version}; Kiln needs 1.{} or newer", ort::MINOR_VERSION));
    }
    Ok(version)
}

/// The level of the program's own log: ONNX Runtime formats each message before it is filtered.
fn log_level() -> LogLevel {
    match LevelFilter::current() {
        LevelFilter::TRACE => LogLevel::Verbose,
        LevelFilter::DEBUG | LevelFilter::INFO => LogLevel::Info,
        LevelFilter::WARN => LogLevel::Warning,
        LevelFilter::ERROR => LogLevel::Error,
        _ => LogLevel::Fatal,
    }
}
