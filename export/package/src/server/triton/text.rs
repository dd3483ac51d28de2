//! Protobuf text as `config.pbtxt` holds it. Printing and reading go through the schema, so that an unknown field or a value
//! of the wrong type is an error here and not in the server.

use std::sync::OnceLock;

use prost::Message as _;
use prost_reflect::text_format::FormatOptions;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use super::message::ModelConfig;

/// Triton's schema, as a descriptor in protobuf text.
const SCHEMA: &str = include_str!("../../../proto/model_config.txtpb");

/// Prints a configuration, one field a line, in the order of the schema.
pub(super) fn print(config: &ModelConfig) -> Result<String, String> {
    let message = DynamicMessage::decode(descriptor()?, config.encode_to_vec().as_slice());
    Ok(format(&message.map_err(|error| error.to_string())?))
}

/// Reads a configuration, in any form of protobuf text.
pub(super) fn parse(text: &str) -> Result<ModelConfig, String> {
    let message = parse_whole(text)?;
    ModelConfig::decode(message.encode_to_vec().as_slice()).map_err(|error| error.to_string())
}

/// Reads a configuration and prints it, with the fields that [`ModelConfig`] leaves out.
pub(super) fn reprint(text: &str) -> Result<String, String> {
    parse(text)?;
    parse_whole(text).map(|message| format(&message))
}

fn parse_whole(text: &str) -> Result<DynamicMessage, String> {
    DynamicMessage::parse_text_format(descriptor()?, &with_colons(text)).map_err(|error| error.to_string())
}

fn format(message: &DynamicMessage) -> String {
    let options = FormatOptions::new().pretty(true).print_message_fields_in_index_order(true);
    format!("{}\n", message.to_text_format_with_options(&options).trim_end())
}

/// Returns `input [ { … } ]` as `input: [ { … } ]`. Protobuf text may omit the colon before a list of messages, as Triton's
/// own examples do; the parser requires it.
fn with_colons(text: &str) -> String {
    let (mut out, mut quote, mut comment, mut escaped) = (String::with_capacity(text.len()), None, false, false);
    // The last letter before white space and comments. Looking back for it would take quadratic time.
    let mut last = ' ';
    for letter in text.chars() {
        if letter == '[' && quote.is_none() && !comment && (last.is_alphanumeric() || last == '_') {
            out.push(':');
        }
        out.push(letter);
        if !comment && !letter.is_whitespace() && (letter != '#' || quote.is_some()) {
            last = letter;
        }
        (quote, comment) = match (quote, letter) {
            (None, '#') if !comment => (None, true),
            (None, '\n') => (None, false),
            (None, '"' | '\'') if !comment => (Some(letter), false),
            (Some(open), letter) if letter == open && !escaped => (None, false),
            _ => (quote, comment),
        };
        escaped = letter == '\\' && !escaped;
    }
    out
}

fn descriptor() -> Result<MessageDescriptor, String> {
    static DESCRIPTOR: OnceLock<Result<MessageDescriptor, String>> = OnceLock::new();
    DESCRIPTOR.get_or_init(|| read_schema(SCHEMA)).clone()
}

