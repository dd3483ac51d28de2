//! The pinned wheels of OpenSlide, one for each platform. A wheel or a library with other bytes is refused, from any server.
//! On a platform without a wheel, such as Windows on Arm, the user names a library instead.

use std::path::{Path, PathBuf};

use kiln_files::installation::{Installation, PinnedFile};
use kiln_files::platform::Platform;
use kiln_files::wheel::Wheel;

/// Version of the wheel; OpenSlide's own version is its first three numbers.
pub(super) const WHEEL_VERSION: &str = "4.0.1.2";

/// The wheel of one platform.
#[derive(Debug)]
pub(super) struct Pins {
    /// The platform that the library is for. The library for macOS also runs on Intel processors.
    platform: Platform,
    /// Platform tag of the wheel.
    tag: &'static str,
    /// SHA-256 of the wheel.
    sha256: &'static str,
    /// The library itself.
    pub(super) library: PinnedFile,
    /// Licences of the libraries that are linked into this one alone.
    licences: &'static [PinnedFile],
}

const fn library(entry: &'static str, name: &'static str, bytes: u64, sha256: &'static str) -> PinnedFile {
    PinnedFile { entry, name, bytes, sha256 }
}

static TABLE: [Pins; 4] = [
    Pins {
        platform: Platform::LinuxX64,
        tag: "manylinux_2_28_x86_64",
        sha256: "8ac4aa3a2277ed5e218ca0019db65bdd6e853f865eb4edd3da00e2f4acf0c923",
        library: library(
            "openslide_bin/libopenslide.so.1",
            "libopenslide.so.1",
            6_398_136,
            "552b5b77901bc9c7e7cc6e02a0b4f2861ffa85572b036a063db4f19ed2f357df",
        ),
        licences: &[SQLITE, LIBFFI, LIBXML2],
    },
    Pins {
        platform: Platform::LinuxArm64,
        tag: "manylinux_2_28_aarch64",
        sha256: "0dff14807e1b7ccfd476ca5b6945edf46908b76ec61777d35acb2a514e205c30",
        library: library(
            "openslide_bin/libopenslide.so.1",
            "libopenslide.so.1",
            6_033_512,
            "71ee1bc265a5322a8d83a811faedd3473483a4c8e810e9725897830b01e56639",
        ),
        licences: &[SQLITE, LIBFFI, LIBXML2],
    },
    Pins {
        platform: Platform::MacOsArm64,
        tag: "macosx_11_0_universal2",
        sha256: "230cdb1e2cfa88b9f28ca8f51a7b47065b20a855ad3e7ba141cd663e5a713e8c",
        library: library(
            "openslide_bin/libopenslide.1.dylib",
            "libopenslide.1.dylib",
            8_165_848,
            "f31fd20609d00b0348d66b08dd5cded12bd7ae0d312aa357e5e556a87dc546f2",
        ),
        licences: &[PROXY_LIBINTL],
    },
    Pins {
        platform: Platform::WindowsX64,
        tag: "win_amd64",
        sha256: "0c882f0693e4b43e187a51469bff8057de381e865765ac5508a7e1feba319116",
        library: library(
            "openslide_bin/libopenslide-1.dll",
            "libopenslide-1.dll",
            8_704_019,
            "dc8e35ad0ce001c4e878f2bebc23e87fb85d2bdebec5a542af2ecec3cb5cd635",
        ),
        licences: &[SQLITE, LIBFFI, LIBXML2, PROXY_LIBINTL],
    },
];

/// The pins of a platform, if it has a wheel.
fn find(platform: Platform) -> Option<&'static Pins> {
    TABLE.iter().find(|pins| pins.platform == platform)
}

/// The pins for the platform that this program was built for, if it has a wheel.
pub(super) fn here() -> Option<&'static Pins> {
    find(Platform::here()?)
}

/// The platforms that have a wheel.
pub(super) fn platforms() -> Vec<Platform> {
    TABLE.iter().map(|pins| pins.platform).collect()
}

/// The folder of the installed wheel, which need not exist; `None` if the user has no home folder and `KILN_CACHE` is not
/// set.
pub(super) fn folder() -> Option<PathBuf> {
    Some(kiln_files::cache::dir()?.join("openslide").join(WHEEL_VERSION))
}

impl Pins {
    /// The installation of this wheel into a folder: the library, and the licences of it and of the libraries that are
    /// linked into it.
    pub(super) fn installation<'a>(&self, folder: &'a Path) -> Installation<'a> {
        let (sha256, platform) = (self.sha256, Some(self.tag));
        let wheel = Wheel { distribution: "openslide-bin", version: WHEEL_VERSION, sha256, platform };
        let files = [&[self.library], LICENCES, self.licences].concat();
        Installation { name: "openslide", wheel, files, folder }
    }
}

macro_rules! licence {
    ($name:literal, $bytes:literal, $sha256:literal) => {
        PinnedFile {
            entry: concat!("openslide_bin-4.0.1.2.dist-info/licenses/licenses/", $name),
            name: concat!("licenses/", $name),
            bytes: $bytes,
            sha256: $sha256,
        }
    };
}

const SQLITE: PinnedFile =
    licence!("SQLite/PUBLIC-DOMAIN.txt", 291, "452d1e9b9ac57647fd26b9a0eee6a647e0d090f180897b3626ea1278ccb1cf95");
const LIBFFI: PinnedFile =
    licence!("libffi/LICENSE", 1_132, "d5699fa516968e3a1550e6c902b7441c78856f2603d61bedd0b0662a26655366");
