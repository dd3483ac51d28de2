//! The page about providers agrees with the code: its table of options is made from the tables that the providers are
//! made of.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use kiln_runtime::ProviderKind;

const BEGIN: &str = "--test providers -->\n";
const END: &str = "<!-- end of options -->";

fn table() -> String {
    let mut text = String::new();
    for kind in ProviderKind::ALL.iter().filter(|kind| !kind.options().is_empty()) {
        let name = kind.name();
        let _ = write!(text, "\n### `{name}`\n\nNeeds {}.\n\n", kind.needs());
        text.push_str("| option | default | unit or values | sets | |\n|---|---|---|---|---|\n");
        for option in kind.options() {
            let (default, doc) = (option.default_value(), option.doc.trim());
            let _ = writeln!(text, "| `{}` | `{default}` | {} | `{}` | {doc} |", option.name, option.unit, option.sets);
        }
    }
    text.push_str("\n### Passed through\n\n| provider | needs | keys of ONNX Runtime |\n|---|---|---|\n");
    for kind in ProviderKind::ALL.iter().filter(|kind| kind.options().is_empty()) {
        let keys: Vec<_> = kind.passed_through().iter().map(|key| format!("`{key}`")).collect();
        let keys = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
        let keys = if *kind == ProviderKind::Plugin { "`name`, `library`, `options`".to_owned() } else { keys };
        let _ = writeln!(text, "| `{}` | {} | {keys} |", kind.name(), kind.needs());
    }
    text.push('\n');
    text
}

#[test]
fn the_page_lists_every_option_as_the_code_has_it() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/providers.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    if std::env::var_os("KILN_UPDATE_DOCS").is_some() {
        fs::write(&page, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
        return;
    }
    assert!(found == table(), "docs/providers.md is not what the code says; see the comment above its table");
}
