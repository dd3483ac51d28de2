//! Where compiled engines are kept. An engine is good for one graph, one ONNX Runtime, one TensorRT, one GPU and one set
//! of options; ONNX Runtime does not check that, and would run a stale one. So the folder is named by the digest of all
//! of these, and a change of any finds an empty folder. Timings of kernels serve every graph, and have a key of less.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kiln_files::digest::{sha256_file, sha256_hex};
use serde::Serialize;

use super::{Provider, ProviderOptions, gpu};
use crate::error::{Error, Result};
use crate::library::{Runtime, engines_dir};
use crate::session::SessionOptions;

/// All that an engine depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EngineIdentity {
    /// Provider, by the name that users type.
    pub provider: String,
    /// SHA-256 of the graph, with its weights.
    pub model_sha256: String,
    /// Version of ONNX Runtime.
    pub onnxruntime: String,
    /// Version of TensorRT, where it is known.
    pub tensorrt: Option<String>,
    /// Names of the GPUs, in order.
    pub gpus: Vec<String>,
    /// Version line of the GPU's driver.
    pub driver: Option<String>,
    /// Options that the engine is built with, and the batches that it takes.
    pub options: BTreeMap<String, String>,
}

impl EngineIdentity {
    /// SHA-256 over all of it: the name of the folder.
    #[must_use]
    pub fn key(&self) -> String {
        digest(self)
    }

    /// SHA-256 over what the timing of a kernel depends on.
    fn timing_key(&self) -> String {
        digest(&(&self.provider, &self.onnxruntime, &self.tensorrt, &self.gpus, &self.driver))
    }
}

fn digest(value: &impl Serialize) -> String {
    sha256_hex(serde_json::to_string(value).unwrap_or_default().as_bytes())
}

/// The kept engines of one graph on one machine.
#[derive(Debug, Clone)]
pub struct Engines {
    folder: PathBuf,
    timing: PathBuf,
    since: SystemTime,
}

impl Engines {
    /// Makes the folders of an identity under `root`, and writes beside the engines what they are for.
    ///
    /// # Errors
    /// [`Error::Write`] if the cache folder cannot be written.
    pub fn open(root: &Path, identity: &EngineIdentity) -> Result<Self> {
        let place = |folder: &str, key: String| root.join(folder).join(&identity.provider).join(&key[..32]);
        let (folder, timing) = (place("engines", identity.key()), place("timings", identity.timing_key()));
        for folder in [&folder, &timing] {
            fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.clone(), source })?;
        }
        let note = folder.join("identity.json");
        let text = serde_json::to_vec_pretty(identity).unwrap_or_default();
        fs::write(&note, text).map_err(|source| Error::Write { path: note, source })?;
        Ok(Self { folder, timing, since: SystemTime::now() })
    }

    /// The folder of engines.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of timings.
    #[must_use]
    pub fn timing_folder(&self) -> &Path {
        &self.timing
    }

    /// Where the EP-context model of the graph is, once it is written.
    #[must_use]
    pub fn context(&self) -> PathBuf {
        self.folder.join("context").join("model.onnx")
    }

    /// Engine files that were written since these were opened: whatever the provider left beside `identity.json`.
    #[must_use]
    pub fn built(&self) -> usize {
        files(&self.folder).into_iter().filter(|changed| *changed > self.since).count()
    }
}

/// Times of change of the engine files in a folder and those below it.
fn files(folder: &Path) -> Vec<SystemTime> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().fold(Vec::new(), |mut found, entry| {
        let path = entry.path();
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => found.extend(files(&path)),
            Ok(metadata) if entry.file_name() != "identity.json" => found.extend(metadata.modified()),
            _ => {}
        }
        found
    })
}

/// The folder of kept engines for a graph; none where the provider keeps nothing.
pub(crate) fn engines(
    runtime: &Runtime,
    model: &ModelBytes<'_>,
    provider: &Provider,
    options: &SessionOptions,
) -> Result<Option<Engines>> {
    if !super::registration::keeps_engines(provider) {
        return Ok(None);
    }
    let root = match provider.options() {
        ProviderOptions::TensorRt(options) => options.cache_dir.clone(),
        _ => None,
    };
    let root = root.map_or_else(engines_dir, Ok)?;
    let on_gpu = matches!(provider.options(), ProviderOptions::TensorRt(_));
    let mut told: BTreeMap<String, String> =
        provider.settings().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    if let Some(profile) = &options.profile_shapes {
        told.insert("profile".to_owned(), format!("{profile:?}"));
    }
    if let Some(threads) = options.threads.filter(|_| !on_gpu) {
        told.insert("threads".to_owned(), threads.to_string());
    }
    let identity = EngineIdentity {
        provider: provider.name(),
        model_sha256: model.sha256()?,
        onnxruntime: runtime.version().to_owned(),
        tensorrt: if on_gpu { tensorrt_version() } else { None },
        gpus: gpu::nvidia_gpus(),
        driver: gpu::nvidia_driver(),
        options: told,
    };
    Engines::open(&root, &identity).map(Some)
}

