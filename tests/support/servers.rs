//! Real model servers for the tests: the Triton of the wheel `nvidia-pytriton` and MLServer, each in a Python environment
//! in the folder that cargo keeps for tests, made on first use. They listen on free ports of 127.0.0.1 and end with the
//! test, however it ends.

use std::env;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{lock, read_json, repository, scratch, succeeds};

/// The name of the model on every server.
pub const MODEL: &str = "tile";
/// A server is ready by then, or never.
const PATIENCE: Duration = Duration::from_secs(90);

/// A Python environment.
pub struct Python {
    pub program: PathBuf,
    site: PathBuf,
    prefix: PathBuf,
    libraries: PathBuf,
    version: String,
}

impl Python {
    /// The environment `name` with these packages, one call of pip each, or why it cannot be had.
    fn with(name: &str, packages: &[&[&str]]) -> Result<Self, String> {
        if env::var_os("KILN_SERVER_TESTS").is_some_and(|value| value == "0") {
            return Err("KILN_SERVER_TESTS=0".to_owned());
        }
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let program = home.join("bin/python");
        let whole = home.join("whole");
        let _lock = lock(&format!("{name}.lock"));
        if !whole.is_file() {
            succeeds(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
            for packages in packages {
                let pip = ["-m", "pip", "install", "--quiet", "--no-input", "--only-binary", ":all:"];
                succeeds(Command::new(&program).args(pip).args(*packages))?;
            }
            fs::write(&whole, "").map_err(|error| error.to_string())?;
        }
        let ask = "import sys, sysconfig as s; print(s.get_path('purelib'), sys.base_prefix, \
                   s.get_config_var('LIBDIR'), '%d.%d' % sys.version_info[:2], sep='\\n')";
        let said = succeeds(Command::new(&program).args(["-c", ask]))?;
        let [site, prefix, libraries, version] = said.lines().collect::<Vec<_>>()[..] else {
            return Err(format!("{said} is not what was asked for"));
        };
        let (site, prefix, libraries) = (site.into(), prefix.into(), libraries.into());
        Ok(Self { program, site, prefix, libraries, version: version.to_owned() })
    }
}

/// Triton's Python with NVIDIA's own client.
pub fn triton_python() -> Result<Python, String> {
    Python::with(
        "server-triton",
        &[
            &["--no-deps", "nvidia-pytriton==0.7.0"],
            // The server's backend is built for NumPy 1: with 2 it gives outputs of no bytes.
            &["numpy<2", "onnxruntime==1.31.1", "pillow>=11", "tritonclient[http,grpc]==2.73.0"],
        ],
    )
}

/// A server that runs.
pub struct Server {
    command: Box<dyn Fn() -> Command>,
    child: Child,
    log: PathBuf,
    pub http: String,
    pub grpc: String,
    shared_memory: Option<String>,
    _folder: TempDir,
}

impl Server {
    /// A Triton that serves a bundle as [`MODEL`], each run of it taking this long beside computing.
    pub fn triton(bundle: &Path, delay: Duration) -> Result<Self, String> {
        let python = triton_python()?;
        let folder = scratch();
        let triton = python.site.join("pytriton/tritonserver");
        let backend = folder.path().join("backends/python");
        copy_files(&triton.join("backends/python"), &backend);
        let stub = triton.join("python_backend_stubs").join(&python.version).join("triton_python_backend_stub");
        if !stub.is_file() {
            return Err(format!("the wheel has no backend for Python {}", python.version));
        }
        fs::copy(&stub, backend.join("triton_python_backend_stub")).unwrap();
        let libraries =
            format!("{}:{}", python.site.join("nvidia_pytriton.libs").display(), python.libraries.display());
        let linked = succeeds(Command::new("ldd").arg(&stub).env("LD_LIBRARY_PATH", &libraries))?;
        if let Some(missing) = linked.lines().find(|line| line.contains("not found")) {
            return Err(format!("Triton's Python backend needs {}", missing.trim()));
        }
        triton_repository(bundle, &folder.path().join("models"));
        let [http, grpc, _] = free_ports();
        let region = format!("kiln_test_{}_{http}", std::process::id());
        let (root, shared_memory) = (folder.path().to_owned(), Some(region.clone()));
        let command = move || {
            let mut command = Command::new(triton.join("bin/tritonserver"));
            command
                .arg(format!("--model-repository={}", root.join("models").display()))
                .arg(format!("--backend-directory={}", root.join("backends").display()))
                .arg(format!("--backend-config=python,shm-region-prefix-name={region}"))
                .args([format!("--http-port={http}"), format!("--grpc-port={grpc}")])
                .args(["--http-address=127.0.0.1", "--grpc-address=127.0.0.1", "--allow-metrics=false"])
                .env("LD_LIBRARY_PATH", &libraries)
                .env("PYTHONPATH", &python.site)
                .env("PYTHONHOME", &python.prefix)
                .env("KILN_TEST_DELAY", delay.as_secs_f64().to_string());
            command
        };
        Ok(Self::start(Box::new(command), folder, http, grpc, shared_memory))
    }

