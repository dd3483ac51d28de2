//! Names of burn operations: `Float::Exp`, `Module::Conv2d`.

use burn::backend::ir::OperationIr;

/// The family and variant of an operation.
pub(crate) fn kind(operation: &OperationIr) -> String {
    let (family, debug) = match operation {
        OperationIr::BaseFloat(op) => ("Base", variant(op)),
        OperationIr::BaseInt(op) => ("Base", variant(op)),
        OperationIr::BaseBool(op) => ("Base", variant(op)),
        OperationIr::NumericFloat(_, op) => ("Numeric", variant(op)),
        OperationIr::NumericInt(_, op) => ("Numeric", variant(op)),
        OperationIr::Bool(op) => ("Bool", variant(op)),
        OperationIr::Int(op) => ("Int", variant(op)),
        OperationIr::Float(_, op) => ("Float", variant(op)),
        OperationIr::Module(op) => ("Module", variant(op)),
        OperationIr::Activation(op) => ("Activation", variant(op)),
        OperationIr::Init(_) => ("Init", String::new()),
        OperationIr::Drop(_) => ("Drop", String::new()),
        OperationIr::Custom(op) => ("Custom", op.id.clone()),
        OperationIr::Distributed(op) => ("Distributed", variant(op)),
    };
    if debug.is_empty() { family.to_owned() } else { format!("{family}::{debug}") }
}

/// The name of the variant: the start of the derived `Debug` output.
fn variant(operation: &impl std::fmt::Debug) -> String {
    let mut head = Head(String::new());
    // The writer stops at the first character after the name, so that shapes are not formatted.
    let _ = std::fmt::write(&mut head, format_args!("{operation:?}"));
    head.0
}

struct Head(String);

impl std::fmt::Write for Head {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        self.0.push_str(&name);
        if name.len() == text.len() { Ok(()) } else { Err(std::fmt::Error) }
    }
}
