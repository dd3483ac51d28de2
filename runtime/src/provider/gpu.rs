//! The NVIDIA GPUs of this machine, read from the driver's files without CUDA.

use std::fs;

use crate::proc::field;

/// One name a GPU, such as `NVIDIA H100 80GB HBM3`; empty where there is no driver.
#[must_use]
pub fn nvidia_gpus() -> Vec<String> {
    let Ok(folders) = fs::read_dir("/proc/driver/nvidia/gpus") else { return Vec::new() };
    let mut files: Vec<_> = folders.filter_map(|folder| Some(folder.ok()?.path().join("information"))).collect();
    // By bus address, as CUDA may number them too.
    files.sort();
    files.iter().filter_map(|file| field(&fs::read_to_string(file).ok()?, "Model").map(str::to_owned)).collect()
}

/// The driver's own version line; none where there is no driver.
#[must_use]
pub fn nvidia_driver() -> Option<String> {
    fs::read_to_string("/proc/driver/nvidia/version").ok()?.lines().next().map(|line| line.trim().to_owned())
}
