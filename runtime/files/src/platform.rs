//! The platforms for which wheels are pinned, and the names of an operating system for its loader. Every function takes the
//! platform or the system as an argument, so that the tables of all platforms can be tested on any of them.

use std::env::consts;
use std::fmt;

/// An operating system and a processor architecture for which wheels are pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// Linux with glibc on x86-64.
    LinuxX64,
    /// Linux with glibc on 64-bit Arm.
    LinuxArm64,
    /// macOS on Apple silicon.
    MacOsArm64,
    /// Windows on x86-64.
    WindowsX64,
    /// Windows on 64-bit Arm.
    WindowsArm64,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 5] =
        [Self::LinuxX64, Self::LinuxArm64, Self::MacOsArm64, Self::WindowsX64, Self::WindowsArm64];

    /// The platform that this program was built for; `None` if nothing is pinned for it. The libraries for Linux need
    /// glibc, so a program for musl has no platform.
    #[must_use]
    pub fn here() -> Option<Self> {
        Self::from_names(consts::OS, consts::ARCH).filter(|_| !cfg!(target_env = "musl"))
    }

    /// The platform of a system and an architecture, named as in [`std::env::consts`].
    ///
    /// ```
    /// use kiln_files::platform::Platform;
    ///
    /// assert_eq!(Platform::from_names("macos", "aarch64"), Some(Platform::MacOsArm64));
    /// assert_eq!(Platform::from_names("macos", "x86_64"), None);
    /// ```
    #[must_use]
    pub fn from_names(os: &str, arch: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.os() == os && platform.arch() == arch)
    }

    /// The operating system, named as in [`std::env::consts::OS`].
    #[must_use]
    pub fn os(self) -> &'static str {
        match self {
            Self::LinuxX64 | Self::LinuxArm64 => "linux",
            Self::MacOsArm64 => "macos",
            Self::WindowsX64 | Self::WindowsArm64 => "windows",
        }
    }

    /// The architecture, named as in [`std::env::consts::ARCH`].
    #[must_use]
    pub fn arch(self) -> &'static str {
        match self {
            Self::LinuxX64 | Self::WindowsX64 => "x86_64",
            Self::LinuxArm64 | Self::MacOsArm64 | Self::WindowsArm64 => "aarch64",
        }
    }

    /// The platform's name in messages, such as `Linux x86-64`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LinuxX64 => "Linux x86-64",
            Self::LinuxArm64 => "Linux aarch64",
            Self::MacOsArm64 => "macOS arm64",
            Self::WindowsX64 => "Windows x64",
            Self::WindowsArm64 => "Windows arm64",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The reason why no library is pinned here, with the platforms for which one is: for an error of an installation.
#[must_use]
pub fn not_pinned(what: &str, platforms: &[Platform]) -> String {
    let here = Platform::here().map_or_else(unknown, |platform| platform.name().to_owned());
    let names: Vec<_> = platforms.iter().map(|platform| platform.name()).collect();
    format!("no {what} is pinned for {here}, only for {}; a library for this platform must be named", names.join(", "))
}

fn unknown() -> String {
    let musl = if cfg!(target_env = "musl") { " with musl" } else { "" };
    format!("{} {}{musl}", consts::OS, consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_is_found_by_its_system_and_architecture_and_no_other_is() {
        for platform in Platform::ALL {
            assert_eq!(Platform::from_names(platform.os(), platform.arch()), Some(platform));
        }
        for (os, arch) in
            [("macos", "x86_64"), ("linux", "riscv64"), ("freebsd", "x86_64"), ("android", "aarch64"), ("", "")]
        {
            assert_eq!(Platform::from_names(os, arch), None, "{os} {arch}");
        }
    }

    #[test]
    fn a_platform_without_a_pin_is_told_the_platforms_that_have_one() {
        let text = not_pinned("`cuda` wheel", &[Platform::LinuxX64, Platform::WindowsX64]);
        assert!(text.contains("only for Linux x86-64, Windows x64;"), "{text}");
        let here = Platform::here().map_or_else(unknown, |platform| platform.to_string());
        assert!(text.starts_with(&format!("no `cuda` wheel is pinned for {here}")), "{text}");
    }
}
