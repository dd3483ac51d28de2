"""The crates that a build of `kiln` links: names, licences, sources, digests, and which depends on which.

`cargo metadata` unites the features of the whole workspace, so the list comes from `cargo tree`, which selects features as
`cargo build -p kiln` does; `cargo metadata` and Cargo.lock add what each crate states about itself.
"""

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

if sys.version_info < (3, 11):
    sys.exit("error: the release scripts need Python 3.11 or newer")
import tomllib

ROOT = Path(__file__).resolve().parent.parent
# Macros run in the compiler and are not part of the binary.
EDGES = "normal,no-proc-macro"
# The flags of cargo that build the edge binary of a release.
EDGE_FEATURES = ["--no-default-features", "--features", "sign"]
LINE = re.compile(r"^(\d+)(\S+) v(\S+)")


class ReleaseError(Exception):
    """A release cannot be made; the text says what failed and why, and may end with a `hint:` line."""


@dataclass
class Crate:
    """A crate of the tree."""

    name: str
    version: str
    licence: str | None
    folder: Path
    repository: str | None
    description: str | None
    authors: list[str]
    is_ours: bool
    sha256: str | None = None
    needs: set[str] = field(default_factory=set)

    @property
    def key(self) -> str:
        return f"{self.name} {self.version}"


def cargo(*arguments: str) -> str:
    """Standard output of cargo, run in the repository."""
    done = subprocess.run(["cargo", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ReleaseError(f"cargo {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def linked(target: str, features: list[str]) -> list[Crate]:
    """The crates of the binary for a target, by name; `features` are the flags of cargo that select them."""
    text = cargo("tree", "--locked", "-p", "kiln", "--target", target, *features, "-e", EDGES, "--prefix", "depth")
    described = packages(target)
    digests = locked_digests()
    crates: dict[str, Crate] = {}
    above: list[str] = []
    for line in text.splitlines():
        found = LINE.match(line)
        if not found:
            continue
        depth, name, version = int(found[1]), found[2], found[3]
        key = f"{name} {version}"
        if key not in described:
            raise ReleaseError(f"cargo metadata does not list the crate {key}, which cargo tree lists")
        crate = crates.setdefault(key, described[key])
        crate.sha256 = digests.get(key)
        del above[depth:]
        if above:
            crates[above[-1]].needs.add(key)
        above.append(key)
    if not crates:
        raise ReleaseError("cargo tree lists no crate of kiln")
    return [crates[key] for key in sorted(crates)]


def packages(target: str) -> dict[str, Crate]:
    """All packages of the workspace for a target."""
    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    listed = {}
    for package in metadata["packages"]:
        crate = Crate(
            name=package["name"],
            version=package["version"],
            licence=package["license"],
            folder=Path(package["manifest_path"]).parent,
            repository=package["repository"],
            description=package["description"],
            authors=package["authors"],
            is_ours=package["source"] is None,
        )
        listed[crate.key] = crate
    return listed


def locked_digests() -> dict[str, str]:
    """SHA-256 of every downloaded crate, from Cargo.lock."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {f"{one['name']} {one['version']}": one["checksum"] for one in lock["package"] if "checksum" in one}


def workspace() -> dict:
    """The root Cargo.toml."""
    return tomllib.loads((ROOT / "Cargo.toml").read_text())


def host() -> str:
    """The target that this machine's rustc builds for."""
    done = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=False, cwd=ROOT)
    for line in done.stdout.splitlines():
        if line.startswith("host: "):
            return line.removeprefix("host: ")
    raise ReleaseError(f"rustc -vV names no host: {done.stderr.strip()}")


def run(main) -> None:
    """Runs a script's `main`. An error becomes one line on stderr and exit status 1."""
    try:
        main()
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
