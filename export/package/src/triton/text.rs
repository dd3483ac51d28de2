//! Protobuf text as `config.pbtxt` holds it. Printing and reading go through the schema's descriptor, so that an unknown
//! field or a value of the wrong type is an error here and not in the server.

use std::sync::OnceLock;

use prost_reflect::text_format::FormatOptions;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, prost::Message as _};
use protobuf::Message as _;

use crate::error::{Error, Result};
use crate::proto::model_config::{ModelConfig, file_descriptor};

/// Prints a configuration, one field a line, in the order of the schema.
pub(crate) fn print(config: &ModelConfig) -> Result<String> {
    let failed = |reason: String| Error::Format { what: super::CONFIG, reason };
    let bytes = config.write_to_bytes().map_err(|error| failed(error.to_string()))?;
    let descriptor = descriptor().map_err(failed)?;
    let message = DynamicMessage::decode(descriptor, bytes.as_slice()).map_err(|error| failed(error.to_string()))?;
    let options = FormatOptions::new().pretty(true).print_message_fields_in_index_order(true);
    Ok(format!("{}\n", message.to_text_format_with_options(&options).trim_end()))
}

/// Reads a configuration, in any form that protobuf text has.
pub(crate) fn parse(text: &str) -> std::result::Result<ModelConfig, String> {
    let text = with_colons(text);
    let message = DynamicMessage::parse_text_format(descriptor()?, &text).map_err(|error| error.to_string())?;
    ModelConfig::parse_from_bytes(&message.encode_to_vec()).map_err(|error| error.to_string())
}

/// `input [ { … } ]` as `input: [ { … } ]`: before a list of messages the colon may be left out, as Triton's own examples
/// do, and the parser asks for it.
fn with_colons(text: &str) -> String {
    let (mut out, mut quote, mut comment, mut escaped) = (String::with_capacity(text.len()), None, false, false);
    // The last letter before white space and comments. Looking back for it would take time by the square of the spaces.
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

fn descriptor() -> std::result::Result<MessageDescriptor, String> {
    static DESCRIPTOR: OnceLock<std::result::Result<MessageDescriptor, String>> = OnceLock::new();
    let make = || {
        let bytes = file_descriptor().proto().write_to_bytes().map_err(|error| error.to_string())?;
        let mut pool = DescriptorPool::new();
        pool.decode_file_descriptor_proto(bytes.as_slice()).map_err(|error| error.to_string())?;
        pool.get_message_by_name("inference.ModelConfig").ok_or_else(|| "the schema has no ModelConfig".to_owned())
    };
    DESCRIPTOR.get_or_init(make).clone()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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

    #[test]
    fn what_the_schema_does_not_know_is_refused_by_name() {
        assert!(parse("max_batch: 3").unwrap_err().contains("max_batch"));
        assert!(parse("input { data_type: TYPE_UINT9 }").is_err());
        assert!(parse("max_batch_size: \"8\"").is_err());
    }
}
