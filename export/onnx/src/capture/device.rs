//! The device that records. burn's default types differ from device to device (integers have 32 bits on the CPU backend
//! and 64 on the recording device), and a forward function that makes a tensor of indices and compares it with an input
//! meets both. So recording happens on a device that is set up like the one that the module is on.

use std::cell::RefCell;

use burn::tensor::{BoolDType, Device, DeviceConfig, FloatDType, IntDType};

/// Default element types.
type Defaults = (FloatDType, IntDType, BoolDType);

thread_local! {
    /// One for each kind of defaults: burn has numbers for 65,536 recording devices in a process, and none is given back.
    static DEVICES: RefCell<Vec<(Defaults, Device)>> = const { RefCell::new(Vec::new()) };
}

fn defaults(device: &Device) -> Defaults {
    let settings = device.settings();
    (settings.float_dtype, settings.int_dtype, settings.bool_dtype)
}

/// A recording device for the default types of `like`. They are [`set`] when recording begins.
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

/// Gives a recording device the default types of `like`, if it has none yet. Must be called inside a recording, before
/// anything is recorded.
pub(crate) fn set(device: &Device, like: &Device) {
    let (float, int, bool) = defaults(like);
    let config = DeviceConfig::default().float_dtype(float).int_dtype(int).bool_dtype(bool);
    // It fails if they have been set before, to the same, or if recording does not know a type; then burn's own stay.
    let _ = device.clone().configure(config);
}
