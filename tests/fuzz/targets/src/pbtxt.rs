//! `config.pbtxt` of a model repository.

use kiln_package::fuzzing::config_pbtxt;

use crate::target::Target;

pub(crate) const TARGET: Target = Target {
    name: "config_pbtxt",
    run,
    sound,
    hostile: || {
        vec![
            b"input [".repeat(20_000),
            b"input {".repeat(20_000),
            b"parameters { key: ".repeat(20_000),
            vec![b' '; 200_000],
            [b"name".to_vec(), vec![b' '; 200_000], b"[".to_vec()].concat(),
            vec![b'#'; 200_000],
            vec![b'"'; 60_001],
            b"dims: [ 1, ".repeat(10_000),
            b"name: \"\\u\" \"\\U0010ffff\" \"\\777\" '\\x'".to_vec(),
            b"max_batch_size: 99999999999999999999999999".to_vec(),
            b"input { data_type: 99 }".to_vec(),
            b"[type.googleapis.com/inference.ModelConfig] { }".to_vec(),
            b"name: \"\\377\"".to_vec(),
        ]
    },
    words: &[
        "name:",
        "platform:",
        "backend:",
        "max_batch_size:",
        "input",
        "output",
        "data_type:",
        "TYPE_UINT8",
        "TYPE_FP32",
        "dims:",
        "reshape",
        "shape:",
        "label_filename:",
        "instance_group",
        "kind:",
        "KIND_CPU",
        "count:",
        "dynamic_batching",
        "parameters",
        "key:",
        "value:",
        "string_value:",
        "model_warmup",
        "optimization",
        "execution_accelerators",
        "version_policy",
        "latest",
        "ensemble_scheduling",
        "sequence_batching",
        "\\x",
        "\\u",
        "\\777",
        "[",
        "]",
        "{",
        "}",
        "<",
        ">",
        "#",
        "\"",
        "'",
        "-",
        "inf",
        "nan",
        ";",
        "1e999",
        "0x",
        "true",
    ],
    rounds: 30_000,
    memory: 4 << 20,
};

fn run(bytes: &[u8]) -> bool {
    // The packager reads the file as text.
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(printed) = config_pbtxt(text) else { return false };
    assert_eq!(config_pbtxt(&printed).as_ref(), Ok(&printed), "a printed configuration reads back as another one");
    true
}

/// Configurations as the packager prints them and as people write them.
fn sound() -> Vec<Vec<u8>> {
    let texts = [
        r#"name: "cnn"
max_batch_size: 64
version_policy { latest { num_versions: 1 } }
input [ { name: "tile" data_type: TYPE_UINT8 dims: [256, 256, 3] } ]
output [
  { name: "score" data_type: TYPE_FP32 dims: [1] reshape { } },
  { name: "probabilities" data_type: TYPE_FP32 dims: [2] label_filename: "labels.txt" }
]
instance_group [ { kind: KIND_CPU count: 2 } ]
default_model_filename: "model.onnx"
dynamic_batching { max_queue_delay_microseconds: 500 }
parameters [ { key: "kiln.threshold" value { string_value: "0.5" } } ]
backend: "onnxruntime"
model_warmup [ { name: "one" batch_size: 1 inputs [ { key: "tile" value { data_type: TYPE_UINT8 dims: [256, 256, 3] input_data_file: "w" } } ] } ]
"#,
        "name: 'a' \"b\" # two parts\nplatform: \"onnxruntime_onnx\"\ninput < name: \"x\", dims: -1; dims: 0x10 >\n",
        "optimization { execution_accelerators { gpu_execution_accelerator [ { name: \"tensorrt\" parameters { key: \"precision_mode\" value: \"FP16\" } } ] } }",
        "",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}
