//! The kernel's own text files: `name : value`, a line each.

/// The value of the first line `name : value`, such as `MemTotal` of `/proc/meminfo`.
#[must_use]
pub fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

/// A size in bytes, from a value such as `2048 kB`.
#[must_use]
pub fn bytes(text: &str, name: &str) -> Option<u64> {
    let kib: u64 = field(text, name)?.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "model\t\t: 85\nmodel name\t: Some CPU @ 2.00GHz\n";
        assert_eq!(field(text, "model name"), Some("Some CPU @ 2.00GHz"));
        assert_eq!(field(text, "name"), None);
        let gpu = "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 91\n";
        assert_eq!(field(gpu, "Model"), Some("NVIDIA H100 80GB HBM3"));
        assert_eq!(field("IRQ: 1\n", "Model"), None);
        assert_eq!(bytes("VmHWM:\t    2048 kB\n", "VmHWM"), Some(2 << 20));
    }
}
