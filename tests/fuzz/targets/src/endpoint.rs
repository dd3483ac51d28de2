//! Answers of the Open Inference Protocol.

use kiln_runtime::Outputs;
use kiln_runtime::bundle::manifest::{Dim, Port};
use kiln_runtime::fuzzing::{Documents, grpc_answer, grpc_documents, http_answer, http_documents};

use crate::protobuf::{bytes, number, varint};
use crate::target::Target;

/// Tiles of the inference that is answered.
const BATCH: usize = 2;
/// Header with the length of the JSON part of a body with binary tensors.
const JSON_LENGTH: &str = "Inference-Header-Content-Length: ";
/// Characters shown of a server's message, including the ellipsis.
const MOST_SHOWN: usize = 401;

pub(crate) const HTTP: Target = Target {
    name: "http_answer",
    run: run_http,
    sound: http_seeds,
    hostile: || {
        let nested =
            format!(r#"{{"outputs":[{{"name":"score","datatype":"FP32","shape":[2],"data":{}"#, "[".repeat(100_000));
        vec![
            nested.into_bytes(),
            "[".repeat(200_000).into_bytes(),
            with_length(usize::MAX, r#"{"outputs":[]}"#, b""),
            binary(
                r#"{"name":"score","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":18446744073709551615}}"#,
                8,
            ),
            binary(
                r#"{"name":"score","datatype":"FP32","shape":[9223372036854775807,2],"parameters":{"binary_data_size":8}}"#,
                8,
            ),
            br#"{"error":{"a":[1,2]}}"#.to_vec(),
            "\u{1b}[31m".repeat(10_000).into_bytes(),
            "\u{fc}".repeat(30_000).into_bytes(),
        ]
    },
    words: &[
        "Inference-Header-Content-Length: ",
        "\r\n\r\n",
        "\"outputs\":",
        "\"inputs\":",
        "\"name\":",
        "\"datatype\":",
        "\"shape\":",
        "\"data\":",
        "\"parameters\":",
        "\"binary_data_size\":",
        "\"model_version\":",
        "\"score\"",
        "\"probabilities\"",
        "\"FP32\"",
        "\"UINT8\"",
        "\"tile\"",
        "\"versions\":",
        "\"extensions\":",
        "\"max_batch_size\":",
        "\"model_stats\":",
        "\"inference_stats\":",
        "\"success\":",
        "\"ns\":",
        "\"count\":",
        "\"error\":",
        "\"detail\":",
        "null",
        "1e39",
        "-1",
        "[[[[[[",
    ],
    rounds: 60_000,
    memory: 2 << 20,
};

pub(crate) const GRPC: Target = Target {
    name: "grpc_answer",
    run: run_grpc,
    sound: grpc_seeds,
    hostile: || {
        let nested = (0..3_000).fold(Vec::new(), |inner, _| bytes(5, inner));
        vec![
            nested,
            b"\x2b".repeat(100_000),
            bytes(5, [bytes(1, "score"), varint(3 << 3 | 2), varint(u64::MAX)].concat()),
            [bytes(6, b""), bytes(6, b"")].concat(),
            bytes(6, b"").repeat(20_000),
        ]
    },
    words: &["score", "probabilities", "FP32", "tile", "UINT8"],
    rounds: 80_000,
    memory: 2 << 20,
};

fn inputs() -> Vec<Port> {
    let axes = [Dim::Symbolic("batch".to_owned()), Dim::Fixed(256), Dim::Fixed(256), Dim::Fixed(3)];
    vec![port("tile", "uint8", axes.to_vec())]
}

fn outputs() -> Vec<Port> {
    let batch = Dim::Symbolic("batch".to_owned());
    vec![port("score", "float32", vec![batch.clone()]), port("probabilities", "float32", vec![batch, Dim::Fixed(2)])]
}

fn port(name: &str, dtype: &str, shape: Vec<Dim>) -> Port {
    Port { name: name.to_owned(), dtype: dtype.to_owned(), shape, meaning: String::new() }
}

/// Reads a body, after the protocol's header if present, as the answer to an inference and as every other document.
fn run_http(input: &[u8]) -> bool {
    let (json, body) = split(input);
    let answer = http_answer(body, json, BATCH, &outputs());
    check_answer(&answer);
    let documents = http_documents(body, &inputs(), &outputs());
    assert!(documents.error.chars().count() <= MOST_SHOWN && !documents.error.contains(char::is_control));
    check_documents(&documents) || answer.is_ok()
}

fn split(input: &[u8]) -> (Option<usize>, &[u8]) {
    let Some(rest) = input.strip_prefix(JSON_LENGTH.as_bytes()) else { return (None, input) };
    let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") else { return (None, input) };
    (std::str::from_utf8(&rest[..end]).ok().and_then(|length| length.parse().ok()), &rest[end + 4..])
}

fn run_grpc(message: &[u8]) -> bool {
    let answer = grpc_answer(message, BATCH, &outputs());
    check_answer(&answer);
    check_documents(&grpc_documents(message, &inputs(), &outputs())) || answer.is_ok()
}

/// Asserts that an answer has every requested output, in the requested shape.
fn check_answer(answer: &Result<Outputs, String>) {
    let Ok(Outputs { batch, arrays }) = answer else { return };
    assert_eq!((*batch, arrays.len()), (BATCH, outputs().len()));
    assert_eq!(arrays["score"].shape(), [BATCH]);
    assert_eq!(arrays["probabilities"].shape(), [BATCH, 2]);
}

/// Asserts that a model without reported differences has the ports of the bundle. Returns whether anything could be
/// read.
fn check_documents(documents: &Documents) -> bool {
    let Documents { server, model, max_batch, statistics, differences, fixed_batch, .. } = documents;
    assert!(max_batch.is_none_or(|batch| batch > 0) && fixed_batch.is_none_or(|batch| batch > 0));
    if let Some(model) = model.as_ref().filter(|_| differences.is_empty()) {
        let has = |served: &[kiln_runtime::endpoint::TensorMetadata], name: &str, dtype: &str| {
            served.iter().any(|tensor| tensor.name == name && tensor.datatype == dtype)
        };
        assert!(has(&model.inputs, "tile", "UINT8") && model.inputs.iter().all(|tensor| tensor.name == "tile"));
        assert!(has(&model.outputs, "score", "FP32") && has(&model.outputs, "probabilities", "FP32"));
    }
    server.is_some() || model.is_some() || statistics.is_some()
}

fn with_length(length: usize, json: &str, tensors: &[u8]) -> Vec<u8> {
    [format!("{JSON_LENGTH}{length}\r\n\r\n{json}").into_bytes(), tensors.to_vec()].concat()
}

fn binary(output: &str, tensors: usize) -> Vec<u8> {
    let json = format!(r#"{{"model_name":"m","model_version":"1","outputs":[{output}]}}"#);
    with_length(json.len(), &json, &vec![0; tensors])
}

fn http_seeds() -> Vec<Vec<u8>> {
    let tensor = |name: &str, shape: &str, size: usize| {
        let parameters = format!(r#""parameters":{{"binary_data_size":{size}}}"#);
        format!(r#"{{"name":"{name}","datatype":"FP32","shape":{shape},{parameters}}}"#)
    };
    let both = [tensor("score", "[2,1]", 8), tensor("probabilities", "[2,2]", 16)].join(",");
    let texts = [
        r#"{"model_name":"m","model_version":"3","outputs":[{"name":"score","datatype":"FP32","shape":[2],"data":[0.25,1e-8]},{"name":"probabilities","datatype":"FP32","shape":[2,2],"data":[[0.1,0.9],[0.8,0.2]]}]}"#,
        r#"{"name":"triton","version":"2.51.0","extensions":["binary_tensor_data","model_configuration","statistics"]}"#,
        r#"{"name":"m","versions":["1","2"],"platform":"onnxruntime_onnx","inputs":[{"name":"tile","datatype":"UINT8","shape":[-1,256,256,3]}],"outputs":[{"name":"score","datatype":"FP32","shape":[-1,1]},{"name":"probabilities","datatype":"FP32","shape":[-1,2]}]}"#,
        r#"{"name":"m","max_batch_size":8,"input":[]}"#,
        r#"{"model_stats":[{"name":"m","version":"1","inference_count":80,"execution_count":5,"inference_stats":{"success":{"count":10,"ns":99},"queue":{"count":10,"ns":7},"compute_input":{"count":10,"ns":1},"compute_infer":{"count":10,"ns":50},"compute_output":{"count":10,"ns":1}}}]}"#,
        r#"{"name":"","error":"[StatusCode.INTERNAL] no"}"#,
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).chain([binary(&both, 24)]).collect()
}

fn grpc_seeds() -> Vec<Vec<u8>> {
    let floats = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let tensor = |name: &str, kind: &str, shape: &[i64]| {
        let shape = shape.iter().flat_map(|length| varint(*length as u64)).collect::<Vec<u8>>();
        [bytes(1, name), bytes(2, kind), bytes(3, shape)].concat()
    };
    let (score, classes) = (tensor("score", "FP32", &[2, 1]), tensor("probabilities", "FP32", &[2, 2]));
    let (two, four) = (floats(&[0.25, 0.5]), floats(&[0.1, 0.9, 0.8, 0.2]));
    let names = [bytes(1, "m"), bytes(2, "1")].concat();
    let raw = [names.clone(), bytes(5, &score), bytes(5, &classes), bytes(6, &two), bytes(6, &four)].concat();
    let contents = |tensor: &[u8], values: &[u8]| bytes(5, [tensor.to_vec(), bytes(5, bytes(6, values))].concat());
    let typed = [names, contents(&score, &two), contents(&classes, &four)].concat();
    let metadata = [
        bytes(1, "m"),
        bytes(2, "1"),
        bytes(3, "onnxruntime_onnx"),
        bytes(4, tensor("tile", "UINT8", &[-1, 256, 256, 3])),
        bytes(5, tensor("score", "FP32", &[-1, 1])),
        bytes(5, tensor("probabilities", "FP32", &[-1, 2])),
    ];
    let duration = |field, ns| bytes(field, [number(1, 10), number(2, ns)].concat());
    let stats = [duration(1, 99), duration(3, 7), duration(4, 1), duration(5, 50), duration(6, 1)].concat();
    let statistics = bytes(1, [bytes(1, "m"), bytes(2, "1"), number(4, 80), number(5, 5), bytes(6, stats)].concat());
    let server = [bytes(1, "triton"), bytes(2, "2.51.0"), bytes(3, "statistics")].concat();
    let config = bytes(1, [bytes(1, "m"), number(4, 8)].concat());
    vec![raw, typed, metadata.concat(), statistics, server, config]
}
