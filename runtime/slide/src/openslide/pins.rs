//! The pinned wheel of OpenSlide. A wheel or a library with other bytes is refused, from any server. On a platform
//! without pins the user names a library instead.

use std::path::PathBuf;

use kiln_files::installation::{Installation, PinnedFile};
use kiln_files::wheel::Wheel;

/// Version of the wheel; OpenSlide's own version is its first three numbers.
pub(super) const WHEEL_VERSION: &str = "4.0.1.2";

const WHEEL: Wheel<'static> = Wheel {
    distribution: "openslide-bin",
    version: WHEEL_VERSION,
    sha256: "8ac4aa3a2277ed5e218ca0019db65bdd6e853f865eb4edd3da00e2f4acf0c923",
    platform: Some("manylinux_2_28_x86_64"),
};

/// The library itself, the first of [`FILES`].
pub(super) const LIBRARY: PinnedFile = PinnedFile {
    entry: "openslide_bin/libopenslide.so.1",
    name: "libopenslide.so.1",
    bytes: 6_398_136,
    sha256: "552b5b77901bc9c7e7cc6e02a0b4f2861ffa85572b036a063db4f19ed2f357df",
};

/// The pins for the platform that this program was built for, if it has pins.
pub(super) fn installation(folder: &std::path::Path) -> Option<Installation<'_>> {
    let pinned = cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"));
    pinned.then(|| Installation { name: "openslide", wheel: WHEEL, files: FILES.to_vec(), folder })
}

/// The folder of the installed wheel, which need not exist; `None` if the user has no home folder and `KILN_CACHE` is not
/// set.
pub(super) fn folder() -> Option<PathBuf> {
    Some(kiln_files::cache::dir()?.join("openslide").join(WHEEL_VERSION))
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

/// The library, and the licences of it and of the libraries that are linked into it.
const FILES: &[PinnedFile] = &[
    LIBRARY,
    licence!("OpenJPEG/LICENSE", 2_112, "a6af136f3e15038a666b61f376612a07d9a4e48cb7c01adbf3e33b3f14ab49b6"),
    licence!("OpenSlide/COPYING.LESSER", 26_419, "20e50fe7aae3e56378ebf0417d9de904f55a0e61e4df315333e632a4d3555d95"),
    licence!("SQLite/PUBLIC-DOMAIN.txt", 291, "452d1e9b9ac57647fd26b9a0eee6a647e0d090f180897b3626ea1278ccb1cf95"),
    licence!("Zstandard/LICENSE", 1_549, "7055266497633c9025b777c78eb7235af13922117480ed5c674677adc381c9d8"),
    licence!("cairo/COPYING", 1_576, "67228a9f7c5f9b67c58f556f1be178f62da4d9e2e6285318d8c74d567255abdf"),
    licence!("cairo/COPYING-LGPL-2.1", 26_533, "9e9e8608c4cdda51a78cc3a385f4ec9a2e4c96d5ecad74ac8bca5fca3e563b7d"),
    licence!("cairo/COPYING-MPL-1.1", 25_755, "53692a2ed6c6a2c6ec9b32dd0b820dfae91e0a1fcdf625ca9ed0bdf8705fcc4f"),
    licence!("glib/COPYING", 25_967, "fa6f36630bb1e0c571d34b2bbdf188d08495c9dbf58f28cac112f303fc1f58fb"),
    licence!("libdicom/LICENSE", 1_075, "86287375f6fc517fb9d69a62ec08ebd08f33869d426aec0a4c575376fa3daca8"),
    licence!("libffi/LICENSE", 1_132, "d5699fa516968e3a1550e6c902b7441c78856f2603d61bedd0b0662a26655366"),
    licence!("libjpeg-turbo/LICENSE.md", 5_622, "e10114e6e40f3d0311c401ca25245ac5ef459a43c20f976fd63f03e816f5741f"),
    licence!("libjpeg-turbo/README.ijg", 12_799, "75815e3bf6484201a3c3d17a1bbf10f2e8e3237f84df10a2357ea896db2a81d6"),
    licence!("libpng/LICENSE", 5_345, "bdb0a645ea18c60507d0368379b1ac5474b92255fcc2d115e07486a7672ba526"),
    licence!("libtiff/LICENSE.md", 2_416, "0e27c2382d7b8147972bbb746e04059a1152c8d0fda9d03ef1399d1a433c4ade"),
    licence!("libxml2/Copyright", 1_314, "5d4873884a890122a4b9b20ad56ac6f7da1d796a5bfcf04a427970ac96217626"),
    licence!("pixman/COPYING", 2_087, "fac9270f0987b96ff4533fca3548c633e02083cbba4a0172a3b149b2e4019793"),
    licence!("uthash/LICENSE", 1_141, "e9b9aac8421b6d29176c6f23f6f7a907194245e35ef99ace10839734961cfaa2"),
    licence!("zlib-ng/LICENSE.md", 867, "6c9f0d975b41afaa34d22f55bb8986ce69e5cb7ad327cb2b28820cd425edf5ee"),
];
