#!/usr/bin/env python3
"""Scores the tiles of a slide as a careful Python user would: openslide-python, ONNX Runtime, a thread pool.

This is what `kiln score` is measured against on slides: the same list of tiles, bundle, graph, threads and batch. One
slide handle serves all threads, OpenSlide's cache is large enough for the tiles that share a stored tile, decoding
overlaps with inference and is bounded ahead of it, as in score_tiles.py beside it. Prints one JSON object.

    python3 score_slide.py BUNDLE TILES.csv [--threads 2] [--batch 8] [--out scores.csv]

TILES.csv is a list of `kiln slide tile` for one slide, at the resolution of one of its levels. Needs: onnxruntime,
openslide-python, openslide-bin, Pillow, numpy.
"""

import argparse
import csv
import functools
import pathlib
import time

import numpy
import openslide

import score_tiles

SIDE = score_tiles.SIDE


def read(slide, row):
    """A tile as u8 [256, 256, 3]; missing pixels are white."""
    place = (int(float(row["minx"])), int(float(row["miny"])))
    region = numpy.asarray(slide.read_region(place, int(row["level"]), (SIDE, SIDE)))
    pixels = region[:, :, :3]
    if region[:, :, 3].min() < 255:
        pixels = numpy.where(region[:, :, 3:] == 0, numpy.uint8(255), pixels)
    return pixels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=pathlib.Path)
    parser.add_argument("tiles", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--out", type=pathlib.Path, help="write place and score as CSV")
    arguments = parser.parse_args()

    started = time.perf_counter()
    _, session = score_tiles.opened(arguments.bundle, arguments.threads)
    with arguments.tiles.open(newline="") as file:
        rows = list(csv.DictReader(file))
    slide = openslide.OpenSlide(arguments.tiles.parent / rows[0]["slide"])
    slide.set_cache(openslide.OpenSlideCache(256 << 20))
    scores = score_tiles.score_all(
        session, functools.partial(read, slide), rows, arguments.threads, arguments.batch
    )
    if arguments.out:
        with arguments.out.open("w", newline="") as file:
            values = ((row["minx"], row["miny"], value) for row, value in zip(rows, scores))
            csv.writer(file).writerows([("minx", "miny", "score"), *values])
    seconds = time.perf_counter() - started
    score_tiles.report(len(rows), scores, seconds, arguments)


if __name__ == "__main__":
    main()