/// A graph as it is loaded.
pub(crate) enum ModelBytes<'a> {
    /// A file; its weights may lie in files beside it whose names begin with its own.
    File(&'a Path),
    /// The bytes themselves.
    Bytes(&'a [u8]),
}

impl ModelBytes<'_> {
    /// SHA-256 over the graph and its weights.
    fn sha256(&self) -> Result<String> {
        let path = match self {
            Self::Bytes(bytes) => return Ok(sha256_hex(bytes)),
            Self::File(path) => *path,
        };
        let read = |source| Error::Read { path: path.to_owned(), source };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let entries = fs::read_dir(folder).map_err(read)?.flatten();
        let beside = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&name));
        let mut files: Vec<_> = beside.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        files.sort();
        let digests = files.iter().map(|file| sha256_file(file)).collect::<std::io::Result<Vec<_>>>();
        Ok(sha256_hex(digests.map_err(read)?.concat().as_bytes()))
    }
}

/// The version of the TensorRT that ONNX Runtime's provider is linked to; none if the loader does not find it.
fn tensorrt_version() -> Option<String> {
    // SAFETY: loading runs the library's initialisers, as ONNX Runtime is about to do itself.
    let library = unsafe { libloading::Library::new("libnvinfer.so.10") }.ok()?;
    // SAFETY: TensorRT 10 exports this function with this signature (NvInferRuntime.h).
    let version = unsafe { library.get::<unsafe extern "C" fn() -> i32>(b"getInferLibVersion") }.ok()?;
    // SAFETY: it takes nothing and gives a number: 10000 times the major version, 100 times the minor, the patch.
    let number = unsafe { version() };
    std::mem::forget(library);
    Some(format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn identity() -> EngineIdentity {
        EngineIdentity {
            provider: "tensorrt".to_owned(),
            model_sha256: "00".repeat(32),
            onnxruntime: "1.31.1".to_owned(),
            tensorrt: Some("10.13.3".to_owned()),
            gpus: vec!["NVIDIA L4".to_owned()],
            driver: Some("NVRM version: 580".to_owned()),
            options: [("trt_fp16_enable".to_owned(), "1".to_owned())].into(),
        }
    }

    #[test]
    fn whatever_an_engine_depends_on_changes_its_folder() {
        let changes: [fn(&mut EngineIdentity); 6] = [
            |i| i.model_sha256 = "11".repeat(32),
            |i| i.onnxruntime = "1.31.0".to_owned(),
            |i| i.tensorrt = None,
            |i| i.gpus[0] = "NVIDIA H100".to_owned(),
            |i| i.driver = None,
            |i| drop(i.options.insert("profile".to_owned(), "1..8".to_owned())),
        ];
        for change in changes {
            let mut other = identity();
            change(&mut other);
            assert_ne!(other.key(), identity().key(), "{other:?}");
        }
        assert_eq!(identity().key(), identity().key());
    }

    #[test]
    fn timings_serve_every_model_on_one_gpu() {
        let folder = tempfile::tempdir().unwrap();
        let other = EngineIdentity { model_sha256: "11".repeat(32), ..identity() };
        let (one, two) =
            (Engines::open(folder.path(), &identity()).unwrap(), Engines::open(folder.path(), &other).unwrap());
        assert_ne!(one.folder(), two.folder());
        assert_eq!(one.timing_folder(), two.timing_folder());
    }

    #[test]
    fn an_engine_that_appears_counts_as_built_and_one_that_was_there_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let engines = Engines::open(folder.path(), &identity()).unwrap();
        assert_eq!(engines.built(), 0);
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(engines.folder().join("a.engine"), "x").unwrap();
        assert_eq!(engines.built(), 1);
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_eq!(Engines::open(folder.path(), &identity()).unwrap().built(), 0);
    }

    #[test]
    fn weights_beside_a_graph_are_part_of_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model.onnx");
        fs::write(&model, "graph").unwrap();
        fs::write(folder.path().join("model.onnx.data"), "weights").unwrap();
        let before = ModelBytes::File(&model).sha256().unwrap();
        fs::write(folder.path().join("model.onnx.data"), "other weights").unwrap();
        assert_ne!(ModelBytes::File(&model).sha256().unwrap(), before);
    }
}
