//! Tiles, runs and bundles that the tests share. Made once for each build of the binary, under a lock, in the folder that
//! cargo keeps for tests; a later run of the tests with the same binary finds them there. Tests only read them.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use kiln_files::digest::sha256_hex;
use serde_json::Value;

use super::kiln;

/// Tiles of the fixture: 12 slides, so that each split has several.
pub const TILES: usize = 144;
/// Keys of every configuration of the fixture, chosen for speed rather than accuracy.
const COMMON: &str = "
data:
  size_policy: error
  normal_classes: [benign]
  split: {train: 0.7, val: 0.15, test: 0.15}
  augmentation: {rotation: true, flips: true, zoom: 0.0, colour_jitter: {brightness: 0.1, contrast: 0.1, saturation: 0.1, hue: 0.02}}
training:
  epochs: 2
  batch: 8
  learning_rate: 0.005
  schedule: {kind: constant}
  checkpoint_seconds: 1
bootstrap_resamples: 200
";

/// A model of the zoo in its smallest form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Cnn,
    Vae,
    Hybrid,
    /// The classifier again, from another seed: a run that another run's bundle must not be taken for.
    Other,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Cnn, Self::Vae, Self::Hybrid, Self::Other];
    pub const MODELS: [Self; 3] = [Self::Cnn, Self::Vae, Self::Hybrid];

    pub fn name(self) -> &'static str {
        match self {
            Self::Cnn => "cnn",
            Self::Vae => "vae",
            Self::Hybrid => "hybrid",
            Self::Other => "other",
        }
    }

    fn config(self) -> String {
        let cnn = "filters: [4, 8], head: pooled, dense: [8], dropout: 0.1";
        let model = match self {
            Self::Cnn | Self::Other => format!("{{kind: cnn, {cnn}}}"),
            Self::Vae => "{kind: vae, filters: [4, 8], stride: 8, latent: 8}".to_owned(),
            Self::Hybrid => format!("{{kind: hybrid, cnn: {{{cnn}}}, filters: [4, 8], latent: 8}}"),
        };
        let seed = if self == Self::Other { "  seed: 1\n" } else { "  seed: 42\n" };
        let common = COMMON.replace("training:\n", &format!("training:\n{seed}"));
        format!("name: tiny-{}\nmodel: {model}\n{common}", self.name())
    }
}

/// Data that the tests share.
pub struct Fixture {
    root: PathBuf,
}

impl Fixture {
    /// Generated tiles, half of them anomalous, with a `tiles.csv`.
    pub fn tiles(&self) -> PathBuf {
        self.root.join("tiles")
    }

    /// One of the tiles.
    pub fn tile(&self, number: usize) -> PathBuf {
        let label = ["benign", "anomalous"][number % 2];
        self.tiles().join(label).join(format!("slide-{:03}_tile-{number:05}.png", number / 12 + 1))
    }

    pub fn config(&self, kind: Kind) -> PathBuf {
        self.root.join(format!("{}.yaml", kind.name()))
    }

    pub fn run(&self, kind: Kind) -> PathBuf {
        self.root.join("runs").join(kind.name())
    }

    pub fn bundle(&self, kind: Kind) -> PathBuf {
        self.root.join("bundles").join(kind.name())
    }

    fn make(&self) {
        kiln!("data", "synth", "--out", self.tiles(), "--tiles", TILES.to_string()).code(0);
        for kind in Kind::ALL {
            fs::write(self.config(kind), kind.config()).unwrap();
            kiln!("train", self.config(kind), "--data", self.tiles(), "--out", self.run(kind)).code(0);
            kiln!("export", self.run(kind), "--out", self.bundle(kind)).code(0);
        }
    }
}

/// The fixture, made by whichever test asks first.
pub fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let _lock = lock("fixture.lock");
        install_library_locked();
        let root = tmp().join(format!("fixture-{}", key()));
        let whole = root.join("whole");
        let fixture = Fixture { root };
        if !whole.is_file() {
            remove_stale();
            fs::create_dir_all(&fixture.root).unwrap();
            fixture.make();
            fs::write(whole, "").unwrap();
        }
        fixture
    })
}

/// Installs ONNX Runtime for the CPU if no library is usable here, saying so.
pub fn install_library() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let _lock = lock("fixture.lock");
        install_library_locked();
    });
}

fn install_library_locked() {
    let listed = kiln!("--json", "runtime", "list").code(0).json();
    let usable = |row: &Value| {
        row["usable"] == true && row["providers"].as_array().is_none_or(|all| all.contains(&"cpu".into()))
    };
    if !listed.as_array().unwrap().iter().any(usable) {
        eprintln!("ONNX Runtime is missing: installing the pinned library for the CPU through pip");
        kiln!("runtime", "install", "cpu").code(0);
    }
}

fn tmp() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Held until the file is dropped; a process that dies gives it up.
pub fn lock(name: &str) -> File {
    let file = File::create(tmp().join(name)).unwrap();
    file.lock().unwrap();
    file
}

/// Names what a fixture was made with: the binary, the configurations, and the revision that its runs note.
fn key() -> String {
    let binary = fs::metadata(env!("CARGO_BIN_EXE_kiln")).unwrap();
    let modified = binary.modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
    let revision = std::process::Command::new("git").args(["rev-parse", "HEAD"]).output();
    let revision = revision.map(|output| output.stdout).unwrap_or_default();
    let mut text = format!("{} {} {}", binary.len(), modified.as_nanos(), String::from_utf8_lossy(&revision));
    for kind in Kind::ALL {
        write!(text, "\n{}", kind.config()).unwrap();
    }
    sha256_hex(text.as_bytes())[..16].to_owned()
}

fn remove_stale() {
    for entry in fs::read_dir(tmp()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("fixture-")) {
            fs::remove_dir_all(path).unwrap();
        }
    }
}
