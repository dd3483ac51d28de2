//! The devices that ONNX Runtime lists for its providers. Providers in plugin libraries have devices once a session has
//! loaded the library; most built-in ones list none, whatever the machine has.

use ort::device::Device;
use ort::memory::DeviceType;
use serde::{Deserialize, Serialize};

use super::load::Runtime;
use crate::provider::ProviderKind;

/// A device of a provider, as ONNX Runtime lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderDevice {
    /// `cpu`, `gpu`, `npu` or `fpga`.
    pub kind: String,
    /// The device's manufacturer; empty if it is unknown.
    pub vendor: String,
    /// Number of the device's model at its manufacturer, such as the PCI device ID.
    pub id: u32,
}

impl Runtime {
    /// The devices of a provider; empty if ONNX Runtime lists none for it.
    #[must_use]
    pub fn devices(&self, provider: ProviderKind) -> Vec<ProviderDevice> {
        let has_name = |device: &Device<'_>| device.ep().is_ok_and(|name| name == provider.onnx_name());
        self.environment().devices().filter(has_name).map(|device| described(&device)).collect()
    }
}

fn described(device: &Device<'_>) -> ProviderDevice {
    let hardware = device.hardware_device();
    let kind = match hardware.ty() {
        DeviceType::CPU => "cpu",
        DeviceType::GPU => "gpu",
        DeviceType::NPU => "npu",
        DeviceType::FPGA => "fpga",
    };
    let vendor = hardware.vendor().unwrap_or_default().to_owned();
    ProviderDevice { kind: kind.to_owned(), vendor, id: hardware.id() }
}
