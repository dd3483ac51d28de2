#!/usr/bin/env python3
"""Licences of the crates that `kiln` links.

`licences.py --check` compares each crate's expression with the licences that deny.toml allows, and fails if a crate comes
without the text of its licence. `licences.py` prints all texts, each once, with the crates that it applies to: the release
archives contain them.
"""

import argparse
import re
from pathlib import Path

from crates import EDGE_FEATURES, ROOT, Crate, ReleaseError, host, linked, packages, run, tomllib

FILE = re.compile(r"^(licen[sc]es?|copying|notice|unlicense|copyright)([-_.].*)?$", re.IGNORECASE)
RULE = "=" * 100
# Where a crate comes without a licence file, the text of a licence that it may be used under and that has no line for names.
APACHE = "LICENSE-APACHE"


def allowed() -> tuple[set[str], dict[str, set[str]]]:
    """The licences that deny.toml allows for all crates, and those for single crates."""
    table = tomllib.loads((ROOT / ".cargo" / "deny.toml").read_text())["licenses"]
    single = {one["crate"]: set(one["allow"]) for one in table.get("exceptions", [])}
    return set(table["allow"]), single


def permits(expression: str, licences: set[str]) -> bool:
    """Whether an SPDX expression can be met with these licences. `/` is the old form of `OR`."""
    words = re.findall(r"[()]|[^\s()/]+|/", expression)
    position = 0

    def take() -> str | None:
        nonlocal position
        position += 1
        return words[position - 1] if position <= len(words) else None

    def peek() -> str | None:
        return words[position] if position < len(words) else None

    def one() -> bool:
        word = take()
        if word == "(":
            inner = any_of()
            if take() != ")":
                raise ReleaseError(f"the licence expression `{expression}` lacks a bracket")
            return inner
        if word is None or word in (")", "OR", "AND", "WITH", "/"):
            raise ReleaseError(f"the licence expression `{expression}` is incomplete")
        if peek() == "WITH":
            take()
            word = f"{word} WITH {take()}"
        return word in licences

    def all_of() -> bool:
        met = one()
        while peek() == "AND":
            take()
            met = one() and met
        return met

    def any_of() -> bool:
        met = all_of()
        while peek() in ("OR", "/"):
            take()
            met = all_of() or met
        return met

    met = any_of()
    if peek() is not None:
        raise ReleaseError(f"the licence expression `{expression}` does not end at `{peek()}`")
    return met


def check(crates: list[Crate]) -> None:
    """Refuses crates whose licence is unknown or not allowed."""
    common, single = allowed()
    wrong = []
    for crate in crates:
        if crate.is_ours:
            continue
        if crate.licence is None:
            wrong.append(f"{crate.key} states no licence")
        elif not permits(crate.licence, common | single.get(crate.name, set())):
            wrong.append(f"{crate.key} is licensed under `{crate.licence}`, which .cargo/deny.toml does not allow")
    if wrong:
        raise ReleaseError("\n".join(wrong))


def files(folder: Path) -> list[Path]:
    """The licence files of a crate: in its folder, and one folder deep in folders named for licences."""
    found = [path for path in folder.iterdir() if FILE.match(path.name)]
    inner = [below for path in found if path.is_dir() for below in path.iterdir()]
    return sorted(path for path in found + inner if path.is_file())


def texts(crates: list[Crate], all_crates: list[Crate]) -> dict[str, list[Crate]]:
    """Every licence text, and the crates that it applies to.

    A crate without a file gets those of another crate of its repository, else the Apache licence if its expression offers
    that one.
    """
    by_text: dict[str, list[Crate]] = {}
    for crate in crates:
        if crate.is_ours:
            continue
        paths = files(crate.folder) or relatives(crate, all_crates)
        if not paths and crate.licence and permits(crate.licence, {"Apache-2.0"}):
            paths = [ROOT / APACHE]
        if not paths:
            raise ReleaseError(
                f"{crate.key} ({crate.licence}) comes without the text of its licence, and so does every other crate of "
                f"its repository\nhint: read it at {crate.repository}, and add a rule to .release/licences.py"
            )
        for path in paths:
            text = normalised(path.read_text(encoding="utf-8", errors="replace"))
            users = by_text.setdefault(text, [])
            if crate not in users:
                users.append(crate)
    return by_text


def relatives(crate: Crate, all_crates: list[Crate]) -> list[Path]:
    """Licence files of another crate of the same repository with the same licence."""
    if crate.repository is None:
        return []
    place = repository(crate)
    for other in all_crates:
        if other.key != crate.key and repository(other) == place and other.licence == crate.licence:
            found = files(other.folder)
            if found:
                return found
    return []


def repository(crate: Crate) -> str:
    """The repository without the folder in it and without `.git`."""
    return re.sub(r"(/tree/.*|\.git|/)$", "", crate.repository or "").lower()


def normalised(text: str) -> str:
    """The text with Unix line ends and without blank ends, so that equal texts are listed once."""
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n")).strip("\n")


def document(crates: list[Crate], all_crates: list[Crate]) -> str:
    """All licences as one text."""
    others = [crate for crate in crates if not crate.is_ours]
    parts = [
        "Licences of the crates in this build of kiln. Kiln itself: MIT OR Apache-2.0.\n"
        "The sources of each crate are published in the Rust registry under this name and version.\n",
        "\n".join(f"{crate.name} {crate.version}: {crate.licence}" for crate in others),
    ]
    by_text = texts(crates, all_crates)
    for text, users in sorted(by_text.items(), key=lambda item: [crate.key for crate in item[1]]):
        parts.append(f"\n{RULE}\n{', '.join(crate.key for crate in users)}\n{RULE}\n\n{text}")
    return "\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Licences of the crates that kiln links.")
    parser.add_argument("--target", help="target triple [default: this machine's]")
    parser.add_argument("--edge", action="store_true", help="the edge binary of a release")
    parser.add_argument("--check", action="store_true", help="check them against .cargo/deny.toml, and print a summary")
    arguments = parser.parse_args()
    target = arguments.target or host()
    crates = linked(target, EDGE_FEATURES if arguments.edge else [])
    check(crates)
    text = document(crates, sorted(packages(target).values(), key=lambda crate: crate.key))
    if arguments.check:
        expressions = {crate.licence for crate in crates if not crate.is_ours}
        print(f"{sum(not crate.is_ours for crate in crates)} crates, {len(expressions)} licence expressions, all allowed")
    else:
        print(text, end="")


if __name__ == "__main__":
    run(main)
