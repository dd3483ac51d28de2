//! Lists of names in a graph's `metadata_props`, whose values are plain strings. A list is a JSON array. Releases up to
//! 0.1 joined the names by commas, which is ambiguous if a name contains a comma; these values are still read.

/// A list of names as one string: `["benign","anomalous"]`.
#[must_use]
pub fn write_names(names: &[String]) -> String {
    serde_json::Value::from(names).to_string()
}

/// The names in a string that [`write_names`] wrote, or that an earlier release joined by commas.
#[must_use]
pub fn read_names(text: &str) -> Vec<String> {
    match serde_json::from_str(text) {
        Ok(names) => names,
        Err(_) if text.is_empty() => Vec::new(),
        Err(_) => text.split(',').map(str::to_owned).collect(),
    }
}

/// Returns true if a string lists these names, in either form.
pub(super) fn lists(text: &str, names: &[String]) -> bool {
    text == write_names(names) || text == names.join(",") || read_names(text) == names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn any_names_come_back() {
        let cases: [&[&str]; 6] =
            [&[], &["benign"], &["a, b", "c"], &["\"odd\"", "it's", "a\\b"], &["[1,2]", "tumör"], &["", ","]];
        for case in cases {
            let case = names(case);
            assert_eq!(read_names(&write_names(&case)), case);
            assert!(lists(&write_names(&case), &case));
        }
        assert_eq!(write_names(&names(&["benign", "tumour, solid"])), r#"["benign","tumour, solid"]"#);
    }

    #[test]
    fn what_earlier_releases_joined_by_commas_is_read() {
        assert_eq!(read_names("benign,anomalous"), names(&["benign", "anomalous"]));
        assert_eq!(read_names("benign"), names(&["benign"]));
        assert_eq!(read_names(""), names(&[]));
        assert!(lists("tumour, solid,benign", &names(&["tumour, solid", "benign"])));
        assert!(!lists("anomalous,benign", &names(&["benign", "anomalous"])));
    }
}
