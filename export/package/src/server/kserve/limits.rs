//! The forms of values that Kubernetes accepts in the manifests (API reference, "Object Names and IDs" and "Quantity"), so that
//! a wrong one is refused here and not by the cluster.

/// The longest name of a model in the manifests: labels have at most 63 letters, and the longest one begins with
/// `kiln-triton-`.
pub(super) const LABEL: usize = 63 - "kiln-triton-".len();
/// The most replicas: Kubernetes counts them in 32 bits.
pub(super) const MOST_REPLICAS: u32 = i32::MAX as u32;
/// The most shards: the limit of an Indexed Job that counts the failures of each index.
pub(super) const MOST_SHARDS: u32 = 100_000;

/// The longest name of an object.
const NAME: usize = 253;

/// Returns true for a name that an InferenceService may have (RFC 1035), with room for the ends of the other manifests.
pub(super) fn is_label(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name.chars().all(is_plain)
        && !name.ends_with('-')
        && name.len() <= LABEL
}

/// Returns true for the name of a volume claim: labels of RFC 1123, separated by dots.
pub(super) fn is_claim(name: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.chars().all(is_plain) && !part.starts_with('-') && !part.ends_with('-');
    name.len() <= NAME && name.split('.').all(is_part)
}

/// Returns true for a letter of a label.
fn is_plain(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-'
}

/// Returns true for an amount above 0: `2`, `0.5`, `500m`, `4Gi`, `1e9`.
pub(super) fn is_quantity(text: &str) -> bool {
    const SUFFIXES: [&str; 16] = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let exponent = suffix.strip_prefix(['e', 'E']).is_some_and(|digits| digits.parse::<i8>().is_ok());
    number.parse::<f64>().is_ok_and(|number| number > 0.0) && (SUFFIXES.contains(&suffix) || exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_forms_of_kubernetes() {
        assert!(["2", "0.5", ".5", "500m", "4Gi", "128M", "1e9", "1E3", "2E"].into_iter().all(is_quantity));
        for wrong in ["", "two", "lots", "0", "-1", "4GB", "4gi", "1 Gi", "inf", "nan", "Gi", "1.2.3", "1e", "1i"] {
            assert!(!is_quantity(wrong), "{wrong}");
        }
        assert!(["kiln-data", "a.b", "0"].into_iter().all(is_claim));
        assert!(["", "My Claim", "a_b", "-a", "a-", "a..b", "A"].into_iter().all(|wrong| !is_claim(wrong)));
    }
}
