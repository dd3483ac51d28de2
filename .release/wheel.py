"""The Python wheel that carries the binary: `pip install` puts `kiln` beside the other programs of the environment. It has
no Python code. Written here, since the format is a zip file with three text files (PyPA's binary distribution format)."""

import base64
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import archive
import elf
from crates import ROOT, ReleaseError

SUMMARY = "Tile models from burn to ONNX to wherever they run: the kiln program"
# Targets that are not Linux with glibc, whose tag depends on the binary.
TAGS = {
    "aarch64-apple-darwin": "macosx_11_0_arm64",
    "x86_64-pc-windows-msvc": "win_amd64",
    "x86_64-pc-windows-gnu": "win_amd64",
    "aarch64-pc-windows-msvc": "win_arm64",
    "aarch64-pc-windows-gnullvm": "win_arm64",
}


def platform_tag(binary: Path, target: str) -> str:
    """The platform tag of a wheel with this binary."""
    if target.endswith("-linux-gnu"):
        return elf.manylinux(binary, target.split("-")[0])
    if target in TAGS:
        return TAGS[target]
    raise ReleaseError(f"no wheel tag is known for {target}\nhint: add it to .release/wheel.py")


@dataclass
class Release:
    """A staged release: the folder that also becomes the archive."""

    folder: Path
    binary: str
    name: str
    version: str
    target: str


def write(release: Release, epoch: int, level: int, out: Path) -> Path:
    """Writes the wheel of a release."""
    staged, binary = release.folder, release.binary
    tag = f"py3-none-{platform_tag(staged / binary, release.target)}"
    stem = f"{release.name.replace('-', '_')}-{release.version}"
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        info = root / f"{stem}.dist-info"
        for folder in (root / f"{stem}.data" / "scripts", info / "licenses", info / "sboms"):
            folder.mkdir(parents=True)
        shutil.copy(staged / binary, root / f"{stem}.data" / "scripts" / binary)
        data = root / f"{stem}.data" / "data" / "share"
        shutil.copytree(staged / "man", data / "man")
        place = {"kiln.bash": "bash-completion/completions/kiln", "_kiln": "zsh/site-functions/_kiln"}
        place["kiln.fish"] = "fish/vendor_completions.d/kiln.fish"
        for source, below in place.items():
            (data / below).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(staged / "completions" / source, data / below)
        licences = ["LICENSE-APACHE", "LICENSE-MIT", "RUST-STANDARD-LIBRARY-LICENCES.html", "THIRD-PARTY-LICENCES.txt"]
        for licence in licences:
            shutil.copy(staged / licence, info / "licenses" / licence)
        shutil.copy(staged / "kiln.cdx.json", info / "sboms" / "kiln.cdx.json")
        (info / "METADATA").write_text(metadata(release, licences))
        (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nGenerator: kiln-release\nRoot-Is-Purelib: false\nTag: {tag}\n")
        record(root, info / "RECORD")
        target_file = out / f"{stem}-{tag}.whl"
        archive.zipped(root, target_file, epoch, level, below=root)
    return target_file


def metadata(release: Release, licences: list[str]) -> str:
    """METADATA, with the README as the description."""
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {release.name}",
        f"Version: {release.version}",
        f"Summary: {SUMMARY}",
        "License-Expression: MIT OR Apache-2.0",
        *(f"License-File: {licence}" for licence in licences),
        "Requires-Python: >=3.8",
        "Keywords: onnx,histopathology,burn,inference",
        "Classifier: Environment :: Console",
        "Classifier: Programming Language :: Rust",
        "Classifier: Topic :: Scientific/Engineering :: Medical Science Apps.",
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join(lines) + "\n\n" + (ROOT / "README.md").read_text()


def record(root: Path, target: Path) -> None:
    """RECORD: digest and size of every file."""
    lines = []
    for path in archive.members(root):
        data = path.read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path.relative_to(root).as_posix()},sha256={digest},{len(data)}\n")
    lines.append(f"{target.relative_to(root).as_posix()},,\n")
    target.write_text("".join(lines))
