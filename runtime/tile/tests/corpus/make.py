"""Writes the image corpus: `python make.py --out DIR --seed 13`.

Needs the packages of `requirements.txt`. The same seed and packages give the same bytes. `DIR/files` holds the files,
`DIR/twins/NAME.rgb` the right pictures as raw 8-bit RGB rows, `DIR/index.csv` one row for each file: its name, its file
below `DIR/files`, the case, the size, and the largest and the mean difference from the twin, in levels, that a right
decoder may show. Without a twin these are empty.
"""

import argparse
import importlib
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

sys.dont_write_bytecode = True
# The slow ones first; the index is in this order too.
MODULES = ["jpeg", "tiffcodecs", "webp", "tiff", "webpplain", "png", "bmp", "jpegdamage", "tiffdamage", "pngdamage", "sectors", "tiffstacks", "others"]


def part(name, out, seed):
    """Writes the files of one module. Runs in a process of its own."""
    from corpus import Corpus
    started, corpus = time.monotonic(), Corpus(out, seed)
    importlib.import_module(name).add_all(corpus)
    print(f"{name}: {len(corpus.rows)} files in {time.monotonic() - started:.1f} s", file=sys.stderr)
    return corpus.rows, corpus.skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, help="folder to write; old files in it are removed")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--only", choices=MODULES, help="one part alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    options = parser.parse_args()
    from corpus import Corpus
    corpus = Corpus(options.out, options.seed)
    corpus.clear()
    with ProcessPoolExecutor(options.jobs) as pool:
        parts = [pool.submit(part, name, options.out, options.seed) for name in ([options.only] if options.only else MODULES)]
        for done in parts:
            rows, skipped = done.result()
            corpus.rows += rows
            corpus.skipped += skipped
    corpus.finish()


if __name__ == "__main__":
    main()
