"""The Python wheel that carries the binary: `pip install` puts `kiln` beside the other programs of the environment. It has
no Python code. Written here, since the format is a zip file with three text files (PyPA's binary distribution format)."""

import base64
import hashlib
import shutil
import tempfile
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


def write(staged: Path, binary: str, name: str, version: str, target: str, epoch: int, out: Path) -> Path:
    """Writes the wheel of a staged release folder."""
    tag = f"py3-none-{platform_tag(staged / binary, target)}"
    stem = f"{name.replace('-', '_')}-{version}"
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
        licences = ["LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY-LICENCES.txt"]
        for licence in licences:
            shutil.copy(staged / licence, info / "licenses" / licence)
        shutil.copy(staged / "kiln.cdx.json", info / "sboms" / "kiln.cdx.json")
        (info / "METADATA").write_text(metadata(name, version, licences))
        (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nGenerator: kiln-release\nRoot-Is-Purelib: false\nTag: {tag}\n")
        record(root, info / "RECORD")
        target_file = out / f"{stem}-{tag}.whl"
        archive.zipped(root, target_file, epoch, below=root)
    return target_file


def metadata(name: str, version: str, licences: list[str]) -> str:
    """METADATA, with the README as the description."""
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {name}",
        f"Version: {version}",
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
