#!/usr/bin/env python3
"""Checks the documents: docs/SUMMARY.md lists every page of docs once, and every relative link in every Markdown file of the
repository leads to a file, and to a heading in it.

    .ci/documents.py               the Markdown files
    .ci/documents.py target/book   the pages of the built book as well
"""
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"(?ms)^ *(```+|~~~+).*?^ *\1 *$")
CODE = re.compile(r"(`+)(?:.(?!\n\n))*?\1", re.S)
HEADING = re.compile(r"^#{1,6} +(.*?) *#*$", re.M)
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?: +\"[^\"]*\")?\)")
HTML = re.compile(r"(?:href|src|srcset)=\"([^\"]+)\"")
NAMED = re.compile(r"<a (?:id|name)=\"([^\"]+)\"")


def documents():
    """The repository's Markdown files, new ones too."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [ROOT / name for name in sorted(names) if (ROOT / name).exists()]


def anchors(path):
    """The anchors of a page's headings, as GitHub and mdBook make them."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    found, seen = set(NAMED.findall(text)), {}
    for heading in HEADING.findall(text):
        words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
        number = seen.get(name, 0)
        seen[name] = number + 1
        found.add(f"{name}-{number}" if number else name)
    return found


def links(path):
    """The relative links of a page: the file and the anchor of each."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    # A link's words may be code, so that only code with brackets and parentheses in it is left out.
    text = CODE.sub(lambda code: "" if "](" in code[0] else code[0], text)
    for target in LINK.findall(text) + HTML.findall(text):
        if not urlsplit(target).scheme and not target.startswith("//"):
            name, _, anchor = target.partition("#")
            yield target, (path.parent / unquote(name)).resolve() if name else path, anchor


def wrong_links(pages):
    known = {}
    for page in pages:
        for target, path, anchor in links(page):
            where = f"{page.relative_to(ROOT)}: {target}"
            if not path.exists():
                yield f"{where}: there is no such file"
            elif not path.is_relative_to(ROOT):
                yield f"{where}: the link leads out of the repository"
            elif anchor and path.suffix == ".md":
                if path not in known:
                    known[path] = anchors(path)
                if anchor not in known[path]:
                    yield f"{where}: there is no such heading"


def wrong_summary():
    summary = ROOT / "docs" / "SUMMARY.md"
    listed = [path for _, path, _ in links(summary)]
    for page in sorted((ROOT / "docs").rglob("*.md")):
        times = listed.count(page)
        if page != summary and times != 1:
            yield f"docs/SUMMARY.md lists {page.relative_to(ROOT)} {times} times"


class Page(HTMLParser):
    """The anchors and the links of a page of the book."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links = set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.anchors.add(value)
            elif name in ("href", "src") and value and tag != "base":
                self.links.append(value)


def wrong_book(book):
    # The page for a missing address has absolute links, and the page for printing repeats all the others.
    paths = [path for path in sorted(book.rglob("*.html")) if path.name not in ("404.html", "print.html")]
    pages = {path: Page(path) for path in paths}
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            where = f"{path.relative_to(book)}: {link}"
            if not target.is_relative_to(book) or not target.exists():
                yield f"{where}: the book has no such file"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{where}: there is no such heading"


def main():
    pages = documents()
    wrong = [*wrong_links(pages), *wrong_summary()]
    if len(sys.argv) > 1:
        wrong += wrong_book(Path(sys.argv[1]).resolve())
    print("\n".join(wrong) or f"{len(pages)} documents: every link leads somewhere")
    sys.exit(1 if wrong else 0)


main()