const LIBXML2: PinnedFile =
    licence!("libxml2/Copyright", 1_314, "5d4873884a890122a4b9b20ad56ac6f7da1d796a5bfcf04a427970ac96217626");
const PROXY_LIBINTL: PinnedFile =
    licence!("proxy-libintl/COPYING", 25_292, "d245807f90032872d1438d741ed21e2490e1175dc8aa3afa5ddb6c8e529b58e5");

/// The licences that the wheels of all platforms have.
const LICENCES: &[PinnedFile] = &[
    licence!("OpenJPEG/LICENSE", 2_112, "a6af136f3e15038a666b61f376612a07d9a4e48cb7c01adbf3e33b3f14ab49b6"),
    licence!("OpenSlide/COPYING.LESSER", 26_419, "20e50fe7aae3e56378ebf0417d9de904f55a0e61e4df315333e632a4d3555d95"),
    licence!("Zstandard/LICENSE", 1_549, "7055266497633c9025b777c78eb7235af13922117480ed5c674677adc381c9d8"),
    licence!("cairo/COPYING", 1_576, "67228a9f7c5f9b67c58f556f1be178f62da4d9e2e6285318d8c74d567255abdf"),
    licence!("cairo/COPYING-LGPL-2.1", 26_533, "9e9e8608c4cdda51a78cc3a385f4ec9a2e4c96d5ecad74ac8bca5fca3e563b7d"),
    licence!("cairo/COPYING-MPL-1.1", 25_755, "53692a2ed6c6a2c6ec9b32dd0b820dfae91e0a1fcdf625ca9ed0bdf8705fcc4f"),
    licence!("glib/COPYING", 25_967, "fa6f36630bb1e0c571d34b2bbdf188d08495c9dbf58f28cac112f303fc1f58fb"),
    licence!("libdicom/LICENSE", 1_075, "86287375f6fc517fb9d69a62ec08ebd08f33869d426aec0a4c575376fa3daca8"),
    licence!("libjpeg-turbo/LICENSE.md", 5_622, "e10114e6e40f3d0311c401ca25245ac5ef459a43c20f976fd63f03e816f5741f"),
    licence!("libjpeg-turbo/README.ijg", 12_799, "75815e3bf6484201a3c3d17a1bbf10f2e8e3237f84df10a2357ea896db2a81d6"),
    licence!("libpng/LICENSE", 5_345, "bdb0a645ea18c60507d0368379b1ac5474b92255fcc2d115e07486a7672ba526"),
    licence!("libtiff/LICENSE.md", 2_416, "0e27c2382d7b8147972bbb746e04059a1152c8d0fda9d03ef1399d1a433c4ade"),
    licence!("pixman/COPYING", 2_087, "fac9270f0987b96ff4533fca3548c633e02083cbba4a0172a3b149b2e4019793"),
    licence!("uthash/LICENSE", 1_141, "e9b9aac8421b6d29176c6f23f6f7a907194245e35ef99ace10839734961cfaa2"),
    licence!("zlib-ng/LICENSE.md", 867, "6c9f0d975b41afaa34d22f55bb8986ce69e5cb7ad327cb2b28820cd425edf5ee"),
];

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use kiln_files::shared_library;

    use super::*;

    #[test]
    fn every_platform_but_windows_on_arm_has_one_row_with_its_own_names_and_digests() {
        let expected = [Platform::LinuxX64, Platform::LinuxArm64, Platform::MacOsArm64, Platform::WindowsX64];
        assert_eq!(platforms(), expected);
        for pins in &TABLE {
            let name = match pins.platform.os() {
                "windows" => "libopenslide-1.dll",
                "macos" => "libopenslide.1.dylib",
                _ => "libopenslide.so.1",
            };
            assert_eq!(pins.library.name, name);
            assert!(pins.library.entry.ends_with(name), "{}", pins.library.entry);
            let installation = pins.installation(Path::new("folder"));
            assert!(installation.files.iter().any(|file| file.name == "licenses/OpenSlide/COPYING.LESSER"));
            for digest in installation.files.iter().map(|file| file.sha256).chain([pins.sha256]) {
                assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
            }
            let names: BTreeSet<_> = installation.files.iter().map(|file| file.name).collect();
            assert_eq!(names.len(), installation.files.len(), "{}", pins.platform);
        }
        let digests: BTreeSet<_> = TABLE.iter().flat_map(|pins| [pins.sha256, pins.library.sha256]).collect();
        assert_eq!(digests.len(), 2 * TABLE.len(), "a digest was copied from another row");
    }

    /// Downloads every wheel, 13 MB in all, and unpacks its files as an installation does.
    #[test]
    fn the_wheels_of_every_platform_have_the_pinned_files() {
        if std::env::var_os("KILN_SLOW_TESTS").is_none() {
            eprintln!("skipped: downloads four wheels; set KILN_SLOW_TESTS to run it");
            return;
        }
        for pins in &TABLE {
            let scratch = tempfile::tempdir().unwrap();
            let folder = scratch.path().join("installed");
            let installed = pins.installation(&folder).install(&mut |_| ());
            installed.unwrap_or_else(|error| panic!("{}: {error}", pins.platform));
            let bytes = fs::read(folder.join(pins.library.name)).unwrap();
            let (head, length) = (&bytes[..65_536], pins.library.bytes);
            let checked = shared_library::check_head(head, length, pins.platform.os(), pins.platform.arch());
            assert_eq!(checked, Ok(()), "{}", pins.platform);
        }
    }
}