fn read_schema(text: &str) -> Result<MessageDescriptor, String> {
    let mut pool = DescriptorPool::global();
    let message = |pool: &DescriptorPool, name: &str| {
        pool.get_message_by_name(name).ok_or_else(|| format!("the schema has no {name}"))
    };
    let file = message(&pool, "google.protobuf.FileDescriptorProto")?;
    let file = DynamicMessage::parse_text_format(file, text).map_err(|error| error.to_string())?;
    pool.decode_file_descriptor_proto(file.encode_to_vec().as_slice()).map_err(|error| error.to_string())?;
    message(&pool, "inference.ModelConfig")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::message::*;
    use super::*;

    #[test]
    fn what_people_write_is_read() {
        let text = "name: \"cnn\" # ours\nmax_batch_size: 0\ninput [ { name: 'tile', data_type: TYPE_UINT8, dims: [ 4, 256 ] } ]\n\
                    parameters { key: \"a\" value: { string_value: \"b\" } }\ndynamic_batching { }\n";
        let config = parse(text).unwrap();
        assert_eq!((config.name.as_str(), config.max_batch_size), ("cnn", Some(0)));
        assert_eq!(config.input[0].dims, [4, 256]);
        let printed = print(&config).unwrap();
        assert!(printed.contains("max_batch_size: 0"), "a stated 0 is kept: {printed}");
        assert_eq!(parse(&printed).unwrap(), config);
    }

    #[test]
    fn brackets_in_words_stay_as_they_are() {
        let text = "name: \"a [b] \\\" c [\" # d [\ninput [ ]";
        assert_eq!(with_colons(text), "name: \"a [b] \\\" c [\" # d [\ninput :[ ]");
        assert_eq!(with_colons("input # of the graph.\n  [ ]"), "input # of the graph.\n  :[ ]");
        assert_eq!(with_colons("input: # all\n[ ]"), "input: # all\n[ ]");
    }

    /// Found by fuzzing: a megabyte of spaces took minutes.
    #[test]
    fn spaces_without_end_are_read_at_once() {
        let spaces = " ".repeat(1 << 20);
        assert_eq!(parse(&format!("max_batch_size: 3{spaces}")).unwrap().max_batch_size, Some(3));
        assert_eq!(parse(&format!("input{spaces}[{spaces}]")).unwrap().input.len(), 0);
    }

    /// Every field of every message type, by the names and numbers of the schema.
    #[test]
    fn the_message_types_are_those_of_the_schema() {
        let dims = || vec![4, -1];
        let reshape = || Some(ModelTensorReshape { shape: vec![7] });
        let name = |name: &str| name.to_owned();
        let accelerator = |key: &str| Accelerator {
            name: name(key),
            parameters: vec![AcceleratorEntry { key: name("k"), value: name("v") }],
        };
        let input = WarmupInput { data_type: 1, dims: dims(), input_data_file: Some(name("f")) };
        let config = ModelConfig {
            name: name("a"),
            platform: name("b"),
            version_policy: Some(ModelVersionPolicy { latest: Some(Latest { num_versions: 3 }) }),
            max_batch_size: Some(8),
            input: vec![ModelInput { name: name("c"), data_type: 2, dims: dims(), reshape: reshape() }],
            output: vec![ModelOutput {
                name: name("d"),
                data_type: 14,
                dims: dims(),
                label_filename: name("l"),
                reshape: reshape(),
            }],
            instance_group: vec![ModelInstanceGroup { count: 5, kind: InstanceKind::Cpu.into() }],
            default_model_filename: name("e"),
            dynamic_batching: Some(ModelDynamicBatching { max_queue_delay_microseconds: 6 }),
            optimization: Some(ModelOptimizationPolicy {
                execution_accelerators: Some(ExecutionAccelerators {
                    gpu_execution_accelerator: vec![accelerator("g")],
                    cpu_execution_accelerator: vec![accelerator("h")],
                }),
            }),
            parameters: vec![ParametersEntry {
                key: name("i"),
                value: Some(ModelParameter { string_value: name("j") }),
            }],
            model_warmup: vec![ModelWarmup {
                name: name("m"),
                batch_size: 9,
                inputs: vec![WarmupEntry { key: name("n"), value: Some(input) }],
            }],
            backend: name("o"),
        };
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let expected = r#"name: "a" platform: "b" backend: "o" version_policy { latest { num_versions: 3 } }
            max_batch_size: 8
            input: [{ name: "c" data_type: TYPE_UINT8 dims: [4, -1] reshape { shape: [7] } }]
            output: [{ name: "d" data_type: TYPE_BF16 dims: [4, -1] reshape { shape: [7] } label_filename: "l" }]
            optimization { execution_accelerators {
                gpu_execution_accelerator: [{ name: "g" parameters: [{ key: "k" value: "v" }] }]
                cpu_execution_accelerator: [{ name: "h" parameters: [{ key: "k" value: "v" }] }] } }
            dynamic_batching { max_queue_delay_microseconds: 6 }
            instance_group: [{ kind: KIND_CPU count: 5 }]
            default_model_filename: "e"
            parameters: [{ key: "i" value { string_value: "j" } }]
            model_warmup: [{ name: "m" batch_size: 9 inputs: [{ key: "n"
                value { data_type: TYPE_BOOL dims: [4, -1] input_data_file: "f" } }] }]"#;
        let expected = words(expected);
        assert_eq!(parse(&expected).unwrap(), config);
        assert_eq!(reprint(&expected).unwrap(), print(&config).unwrap());
        let descriptor = descriptor().unwrap();
        let types = descriptor.parent_pool().get_enum_by_name("inference.DataType").unwrap();
        for value in types.values() {
            let kind = DataType::try_from(value.number()).unwrap();
            assert_eq!(kind.triton_name(), value.name());
        }
    }

    #[test]
    fn what_the_schema_does_not_know_is_refused_by_name() {
        assert!(parse("max_batch: 3").unwrap_err().contains("max_batch"));
        assert!(parse("input { data_type: TYPE_UINT9 }").is_err());
        assert!(parse("max_batch_size: \"8\"").is_err());
    }
}