    /// An MLServer that serves a bundle as [`MODEL`].
    pub fn mlserver(bundle: &Path) -> Result<Self, String> {
        let python = Python::with("server-mlserver", &[&["mlserver==1.7.1", "onnxruntime==1.31.1"]])?;
        let folder = scratch();
        let model = folder.path().join(MODEL);
        fs::create_dir_all(&model).unwrap();
        fs::copy(bundle.join("model.onnx"), model.join("model.onnx")).unwrap();
        fs::copy(repository().join("tests/servers/mlserver_tiles.py"), model.join("mlserver_tiles.py")).unwrap();
        let [http, grpc, metrics] = free_ports();
        write_json(&model.join("model-settings.json"), &mlserver_model(bundle));
        write_json(
            &folder.path().join("settings.json"),
            &json!({
                "host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": metrics,
                "parallel_workers": 0, "debug": false
            }),
        );
        let root = folder.path().to_owned();
        let command = move || {
            let mut command = Command::new(python.program.with_file_name("mlserver"));
            command.arg("start").arg(&root).current_dir(root.join(MODEL));
            command
        };
        Ok(Self::start(Box::new(command), folder, http, grpc, None))
    }

    fn start(
        command: Box<dyn Fn() -> Command>,
        folder: TempDir,
        http: u16,
        grpc: u16,
        shared_memory: Option<String>,
    ) -> Self {
        let log = folder.path().join("server.log");
        let child = spawn(&command, &log);
        let (http, grpc) = (format!("http://127.0.0.1:{http}"), format!("grpc://127.0.0.1:{grpc}"));
        let mut server = Self { command, child, log, http, grpc, shared_memory, _folder: folder };
        server.wait();
        server
    }

    /// `kill -9`, of the server and all its processes.
    pub fn kill(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-9", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
        if let Some(region) = &self.shared_memory {
            for entry in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().starts_with(region.as_str()) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }

    /// Starts it again, on the same ports.
    pub fn restart(&mut self) {
        self.child = spawn(&self.command, &self.log);
        self.wait();
    }

    fn wait(&mut self) {
        let started = Instant::now();
        let grpc = self.grpc.trim_start_matches("grpc://").to_owned();
        while !(is_ready(&self.http) && TcpStream::connect(&grpc).is_ok()) {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || started.elapsed() > PATIENCE {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                panic!("the server did not get ready ({ended:?}):\n{log}");
            }
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(command: &dyn Fn() -> Command, log: &Path) -> Child {
    let log = File::create(log).unwrap();
    let mut command = command();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    // A group of its own, so that all of its processes can be ended at once.
    command.process_group(0).spawn().unwrap()
}

/// `GET /v2/models/tile/ready`.
fn is_ready(url: &str) -> bool {
    use std::io::{Read as _, Write as _};
    let address = url.trim_start_matches("http://");
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let request = format!("GET /v2/models/{MODEL}/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = [0; 12];
    stream.write_all(request.as_bytes()).is_ok() && stream.read_exact(&mut answer).is_ok() && answer.ends_with(b" 200")
}

/// The folder that `kiln package --target triton` writes, for the Python backend.
fn triton_repository(bundle: &Path, models: &Path) {
    let version = models.join(MODEL).join("1");
    fs::create_dir_all(&version).unwrap();
    fs::copy(bundle.join("model.onnx"), version.join("model.onnx")).unwrap();
    fs::copy(repository().join("tests/servers/triton_model.py"), version.join("model.py")).unwrap();
    let output = |(name, axes): (String, Vec<String>)| {
        // The configuration cannot say that there is no axis but the batch.
        let dims = if axes.is_empty() {
            "[ 1 ] reshape: { shape: [ ] }".to_owned()
        } else {
            format!("[ {} ]", axes.join(", "))
        };
        format!("{{ name: \"{name}\" data_type: TYPE_FP32 dims: {dims} }}")
    };
    let outputs: Vec<_> = outputs(bundle).into_iter().map(output).collect();
    let config = format!(
        "name: \"{MODEL}\"\nbackend: \"python\"\nmax_batch_size: 8\n\
         input [ {{ name: \"tile\" data_type: TYPE_UINT8 dims: [ 256, 256, 3 ] }} ]\noutput [ {} ]\n\
         dynamic_batching {{ max_queue_delay_microseconds: 500 }}\ninstance_group [ {{ kind: KIND_CPU count: 2 }} ]\n",
        outputs.join(", ")
    );
    fs::write(models.join(MODEL).join("config.pbtxt"), config).unwrap();
}

fn mlserver_model(bundle: &Path) -> Value {
    let outputs = outputs(bundle).into_iter().map(|(name, axes)| {
        let axes = axes.iter().map(|axis| axis.parse().unwrap());
        json!({ "name": name, "datatype": "FP32", "shape": std::iter::once(-1).chain(axes).collect::<Vec<i64>>() })
    });
    json!({
        "name": MODEL, "implementation": "mlserver_tiles.Tiles",
        "parameters": { "uri": "./model.onnx", "version": "1" },
        "inputs": [{ "name": "tile", "datatype": "UINT8", "shape": [-1, 256, 256, 3] }],
        "outputs": outputs.collect::<Vec<_>>()
    })
}

/// Name and axes behind the batch of every output.
fn outputs(bundle: &Path) -> Vec<(String, Vec<String>)> {
    let manifest = read_json(&bundle.join("manifest.json"));
    let output = |port: &Value| {
        let axes = port["shape"].as_array().unwrap().iter().skip(1).map(ToString::to_string).collect();
        (port["name"].as_str().unwrap().to_owned(), axes)
    };
    manifest["outputs"].as_array().unwrap().iter().map(output).collect()
}

fn free_ports() -> [u16; 3] {
    // All are held before any is given back, so that they differ.
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn write_json(path: &Path, value: &Value) {
    fs::write(path, serde_json::to_vec_pretty(value).unwrap()).unwrap();
}
