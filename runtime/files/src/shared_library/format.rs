//! The format and the processors of a shared library, from the first bytes of its file. Layouts: System V ABI, ELF-64
//! object files; Microsoft PE format; Apple's `mach-o/loader.h` and `mach-o/fat.h`.

/// The format of a library file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Linux and other Unix systems.
    Elf,
    /// Windows.
    Pe,
    /// macOS; one file may be for several processors.
    MachO,
}

impl Format {
    /// The format that the loader of a system takes; `None` for a system that this module does not know.
    pub(super) fn of_system(os: &str) -> Option<Self> {
        match os {
            "linux" | "android" | "freebsd" | "netbsd" | "openbsd" => Some(Self::Elf),
            "windows" => Some(Self::Pe),
            "macos" | "ios" => Some(Self::MachO),
            _ => None,
        }
    }

    /// The name in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Elf => "ELF",
            Self::Pe => "PE",
            Self::MachO => "Mach-O",
        }
    }
}

/// The format and the architectures (as in [`std::env::consts::ARCH`]) of a library that begins with `head`. `None` if it
/// is no 64-bit little-endian library of a known format; a processor other than x86-64 and Arm is left out.
pub(super) fn detect(head: &[u8]) -> Option<(Format, Vec<&'static str>)> {
    elf(head)
        .map(|arch| (Format::Elf, arch))
        .or_else(|| pe(head).map(|arch| (Format::Pe, arch)))
        .or_else(|| mach_o(head).map(|arch| (Format::MachO, arch)))
}

fn elf(head: &[u8]) -> Option<Vec<&'static str>> {
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    Some(match short(head, 18)? {
        62 => vec!["x86_64"],
        183 => vec!["aarch64"],
        _ => vec![],
    })
}

fn pe(head: &[u8]) -> Option<Vec<&'static str>> {
    if !head.starts_with(b"MZ") {
        return None;
    }
    let header = usize::try_from(word(head, 0x3c)?).ok()?;
    if head.get(header..header.checked_add(4)?)? != b"PE\0\0" {
        return None;
    }
    Some(match short(head, header + 4)? {
        0x8664 => vec!["x86_64"],
        0xaa64 => vec!["aarch64"],
        _ => vec![],
    })
}

fn mach_o(head: &[u8]) -> Option<Vec<&'static str>> {
    if head.starts_with(&[0xcf, 0xfa, 0xed, 0xfe]) {
        return Some(cpu(word(head, 4)?).into_iter().collect());
    }
    if !head.starts_with(&[0xca, 0xfe, 0xba, 0xbe]) {
        return None;
    }
    // The header of a file for several processors is big-endian. Java's class files begin with the same four bytes; their
    // next four are a version, which is above the number of processors of any library.
    let count = usize::try_from(word(head, 4)?.swap_bytes()).ok().filter(|count| *count < 32)?;
    (0..count)
        .map(|i| word(head, 8 + i * 20).map(u32::swap_bytes))
        .collect::<Option<Vec<_>>>()
        .map(|cpus| cpus.into_iter().filter_map(cpu).collect())
}

fn cpu(kind: u32) -> Option<&'static str> {
    match kind {
        0x0100_0007 => Some("x86_64"),
        0x0100_000c => Some("aarch64"),
        _ => None,
    }
}

pub(super) fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub(super) fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The beginning of a library: nothing but the fields that are read.
    pub(in super::super) fn head(format: Format, arch: &str) -> Vec<u8> {
        let mut head = vec![0; 256];
        match format {
            Format::Elf => {
                head[..6].copy_from_slice(b"\x7fELF\x02\x01");
                head[18] = if arch == "x86_64" { 62 } else { 183 };
            }
            Format::Pe => {
                head[..2].copy_from_slice(b"MZ");
                head[0x3c] = 0x80;
                head[0x80..0x84].copy_from_slice(b"PE\0\0");
                head[0x84..0x86].copy_from_slice(if arch == "x86_64" { &[0x64, 0x86] } else { &[0x64, 0xaa] });
            }
            Format::MachO => {
                head[..4].copy_from_slice(&[0xcf, 0xfa, 0xed, 0xfe]);
                head[4..8].copy_from_slice(if arch == "x86_64" { &[7, 0, 0, 1] } else { &[12, 0, 0, 1] });
            }
        }
        head
    }

    #[test]
    fn each_format_and_processor_is_recognised() {
        for format in [Format::Elf, Format::Pe, Format::MachO] {
            for arch in ["x86_64", "aarch64"] {
                assert_eq!(detect(&head(format, arch)), Some((format, vec![arch])));
            }
        }
    }

    #[test]
    fn a_mach_o_file_for_two_processors_has_both() {
        let mut fat = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2];
        for kind in [[1, 0, 0, 7], [1, 0, 0, 12]] {
            fat.extend(kind);
            fat.extend([0; 16]);
        }
        assert_eq!(detect(&fat), Some((Format::MachO, vec!["x86_64", "aarch64"])));
        fat.truncate(20);
        assert_eq!(detect(&fat), None);
        assert_eq!(detect(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 65]), None, "a class file of Java");
    }

    #[test]
    fn junk_and_short_files_have_no_format() {
        let mut far = b"MZ".to_vec();
        far.resize(0x40, 0xff);
        for junk in [&b""[..], b"MZ", b"\x7fELF", b"\x7fELF\x01\x01", &far, &[0xcf, 0xfa, 0xed, 0xfe], &[0; 300]] {
            assert_eq!(detect(junk), None, "{junk:?}");
        }
    }
}
