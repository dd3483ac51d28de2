//! The JSON bodies of the protocol over HTTP, and the binary tensors behind them (extension `binary_tensor_data`).

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, Data, Tensor};
use super::statistics::Statistics;
use super::transport::Query;

/// The JSON before the pixels of a request, or the whole request if pixels are numbers.
pub(super) fn request(query: &Query<'_>, binary: bool) -> Value {
    let mut input = json!({ "name": query.input, "shape": query.shape, "datatype": "UINT8" });
    if binary {
        input["parameters"] = json!({ "binary_data_size": query.pixels.len() });
    } else {
        input["data"] = json!(query.pixels);
    }
    let output = |name: &str| {
        if binary { json!({ "name": name, "parameters": { "binary_data": true } }) } else { json!({ "name": name }) }
    };
    let outputs: Vec<_> = query.outputs.iter().map(|output_| output(&output_.name)).collect();
    json!({ "inputs": [input], "outputs": outputs })
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    model_name: Option<String>,
    #[serde(default)]
    model_version: Option<String>,
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    datatype: String,
    shape: Vec<i64>,
    #[serde(default)]
    parameters: Parameters,
    #[serde(default)]
    data: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Parameters {
    binary_data_size: Option<usize>,
}

/// Parses an answer. `json` is the length of its JSON part if binary tensors follow.
///
/// # Errors
/// The violation of the protocol.
pub(super) fn answer(body: Vec<u8>, json: Option<usize>) -> Result<Answer, String> {
    let body = Bytes::from(body);
    let length = json.unwrap_or(body.len());
    if length > body.len() {
        return Err(format!("its header announces {length} bytes of JSON, and there are {}", body.len()));
    }
    let response: Response =
        serde_json::from_slice(&body[..length]).map_err(|error| format!("it is not the protocol's JSON: {error}"))?;
    let mut rest = body.slice(length..);
    let mut tensors = Vec::with_capacity(response.outputs.len());
    for Output { name, datatype: dtype, shape, parameters, data } in response.outputs {
        let data = match (parameters.binary_data_size, data) {
            (Some(size), _) if size > rest.len() => {
                return Err(format!("output `{name}` announces {size} bytes, and {} are left", rest.len()));
            }
            (Some(size), _) => Data::Raw(rest.split_to(size)),
            (None, Some(data)) => Data::Values(numbers(&name, &data)?),
            (None, None) => return Err(format!("output `{name}` has no data")),
        };
        tensors.push(Tensor { name, dtype, shape, data });
    }
    if !rest.is_empty() {
        return Err(format!("{} bytes belong to no output", rest.len()));
    }
    let stated = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(Answer { model: stated(response.model_name), version: stated(response.model_version), tensors })
}

/// The protocol allows flat and nested arrays.
fn numbers(name: &str, data: &Value) -> Result<Vec<f32>, String> {
    fn walk(data: &Value, into: &mut Vec<f32>) -> Option<()> {
        match data {
            Value::Array(parts) => parts.iter().try_for_each(|part| walk(part, into)),
            // JSON has doubles; the nearest single is the one that the server held.
            value => value.as_f64().map(|value| into.push(value as f32)),
        }
    }
    let mut values = Vec::new();
    walk(data, &mut values).ok_or_else(|| format!("output `{name}` holds something else than numbers"))?;
    Ok(values)
}

/// The message of an error, in any of the servers' forms.
pub(super) fn error_text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let parsed: Option<Value> = serde_json::from_str(&text).ok();
    let words = parsed.as_ref().and_then(|value| {
        let field = ["error", "detail", "message"].iter().find_map(|name| value.get(name));
        field.map(|field| field.as_str().map_or_else(|| field.to_string(), str::to_owned))
    });
    match words.unwrap_or_else(|| text.into_owned()) {
        empty if empty.trim().is_empty() => "it said nothing".to_owned(),
        words => words,
    }
}

/// The part of Triton's model configuration that a client needs.
#[derive(Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    pub(super) max_batch_size: i64,
}

