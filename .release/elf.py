"""What a Linux binary needs of the system: its libraries, and the newest glibc symbols among them. Read from the ELF file
itself, so that the tag of a wheel is that of the binary and not that of the machine that built it."""

import struct
from dataclasses import dataclass
from pathlib import Path

from crates import ReleaseError

SHT_DYNAMIC, SHT_VERNEED = 6, 0x6FFFFFFE
DT_NEEDED = 1
# Libraries that every manylinux system has, and that kiln links.
ALWAYS_THERE = {"libc", "libm", "libdl", "libpthread", "librt", "libgcc_s", "ld-linux-x86-64", "ld-linux-aarch64"}


@dataclass
class Needs:
    """Needs of a dynamically linked binary."""

    libraries: list[str]
    glibc: tuple[int, int]


def needs(binary: Path) -> Needs:
    """Reads a 64-bit little-endian ELF file."""
    data = binary.read_bytes()
    if data[:4] != b"\x7fELF" or data[4:6] != b"\x02\x01":
        raise ReleaseError(f"{binary}: not a 64-bit little-endian ELF file, so no Linux wheel can contain it")
    start, count = struct.unpack_from("<Q", data, 0x28)[0], struct.unpack_from("<H", data, 0x3C)[0]
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, start + 64 * index) for index in range(count)]

    def string(section: int, at: int) -> str:
        begin = sections[section][4] + at
        return data[begin : data.index(b"\0", begin)].decode("ascii")

    libraries, versions = [], [(0, 0)]
    for _, kind, _, _, offset, size, link, info, _, _ in sections:
        if kind == SHT_DYNAMIC:
            for entry in range(offset, offset + size, 16):
                tag, value = struct.unpack_from("<QQ", data, entry)
                if tag == DT_NEEDED:
                    libraries.append(string(link, value))
        elif kind == SHT_VERNEED:
            versions += [version for version in verneed(data, offset, info, lambda at, link=link: string(link, at))]
    return Needs(sorted(libraries), max(versions))


def verneed(data: bytes, offset: int, count: int, string) -> list[tuple[int, int]]:
    """The glibc versions in a version table."""
    found = []
    for _ in range(count):
        _, inner, _, first, following = struct.unpack_from("<HHIII", data, offset)
        at = offset + first
        for _ in range(inner):
            _, _, _, name, step = struct.unpack_from("<IHHII", data, at)
            numbers = string(name).removeprefix("GLIBC_").split(".")
            if len(numbers) >= 2 and all(number.isdigit() for number in numbers):
                found.append((int(numbers[0]), int(numbers[1])))
            at += step
        offset += following
    return found


def manylinux(binary: Path, architecture: str) -> str:
    """The platform tag of a wheel with this binary. manylinux_2_17 is the oldest that pip still meets."""
    found = needs(binary)
    strange = [name for name in found.libraries if name.split(".so")[0] not in ALWAYS_THERE]
    if strange:
        raise ReleaseError(f"{binary}: needs {', '.join(strange)}, which manylinux does not promise")
    major, minor = max(found.glibc, (2, 17))
    return f"manylinux_{major}_{minor}_{architecture}"
