//! The folders in which a system keeps shared libraries, and a check that a library file is whole and for this machine. The
//! loader of Linux maps a truncated file, and the process dies of SIGBUS at the first missing page. The ends of all segments
//! are therefore compared with the file's length before it is loaded (layout: System V ABI, ELF-64 object files). Loaders of
//! other systems refuse a truncated file themselves.

mod format;

use std::env::{self, consts};
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use format::{Format, long, short};

const HEADER: usize = 64;
/// More program headers than any library has.
const MOST_SEGMENTS: usize = 1_024;

/// The environment variables that add folders to the loader's search on a system, in the loader's order.
fn path_variables(os: &str) -> &'static [&'static str] {
    match os {
        "windows" => &["PATH"],
        "macos" => &["DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"],
        _ => &["LD_LIBRARY_PATH"],
    }
}

/// The usual folders of a system, in order. On macOS they include those of Homebrew and MacPorts. Windows has none.
fn usual_folders(os: &str) -> &'static [&'static str] {
    match os {
        "windows" => &[],
        "macos" => &["/opt/homebrew/lib", "/usr/local/lib", "/opt/local/lib"],
        _ => &[
            "/usr/local/lib",
            "/usr/local/lib64",
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/lib64",
            "/usr/lib",
        ],
    }
}

/// The environment variable that adds folders to the loader's search here: `LD_LIBRARY_PATH`, on macOS
/// `DYLD_LIBRARY_PATH`, on Windows `PATH`.
#[must_use]
pub fn path_variable() -> &'static str {
    path_variables(consts::OS)[0]
}

/// The loader's function here: `dlopen`, on Windows `LoadLibrary`.
#[must_use]
pub fn loader() -> &'static str {
    loader_of(consts::OS)
}

fn loader_of(os: &str) -> &'static str {
    if os == "windows" { "LoadLibrary" } else { "dlopen" }
}

/// The loader's message, with the name of its function, and what to look at if another library is missing.
#[must_use]
pub fn loader_reason(message: &str) -> String {
    reason_on(consts::OS, message)
}

fn reason_on(os: &str, message: &str) -> String {
    let (call, variable) = (loader_of(os), path_variables(os)[0]);
    // Code 126 of Windows (ERROR_MOD_NOT_FOUND) is also the code for a missing dependency, which it does not name.
    let missing = match os {
        "windows" => message.contains("os error 126"),
        "macos" => message.contains("Library not loaded"),
        _ => message.contains("cannot open shared object file"),
    };
    let advice = match (missing, os) {
        (false, _) => String::new(),
        (true, "windows") => format!("; this DLL or one that it needs is in no folder of {variable}"),
        (true, _) => format!("; {variable} lists further folders to search for it"),
    };
    format!("{call} failed: {message}{advice}")
}

/// The folders to search for a library of the system, in order: those of the loader's path ([`path_variable`]), then the
/// usual ones. On Windows the system's own folder is left out: it holds an old ONNX Runtime that belongs to Windows ML.
#[must_use]
pub fn search_folders() -> Vec<PathBuf> {
    let paths = path_variables(consts::OS).iter().filter_map(env::var_os);
    let system = env::var_os("SystemRoot").filter(|_| cfg!(windows)).map(PathBuf::from);
    folders(paths, system.as_deref(), consts::OS)
}

fn folders(paths: impl Iterator<Item = OsString>, system: Option<&Path>, os: &str) -> Vec<PathBuf> {
    let named = paths.flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let named = named.filter(|folder| !folder.as_os_str().is_empty());
    // Windows compares names without case, and writes them in several.
    let lower = |path: &Path| PathBuf::from(path.to_string_lossy().to_lowercase());
    let named = named.filter(|folder| system.is_none_or(|system| !lower(folder).starts_with(lower(system))));
    named.chain(usual_folders(os).iter().map(PathBuf::from)).collect()
}

/// Checks that the file can be a library.
///
/// # Errors
/// The reason why it cannot.
pub fn check(path: &Path) -> Result<(), String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("not a regular file".to_owned());
    }
    let mut head = Vec::new();
    let most = (HEADER + MOST_SEGMENTS * 56) as u64;
    file.by_ref().take(most).read_to_end(&mut head).map_err(|error| error.to_string())?;
    check_head(&head, metadata.len(), consts::OS, consts::ARCH)
}

/// Checks that a library is for a system and an architecture, named as in [`std::env::consts`], by the first bytes of its
/// file. An ELF library must also be whole.
///
/// # Errors
/// The reason why it cannot be loaded there.
pub fn check_head(head: &[u8], length: u64, os: &str, arch: &str) -> Result<(), String> {
    let Some(expected) = Format::of_system(os) else { return Ok(()) };
    let name = expected.name();
    if head.starts_with(b"\x7fELF") && head.get(4..6) != Some(&[2, 1]) {
        return Err("not a 64-bit little-endian library".to_owned());
    }
    let Some((format, processors)) = format::detect(head) else {
        return Err(format!("not a shared library (no {name} header)"));
    };
    if format != expected {
        return Err(format!("a library in {} format; {os} needs {name}", format.name()));
    }
    if !processors.contains(&arch) {
        let found = if processors.is_empty() { "another processor".to_owned() } else { processors.join(" and ") };
        return Err(format!("a library for {found}; this program needs one for {arch}"));
    }
    if format == Format::Elf { check_length(head, length) } else { Ok(()) }
}