/// Triton's statistics of a model, one entry a version.
#[derive(Deserialize)]
pub(super) struct StatisticsBody {
    model_stats: Vec<VersionStatistics>,
}

#[derive(Deserialize)]
struct VersionStatistics {
    #[serde(default)]
    inference_count: u64,
    #[serde(default)]
    execution_count: u64,
    #[serde(default)]
    inference_stats: InferenceStatistics,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InferenceStatistics {
    success: Duration,
    queue: Duration,
    compute_input: Duration,
    compute_infer: Duration,
    compute_output: Duration,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Duration {
    count: u64,
    ns: u64,
}

impl StatisticsBody {
    /// All versions together.
    pub(super) fn total(&self) -> Statistics {
        self.model_stats.iter().fold(Statistics::default(), |total, one| {
            let stats = &one.inference_stats;
            total.and(&Statistics {
                requests: stats.success.count,
                inferences: one.inference_count,
                executions: one.execution_count,
                queue_ns: stats.queue.ns,
                compute_input_ns: stats.compute_input.ns,
                compute_infer_ns: stats.compute_infer.ns,
                compute_output_ns: stats.compute_output.ns,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn body(head: &Value, tail: &[u8]) -> (Vec<u8>, usize) {
        let head = serde_json::to_vec(head).unwrap();
        let length = head.len();
        ([head, tail.to_vec()].concat(), length)
    }

    #[test]
    fn binary_outputs_are_cut_from_the_body_in_order() {
        let head = json!({ "model_name": "m", "model_version": "3", "outputs": [
            { "name": "a", "datatype": "FP32", "shape": [1], "parameters": { "binary_data_size": 4 } },
            { "name": "b", "datatype": "FP32", "shape": [2], "data": [[0.25], [1e-8]] },
            { "name": "c", "datatype": "FP32", "shape": [1], "parameters": { "binary_data_size": 2 } },
        ]});
        let (bytes, length) = body(&head, &[1, 2, 3, 4, 5, 6]);
        let answer = answer(bytes, Some(length)).unwrap();
        assert_eq!((answer.model.as_deref(), answer.version.as_deref()), (Some("m"), Some("3")));
        assert!(matches!(&answer.tensors[0].data, Data::Raw(bytes) if bytes[..] == [1, 2, 3, 4]));
        assert!(matches!(&answer.tensors[1].data, Data::Values(values) if values[..] == [0.25, 1e-8]));
        assert!(matches!(&answer.tensors[2].data, Data::Raw(bytes) if bytes[..] == [5, 6]));
    }

    #[test]
    fn lengths_that_do_not_add_up_are_refused() {
        let head = json!({ "outputs": [
            { "name": "a", "datatype": "FP32", "shape": [1], "parameters": { "binary_data_size": 4 } }
        ]});
        let (bytes, length) = body(&head, &[1, 2, 3]);
        assert!(answer(bytes.clone(), Some(length)).unwrap_err().contains("announces 4 bytes, and 3 are left"));
        assert!(answer(bytes, Some(length + 99)).unwrap_err().contains("of JSON"));
        let (bytes, length) = body(&head, &[1, 2, 3, 4, 5]);
        assert!(answer(bytes, Some(length)).unwrap_err().contains("belong to no output"));
        let (bytes, _) = body(&json!({ "outputs": [{ "name": "a", "datatype": "FP32", "shape": [1] }] }), &[]);
        assert!(answer(bytes, None).unwrap_err().contains("no data"));
        let text = json!({ "outputs": [{ "name": "a", "datatype": "FP32", "shape": [1], "data": ["NaN"] }] });
        assert!(answer(body(&text, &[]).0, None).unwrap_err().contains("something else than numbers"));
    }

    #[test]
    fn an_error_is_read_in_whatever_form_it_comes() {
        for (body, words) in [
            (r#"{"error":"no"}"#, "no"),
            (r#"{"detail":[{"a":1}]}"#, r#"[{"a":1}]"#),
            ("plain", "plain"),
            ("", "it said nothing"),
        ] {
            assert_eq!(error_text(body.as_bytes()), words);
        }
    }
}
