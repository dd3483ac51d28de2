//! The flags behind the fields of options, plans and requests.

/// The flag of a field of options, plans and requests: the field's name, unless the flag has another.
pub(super) fn set(option: &str) -> Option<String> {
    let flag = match option {
        // Set by the verbs.
        "scorers" | "tiles" => return None,
        "batches" => "--batch",
        "bound_ms" => "--bound",
        "gpus" => "--gpu",
        "precisions" => "--precision",
        "scenarios" => "--scenario",
        "urls" => "--endpoint",
        same => return Some(format!("set it with --{}", same.replace('_', "-"))),
    };
    Some(format!("set it with {flag}"))
}