fn check_length(head: &[u8], length: u64) -> Result<(), String> {
    let end = end_of_segments(head).ok_or_else(|| format!("cut short: {length} bytes hold no whole header"))?;
    if end > length { Err(format!("cut short: {length} bytes, but its header announces {end}")) } else { Ok(()) }
}

/// The end of the last segment or of the section table, whichever is later.
fn end_of_segments(head: &[u8]) -> Option<u64> {
    let start = usize::try_from(long(head, 32)?).ok()?;
    let (size, count) = (usize::from(short(head, 54)?), usize::from(short(head, 56)?));
    let sections = long(head, 40)?.checked_add(u64::from(short(head, 58)?) * u64::from(short(head, 60)?))?;
    (0..count).try_fold(sections, |end, i| {
        let segment = start.checked_add(i.checked_mul(size)?)?;
        Some(end.max(long(head, segment + 8)?.checked_add(long(head, segment + 32)?)?))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::format::tests::head;
    use super::*;

    /// A check for Linux on x86-64, whatever machine runs the test.
    fn check_elf(head: &[u8], length: u64) -> Result<(), String> {
        check_head(head, length, "linux", "x86_64")
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_very_program_is_whole_and_its_first_half_is_not() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let length = program.len() as u64;
        let check = |head: &[u8], length| check_head(head, length, consts::OS, consts::ARCH);
        assert_eq!(check(&program, length), Ok(()));
        assert!(check(&program[..program.len() / 2], length / 2).unwrap_err().starts_with("cut short"));
    }

    #[test]
    fn junk_of_every_length_is_refused_without_a_panic() {
        for length in 0..200 {
            assert!(check_elf(&vec![0xff; length], length as u64).is_err());
            let mut elf = vec![0xff; length + 20];
            elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
            elf[18..20].copy_from_slice(&[62, 0]);
            assert!(check_elf(&elf, elf.len() as u64).unwrap_err().starts_with("cut short"));
        }
    }

    #[test]
    fn a_library_for_another_system_or_processor_is_refused_with_both_names() {
        let refused = |format, made_for, os, arch| check_head(&head(format, made_for), 256, os, arch).unwrap_err();
        assert_eq!(refused(Format::Pe, "x86_64", "linux", "x86_64"), "a library in PE format; linux needs ELF");
        assert_eq!(refused(Format::Elf, "x86_64", "macos", "aarch64"), "a library in ELF format; macos needs Mach-O");
        let expected = "a library for x86_64; this program needs one for aarch64";
        assert_eq!(refused(Format::MachO, "x86_64", "macos", "aarch64"), expected);
        assert_eq!(refused(Format::Pe, "x86_64", "windows", "aarch64"), expected);
        assert_eq!(check_head(b"text", 4, "windows", "x86_64").unwrap_err(), "not a shared library (no PE header)");
        for (format, os) in [(Format::MachO, "macos"), (Format::Pe, "windows")] {
            assert_eq!(check_head(&head(format, "aarch64"), 256, os, "aarch64"), Ok(()));
        }
        assert_eq!(check_head(b"text", 4, "wasi", "wasm32"), Ok(()), "left to its loader");
    }

    #[test]
    fn a_missing_library_is_explained_in_the_terms_of_each_system() {
        let cases = [
            (
                "linux",
                "libcudart.so.13: cannot open shared object file: No such file or directory",
                "dlopen failed: ",
                "LD_LIBRARY_PATH",
            ),
            ("macos", "Library not loaded: @rpath/libx.dylib", "dlopen failed: ", "DYLD_LIBRARY_PATH"),
            (
                "windows",
                "The specified module could not be found. (os error 126)",
                "LoadLibrary failed: ",
                "one that it needs is in no folder of PATH",
            ),
        ];
        for (os, message, call, advice) in cases {
            let text = reason_on(os, message);
            assert!(text.starts_with(&format!("{call}{message}")) && text.contains(advice), "{text}");
            let other = reason_on(os, "invalid format");
            assert_eq!(other, format!("{call}invalid format"));
        }
    }

    #[test]
    fn folders_of_the_path_come_first_and_those_of_the_system_itself_are_left_out() {
        let path = env::join_paths(["/opt/a", "/WINDOWS/system32", "/Windows.old", "/opt/b"]).unwrap();
        let found = folders([path].into_iter(), Some(Path::new("/windows")), "windows");
        assert_eq!(found, ["/opt/a", "/Windows.old", "/opt/b"].map(PathBuf::from));
        let found = folders(std::iter::empty(), None, "macos");
        assert_eq!(found.first(), Some(&PathBuf::from("/opt/homebrew/lib")));
        assert!(folders(std::iter::empty(), None, "linux").contains(&PathBuf::from("/usr/lib64")));
    }
}
