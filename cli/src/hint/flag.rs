//! The flags behind the fields of options, plans and requests.

/// The flag of a field of options, plans and requests: the field's name, unless the flag has another.
pub(super) fn set(option: &str) -> Option<String> {
    flag(option).map(|flag| format!("set it with {flag}"))
}

/// The advice to leave out the flag of a field.
#[cfg_attr(not(feature = "package"), allow(dead_code))]
pub(super) fn leave_out(option: &str) -> Option<String> {
    flag(option).map(|flag| format!("leave out {flag}"))
}

fn flag(option: &str) -> Option<String> {
    let flag = match option {
        // Set by the verbs.
        "scorers" | "tiles" => return None,
        "batches" => "--batch",
        "bound_ms" => "--bound",
        "gpus" => "--gpu",
        "precisions" => "--precision",
        "scenarios" => "--scenario",
        "urls" => "--endpoint",
        "warmup" => "--no-warmup",
        "window" => "--seconds",
        same => return Some(format!("--{}", same.replace('_', "-"))),
    };
    Some(flag.to_owned())
}
