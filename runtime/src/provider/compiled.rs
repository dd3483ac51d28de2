//! Compiled graphs that a provider keeps between sessions: TensorRT's engines, OpenVINO's blobs. One is valid for one graph,
//! one ONNX Runtime, one TensorRT, one GPU and one set of options. ONNX Runtime does not check that and would run a stale
//! one, so the folder is named by a digest of all of them: a change of any finds an empty folder. Timings of kernels
//! serve every graph, and their key leaves the graph and the options out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kiln_files::digest::sha256_hex;
use serde::Serialize;

use crate::error::{Error, Result};

/// The compiled graphs that a provider keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keeping {
    /// The user's folder for them; Kiln's cache folder if there is none.
    pub(crate) root: Option<PathBuf>,
    /// Version of TensorRT, if the provider compiles with it.
    pub(crate) tensorrt: Option<String>,
    /// The number of threads is compiled in.
    pub(crate) depends_on_threads: bool,
}

/// Everything that a compiled graph depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CompiledIdentity {
    /// Provider, by the name that users type.
    pub(crate) provider: String,
    /// SHA-256 of the graph, with its weights.
    pub(crate) model_sha256: String,
    /// Version of ONNX Runtime.
    pub(crate) onnxruntime: String,
    /// Version of TensorRT, if it is known.
    pub(crate) tensorrt: Option<String>,
    /// Names of the GPUs, in order.
    pub(crate) gpus: Vec<String>,
    /// Version line of the GPU's driver.
    pub(crate) driver: Option<String>,
    /// Options of the compilation, and the batches of the compiled graph.
    pub(crate) options: BTreeMap<String, String>,
}

impl CompiledIdentity {
    /// SHA-256 over all fields: the name of the folder.
    fn key(&self) -> String {
        digest(self)
    }

    /// SHA-256 over the fields that the timing of a kernel depends on.
    fn timing_key(&self) -> String {
        digest(&(&self.provider, &self.onnxruntime, &self.tensorrt, &self.gpus, &self.driver))
    }
}

fn digest(value: &impl Serialize) -> String {
    sha256_hex(serde_json::to_string(value).unwrap_or_default().as_bytes())
}

/// The folder of one graph's compiled forms on one machine.
#[derive(Debug, Clone)]
pub(crate) struct CompiledGraphs {
    folder: PathBuf,
    timing: PathBuf,
    since: SystemTime,
}

impl CompiledGraphs {
    /// Makes the folders of an identity under `root`, and writes the identity beside the compiled graphs.
    ///
    /// # Errors
    /// [`Error::Write`] if the cache folder cannot be written.
    pub(crate) fn open(root: &Path, identity: &CompiledIdentity) -> Result<Self> {
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

    /// The folder of compiled graphs.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of timings.
    pub(crate) fn timing_folder(&self) -> &Path {
        &self.timing
    }

    /// The path of the graph's EP-context model, which need not exist yet.
    pub(crate) fn context(&self) -> PathBuf {
        self.folder.join("context").join("model.onnx")
    }

    /// Files that the provider has written since the folder was opened; `identity.json` does not count.
    pub(crate) fn built(&self) -> usize {
        files(&self.folder).into_iter().filter(|changed| *changed > self.since).count()
    }
}

/// Times of change of the compiled files in a folder and in its subfolders.
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn identity() -> CompiledIdentity {
        CompiledIdentity {
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
        let changes: [fn(&mut CompiledIdentity); 6] = [
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
        let other = CompiledIdentity { model_sha256: "11".repeat(32), ..identity() };
        let (one, two) = (
            CompiledGraphs::open(folder.path(), &identity()).unwrap(),
            CompiledGraphs::open(folder.path(), &other).unwrap(),
        );
        assert_ne!(one.folder(), two.folder());
        assert_eq!(one.timing_folder(), two.timing_folder());
    }

    #[test]
    fn an_engine_that_appears_counts_as_built_and_one_that_was_there_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let compiled = CompiledGraphs::open(folder.path(), &identity()).unwrap();
        assert_eq!(compiled.built(), 0);
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(compiled.folder().join("a.engine"), "x").unwrap();
        assert_eq!(compiled.built(), 1);
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_eq!(CompiledGraphs::open(folder.path(), &identity()).unwrap().built(), 0);
    }
}
