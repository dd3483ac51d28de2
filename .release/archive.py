"""Archives whose bytes depend on their contents alone: sorted names, one time, no owner, fixed permissions."""

import gzip
import hashlib
import io
import tarfile
import time
import zipfile
from pathlib import Path

# The oldest time that a zip file can state: 1980-01-01.
ZIP_EPOCH = 315532800


def members(folder: Path) -> list[Path]:
    """All files below a folder, sorted by their names in the archive."""
    return sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.as_posix())


def mode(path: Path) -> int:
    """Permissions: executable for all, or readable for all."""
    return 0o755 if path.stat().st_mode & 0o100 else 0o644


def tar_gz(folder: Path, target: Path, epoch: int, level: int) -> None:
    """Packs a folder under its own name."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in members(folder):
            entry = tarfile.TarInfo(path.relative_to(folder.parent).as_posix())
            entry.size, entry.mtime, entry.mode = path.stat().st_size, epoch, mode(path)
            with path.open("rb") as file:
                tar.addfile(entry, file)
    with target.open("wb") as file, gzip.GzipFile("", "wb", level, file, mtime=epoch) as packed:
        packed.write(raw.getvalue())


def zipped(folder: Path, target: Path, epoch: int, level: int, *, below: Path | None = None) -> None:
    """Packs a folder as a zip file, with names relative to `below`, else under the folder's own name."""
    date = time.gmtime(max(epoch, ZIP_EPOCH))[:6]
    with zipfile.ZipFile(target, "w") as packed:
        for path in members(folder):
            entry = zipfile.ZipInfo(path.relative_to(below or folder.parent).as_posix(), date)
            entry.create_system = 3
            entry.external_attr = (0o100000 | mode(path)) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, path.read_bytes(), compresslevel=level)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sums(paths: list[Path], below: Path) -> str:
    """Lines that `sha256sum --check` reads."""
    return "".join(f"{sha256(path)}  {path.relative_to(below).as_posix()}\n" for path in paths)
