#!/usr/bin/env python3
"""A preprocessor of mdBook: links that leave docs/, such as those to configs/ and CONTRIBUTING.md, become the name of the file
in the repository, because the book does not contain it. With `git-repository-url` under `[output.html]` of docs/book.toml
they become links there.
"""
import json
import re
import sys

LINK = re.compile(r"\[([^\]\[]*)\]\(\.\./([^)#\s]*)(#[^)\s]*)?\)")


def rewritten(text, repository):
    """The text of a page without links that leave its folder."""

    def link(found):
        words, path, anchor = found[1], found[2], found[3] or ""
        if repository:
            return f"[{words}]({repository.rstrip('/')}/blob/HEAD/{path}{anchor})"
        if words.strip("`") in (path, path.rsplit("/", 1)[-1]):
            return f"`{path}`"
        return f"{words} (`{path}`)"

    return LINK.sub(link, text)


def visit(value, repository):
    """Rewrites every chapter below a value, in the JSON of mdBook 0.4 (`sections`) and 0.5 (`items`)."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "content" and isinstance(inner, str):
                value[key] = rewritten(inner, repository)
            else:
                visit(inner, repository)
    elif isinstance(value, list):
        for inner in value:
            visit(inner, repository)


def main():
    if sys.argv[1:2] == ["supports"]:
        sys.exit(0 if sys.argv[2:] == ["html"] else 1)
    context, book = json.load(sys.stdin)
    visit(book, context["config"].get("output", {}).get("html", {}).get("git-repository-url"))
    json.dump(book, sys.stdout)


main()
