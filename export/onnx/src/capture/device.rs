//! The recording device. burn's default types differ between devices (integers have 32 bits on the CPU backend and 64 on
//! the recording device), and a forward function that compares a new tensor of indices with an input would mix both. So
//! the recording device is configured like the device of the module.

use std::cell::RefCell;

use burn::tensor::{BoolDType, Device, DeviceConfig, FloatDType, IntDType};

/// Default element types.
type Defaults = (FloatDType, IntDType, BoolDType);

thread_local! {
    /// One device for each set of defaults: burn has ids for 65,536 recording devices in a process and releases none.
    static DEVICES: RefCell<Vec<(Defaults, Device)>> = const { RefCell::new(Vec::new()) };
}

fn defaults(device: &Device) -> Defaults {
    let settings = device.settings();
    (settings.float_dtype, settings.int_dtype, settings.bool_dtype)
}

/// Returns a recording device for the default types of `like`, which [`set`] applies when recording begins.
pub(crate) fn recording(like: &Device) -> Device {
    let wanted = defaults(like);
    DEVICES.with_borrow_mut(|devices| {
        if let Some((_, device)) = devices.iter().find(|(known, _)| *known == wanted) {
            return device.clone();
        }
        let device = Device::capture();
        devices.push((wanted, device.clone()));
        device
    })
}

/// Configures a recording device with the default types of `like`, unless it is configured. Must be called inside a
/// recording, before the first operation.
pub(crate) fn set(device: &Device, like: &Device) {
    let (float, int, bool) = defaults(like);
    let config = DeviceConfig::default().float_dtype(float).int_dtype(int).bool_dtype(bool);
    // This fails if the same types were set before, or if recording does not support a type; then burn's defaults remain.
    let _ = device.clone().configure(config);
}
