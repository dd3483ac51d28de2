//! The NVIDIA GPUs of this machine, as far as the driver tells without being asked through CUDA.

use std::fs;

/// One name a GPU, such as `NVIDIA H100 80GB HBM3`; empty where there is no driver.
#[must_use]
pub fn nvidia_gpus() -> Vec<String> {
    let Ok(folders) = fs::read_dir("/proc/driver/nvidia/gpus") else { return Vec::new() };
    let mut files: Vec<_> = folders.filter_map(|folder| Some(folder.ok()?.path().join("information"))).collect();
    // By bus address, as CUDA may number them too.
    files.sort();
    files.iter().filter_map(|file| model(&fs::read_to_string(file).ok()?)).collect()
}

/// The driver's own version line; none where there is no driver.
#[must_use]
pub fn nvidia_driver() -> Option<String> {
    fs::read_to_string("/proc/driver/nvidia/version").ok()?.lines().next().map(|line| line.trim().to_owned())
}

fn model(information: &str) -> Option<String> {
    information.lines().find_map(|line| line.strip_prefix("Model:").map(|name| name.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_model_is_read_from_the_drivers_text() {
        let text = "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 91\n";
        assert_eq!(super::model(text).as_deref(), Some("NVIDIA H100 80GB HBM3"));
        assert_eq!(super::model("IRQ: 1\n"), None);
    }
}
