//! The recording device. burn's default types differ between devices (integers have 32 bits on the CPU backend and 64 on
//! the recording device), and a forward function that compares a new tensor of indices with an input would mix both. So
//! the recording device is configured like the device of the module.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::{BoolDType, Device, DeviceConfig, FloatDType, IntDType};

/// Default element types.
type Defaults = (FloatDType, IntDType, BoolDType);

/// Recording devices that are not in use, each with its defaults. burn has ids for 65,536 of them in a process and releases
/// none, so there are as many as recordings at the same time.
static IDLE: Mutex<Vec<(Defaults, Device)>> = Mutex::new(Vec::new());

/// The idle devices. The list is complete between any two operations on it, so a panic elsewhere does not matter.
fn idle() -> MutexGuard<'static, Vec<(Defaults, Device)>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn defaults(device: &Device) -> Defaults {
    let settings = device.settings();
    (settings.float_dtype, settings.int_dtype, settings.bool_dtype)
}

/// A recording device for one recording at a time. Other recordings can use it once it is dropped.
pub(crate) struct RecordingDevice {
    defaults: Defaults,
    device: Device,
}

impl Deref for RecordingDevice {
    type Target = Device;

    fn deref(&self) -> &Device {
        &self.device
    }
}

impl Drop for RecordingDevice {
    fn drop(&mut self) {
        idle().push((self.defaults, self.device.clone()));
    }
}

/// Returns a recording device for the default types of `like`, which [`set`] applies when recording begins.
pub(crate) fn recording(like: &Device) -> RecordingDevice {
    let wanted = defaults(like);
    let known = {
        let mut idle = idle();
        let at = idle.iter().position(|(known, _)| *known == wanted);
        at.map(|at| idle.swap_remove(at).1)
    };
    RecordingDevice { defaults: wanted, device: known.unwrap_or_else(Device::capture) }
}

/// Configures a recording device with the default types of `like`, unless it is configured. Must be called inside a
/// recording, before the first operation.
pub(crate) fn set(device: &Device, like: &Device) {
    let (float, int, bool) = defaults(like);
    let config = DeviceConfig::default().float_dtype(float).int_dtype(int).bool_dtype(bool);
    // This fails if the same types were set before, or if recording does not support a type; then burn's defaults remain.
    let _ = device.clone().configure(config);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_use_the_same_device_one_after_another() {
        let like = Device::flex();
        let use_one = || std::thread::scope(|scope| scope.spawn(|| recording(&Device::flex()).clone()).join().ok());
        let devices: Vec<Device> = (0..50).filter_map(|_| use_one()).collect();
        let distinct = devices.iter().enumerate().filter(|(at, device)| !devices[..*at].contains(device)).count();
        // Other tests may record at the same time.
        assert!(devices.len() == 50 && distinct < 50, "{distinct} devices");
        let (first, second) = (recording(&like), recording(&like));
        assert_ne!(*first, *second);
    }
}
