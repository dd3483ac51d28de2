//! A model server of a few lines, which can be told to misbehave. Its model gives the first byte of each tile as `score`.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use kiln_tile::TILE_BYTES;
use serde_json::{Value, json};

/// A request as it came.
pub struct Request {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The JSON part.
    pub fn json(&self) -> Value {
        let length =
            self.header("Inference-Header-Content-Length").map_or(self.body.len(), |length| length.parse().unwrap());
        serde_json::from_slice(&self.body[..length]).unwrap()
    }

    /// The scores of its tiles: the first byte of each.
    pub fn scores(&self) -> Vec<f32> {
        match self.header("Inference-Header-Content-Length") {
            Some(length) => {
                let tiles = &self.body[length.parse().unwrap()..];
                tiles.chunks_exact(TILE_BYTES).map(|tile| f32::from(tile[0])).collect()
            }
            None => {
                let json = self.json();
                let data = json["inputs"][0]["data"].as_array().unwrap();
                data.iter().step_by(TILE_BYTES).map(|value| value.as_f64().unwrap() as f32).collect()
            }
        }
    }
}

/// What the server does with a request.
pub enum Reply {
    Json(u16, Value),
    /// The head as it is, and the body.
    Raw(String, Vec<u8>),
    /// The head as it is and part of the body; then the connection breaks.
    Cut(String, Vec<u8>),
    /// Nothing for a while, then nothing.
    Silence(Duration),
    /// A body without end, in chunks.
    Endless,
}

/// A right answer.
pub fn answer(scores: &[f32]) -> Reply {
    let shape = json!([scores.len()]);
    let bytes: Vec<u8> = scores.iter().flat_map(|score| score.to_le_bytes()).collect();
    binary(&json!({ "outputs": [output("FP32", &shape, bytes.len())] }), &bytes)
}

pub fn output(datatype: &str, shape: &Value, bytes: usize) -> Value {
    json!({ "name": "score", "datatype": datatype, "shape": shape, "parameters": { "binary_data_size": bytes } })
}

pub fn binary(head: &Value, tensors: &[u8]) -> Reply {
    let head = serde_json::to_vec(head).unwrap();
    let fields = format!("Inference-Header-Content-Length: {}\r\n", head.len());
    let body = [head, tensors.to_vec()].concat();
    Reply::Raw(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", body.len()), body)
}

/// What the server says about its model, unless told otherwise.
pub fn metadata() -> Value {
    json!({
        "name": "m", "versions": ["1"], "platform": "fake",
        "inputs": [{ "name": "tile", "datatype": "UINT8", "shape": [-1, 256, 256, 3] }],
        "outputs": [{ "name": "score", "datatype": "FP32", "shape": [-1] }]
    })
}

type Infer = dyn Fn(usize, &Request) -> Reply + Send + Sync;

/// The server; it ends when it is dropped.
pub struct Fake {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<thread::JoinHandle<()>>,
}

struct Shared {
    metadata: Mutex<Value>,
    extensions: Vec<&'static str>,
    infer: Box<Infer>,
    inferences: AtomicUsize,
    tokens: Mutex<Vec<Option<String>>>,
    open: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
}

impl Fake {
    /// A server whose answers to inferences are made by `infer`, from their number and the request.
    pub fn new(infer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(metadata(), vec!["binary_tensor_data"], infer)
    }

    pub fn with(
        metadata: Value,
        extensions: Vec<&'static str>,
        infer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            metadata: Mutex::new(metadata),
            extensions,
            infer: Box::new(infer),
            inferences: AtomicUsize::new(0),
            tokens: Mutex::new(Vec::new()),
            open: Mutex::new(Vec::new()),
            ended: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let listening = thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.ended.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { return };
                serving.open.lock().unwrap().push(stream.try_clone().unwrap());
                let serving = Arc::clone(&serving);
                thread::spawn(move || serve(stream, &serving));
            }
        });
        Self { address, shared, listening: Some(listening) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Inferences that were asked for so far.
    pub fn inferences(&self) -> usize {
        self.shared.inferences.load(Ordering::SeqCst)
    }

    pub fn tokens(&self) -> Vec<Option<String>> {
        self.shared.tokens.lock().unwrap().clone()
    }

    /// From now on the server says this about its model.
    pub fn announce(&self, metadata: Value) {
        *self.shared.metadata.lock().unwrap() = metadata;
    }

    fn hang_up(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.hang_up();
        // Wakes the listener, which then ends; after that nothing listens there.
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

fn serve(stream: TcpStream, shared: &Shared) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        shared.tokens.lock().unwrap().push(request.header("Authorization").map(str::to_owned));
        if !write(&mut writer, reply(&request, shared)) {
            let _ = writer.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

fn reply(request: &Request, shared: &Shared) -> Reply {
    let metadata = shared.metadata.lock().unwrap().clone();
    match request.path.as_str() {
        "/v2/health/ready" | "/v2/models/m/ready" | "/v2/models/m/versions/1/ready" => Reply::Json(200, json!({})),
        "/v2" => Reply::Json(200, json!({ "name": "fake", "version": "1", "extensions": shared.extensions })),
        "/v2/models/m/config" => Reply::Json(200, json!({ "max_batch_size": 4 })),
        "/v2/models/m" | "/v2/models/m/versions/1" => Reply::Json(200, metadata),
        "/v2/models/m/infer" | "/v2/models/m/versions/1/infer" => {
            (shared.infer)(shared.inferences.fetch_add(1, Ordering::SeqCst), request)
        }
        path => Reply::Json(404, json!({ "error": format!("unknown model: {path}") })),
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => break,
        }
    }
    let mut request = Request { path, headers, body: Vec::new() };
    let length = request.header("Content-Length").map_or(0, |length| length.parse().unwrap());
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

/// Whether the connection goes on.
fn write(stream: &mut TcpStream, reply: Reply) -> bool {
    let whole = |stream: &mut TcpStream, head: &str, body: &[u8]| {
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_ok()
    };
    match reply {
        Reply::Json(status, value) => {
            let body = serde_json::to_vec(&value).unwrap();
            whole(stream, &format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n\r\n", body.len()), &body)
        }
        Reply::Raw(head, body) => whole(stream, &head, &body),
        Reply::Cut(head, body) => {
            whole(stream, &head, &body);
            false
        }
        Reply::Silence(time) => {
            thread::sleep(time);
            false
        }
        Reply::Endless => {
            whole(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"");
            while whole(stream, "10000\r\n", &vec![b' '; 0x10000]) && whole(stream, "\r\n", b"") {}
            false
        }
    }
}
