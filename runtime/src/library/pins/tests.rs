#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeSet;
use std::fs;

use kiln_files::shared_library;

use super::*;
use crate::library::{PluginWheel, RuntimeWheel};

/// The file name of the library that is loaded first on a platform.
fn core_name(pins: &Pins) -> String {
    match pins.platform.os() {
        "windows" => "onnxruntime.dll".to_owned(),
        "macos" => format!("libonnxruntime.{}.dylib", pins.version),
        _ => format!("libonnxruntime.so.{}", pins.version),
    }
}

fn extension(platform: Platform) -> &'static str {
    match platform.os() {
        "windows" => ".dll",
        "macos" => ".dylib",
        _ => ".so",
    }
}

#[test]
fn each_wheel_has_one_row_for_each_platform_and_cpu_has_one_for_every_platform() {
    let rows: BTreeSet<_> = TABLE.iter().map(|pins| (pins.wheel, pins.platform)).collect();
    assert_eq!(rows.len(), TABLE.len());
    for platform in Platform::ALL {
        assert!(find("cpu", platform).is_some(), "{platform}");
    }
    assert!(RuntimeWheel::ALL.iter().all(|wheel| rows.iter().any(|(known, _)| *known == wheel.name())));
    let versions: BTreeSet<_> = TABLE.iter().filter(|pins| pins.wheel != "openvino").map(|pins| pins.version).collect();
    assert_eq!(versions.len(), 1, "one version on every platform: {versions:?}");
}

#[test]
fn every_row_has_its_core_library_first_its_licence_and_whole_digests() {
    for pins in TABLE {
        let row = format!("{} on {}", pins.wheel, pins.platform);
        assert_eq!(pins.files.first().map(WheelFile::name), Some(core_name(pins).as_str()), "{row}");
        for text in ["LICENSE", "ThirdPartyNotices.txt"] {
            assert!(pins.files.iter().any(|file| file.name() == text && file.role == Role::Text), "{row}: {text}");
        }
        for library in pins.files.iter().filter(|file| file.role != Role::Text) {
            assert!(library.name().contains(extension(pins.platform)), "{row}: {}", library.name());
        }
        let names: BTreeSet<_> = pins.files.iter().map(WheelFile::name).collect();
        assert_eq!(names.len(), pins.files.len(), "{row}: two files of one name");
        for digest in pins.files.iter().map(|file| file.sha256).chain([pins.wheel_sha256]) {
            let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            assert!(digest.len() == 64 && digest.bytes().all(is_hex), "{row}: {digest}");
        }
    }
    let wheels: BTreeSet<_> = TABLE.iter().map(|pins| pins.wheel_sha256).collect();
    assert_eq!(wheels.len(), TABLE.len(), "a digest was copied from another row");
}

#[test]
fn plugins_have_one_row_for_each_platform_their_library_first_and_whole_digests() {
    let rows: BTreeSet<_> = PLUGINS.iter().map(|pins| (pins.wheel, pins.platform)).collect();
    assert_eq!(rows.len(), PLUGINS.len());
    for wheel in PluginWheel::ALL {
        assert!(wheel.platforms().contains(&Platform::LinuxX64), "{wheel}");
        assert_eq!(wheel.name().parse(), Ok(wheel));
    }
    for pins in PLUGINS {
        let row = format!("{} on {}", pins.wheel, pins.platform);
        let first = pins.files.first().map(WheelFile::name).unwrap_or_default();
        assert!(
            first.contains("onnxruntime_providers_") && first.ends_with(extension(pins.platform)),
            "{row}: {first}"
        );
        assert!(pins.files.iter().any(|file| file.role == Role::Text), "{row} has no licence");
        let names: BTreeSet<_> = pins.files.iter().map(WheelFile::name).collect();
        assert_eq!(names.len(), pins.files.len(), "{row}: two files of one name");
        for digest in pins.files.iter().map(|file| file.sha256).chain([pins.wheel_sha256]) {
            assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{row}: {digest}");
        }
    }
}

#[test]
fn tensorrt_for_rtx_is_loaded_before_its_plugin() {
    let preloaded = PluginWheel::TensorRtRtx.preload(std::path::Path::new("cache/plugin"));
    let names: Vec<_> = preloaded.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    if Platform::here() == Some(Platform::LinuxX64) {
        assert_eq!(names, ["libcudart.so.13.4.36", "libtensorrt_rtx.so.1.7.1", "libtensorrt_onnxparser_rtx.so.1.7.1"]);
    }
    assert!(PluginWheel::WebGpu.preload(std::path::Path::new("cache/plugin")).is_empty());
}

#[test]
fn tags_belong_to_their_platforms() {
    for pins in TABLE.into_iter().chain(PLUGINS) {
        let expected = match pins.platform {
            Platform::LinuxX64 => ("manylinux", "x86_64"),
            Platform::LinuxArm64 => ("manylinux", "aarch64"),
            Platform::MacOsArm64 if pins.wheel == "webgpu" => ("macosx", "universal2"),
            Platform::MacOsArm64 => ("macosx", "arm64"),
            Platform::WindowsX64 => ("win", "amd64"),
            Platform::WindowsArm64 => ("win", "arm64"),
        };
        assert!(pins.tag.starts_with(expected.0) && pins.tag.ends_with(expected.1), "{}", pins.tag);
    }
}

/// Downloads every wheel, 1.1 GB in all, and unpacks its files as an installation does: names, lengths and digests are the
/// pinned ones, and each library is for its platform.
#[test]
fn the_wheels_of_every_platform_have_the_pinned_files() {
    if std::env::var_os("KILN_SLOW_TESTS").is_none() {
        eprintln!("skipped: downloads 1.1 GB; set KILN_SLOW_TESTS to run it");
        return;
    }
    for pins in TABLE.into_iter().chain(PLUGINS) {
        let row = format!("{} on {}", pins.wheel, pins.platform);
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("installed");
        crate::install::installation(pins, &folder)
            .install(&mut |_| ())
            .unwrap_or_else(|error| panic!("{row}: {error}"));
        // Plugins come with a few data files.
        let is_library = |file: &&WheelFile| file.name().contains(extension(pins.platform));
        for library in pins.files.iter().filter(is_library) {
            let bytes = fs::read(folder.join(library.name())).unwrap();
            let head = &bytes[..bytes.len().min(65_536)];
            let checked = shared_library::check_head(head, library.bytes, pins.platform.os(), pins.platform.arch());
            assert_eq!(checked, Ok(()), "{row}: {}", library.name());
        }
    }
}
