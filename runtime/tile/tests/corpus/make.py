"""Writes the image corpus: `python make.py --out DIR --seed 13`.

Needs the packages of `requirements.txt`. The same seed and packages give the same bytes. `DIR/files` holds the files,
`DIR/twins/NAME.rgb` the right pictures as raw 8-bit RGB rows, `DIR/index.csv` one row for each file.
"""

import argparse
import importlib
import sys
import time

sys.dont_write_bytecode = True
MODULES = ["jpeg", "jpegdamage", "png", "pngdamage", "tiff", "tiffcodecs", "tiffdamage", "bmp", "webp", "others"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, help="folder to write; old files in it are removed")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--only", choices=MODULES, help="one part alone")
    options = parser.parse_args()
    from corpus import Corpus
    corpus = Corpus(options.out, options.seed)
    for name in [options.only] if options.only else MODULES:
        started, before = time.monotonic(), len(corpus.rows)
        importlib.import_module(name).add_all(corpus)
        print(f"{name}: {len(corpus.rows) - before} files in {time.monotonic() - started:.1f} s", file=sys.stderr)
    corpus.finish()


if __name__ == "__main__":
    main()
