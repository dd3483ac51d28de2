#!/usr/bin/env python3
"""Scores the tiles of a slide as a careful Python user would: openslide-python, ONNX Runtime, a thread pool.

This is what `kiln score` is measured against on slides: the same list of tiles, bundle, graph, threads and batch. One
slide handle serves all threads, OpenSlide's cache is large enough for the tiles that share a stored tile, decoding
overlaps with inference and is bounded ahead of it. Prints one JSON object.

    python3 score_slide.py BUNDLE TILES.csv [--threads 2] [--batch 8] [--out scores.csv]

TILES.csv is a list of `kiln slide tile` for one slide, at the resolution of one of its levels. Needs: onnxruntime,
openslide-python, openslide-bin, numpy.
"""

import argparse
import collections
import concurrent.futures
import csv
import itertools
import json
import pathlib
import time

import numpy
import onnxruntime
import openslide

SIDE = 256


def read(slide, row):
    """A tile as u8 [256, 256, 3]; missing pixels are white."""
    place = (int(float(row["minx"])), int(float(row["miny"])))
    region = numpy.asarray(slide.read_region(place, int(row["level"]), (SIDE, SIDE)))
    pixels = region[:, :, :3]
    if region[:, :, 3].min() < 255:
        pixels = numpy.where(region[:, :, 3:] == 0, numpy.uint8(255), pixels)
    return pixels


def decoded(pool, slide, rows, ahead):
    """Tiles in order, decoded at most `ahead` tiles ahead."""
    rows = iter(rows)
    waiting = collections.deque(pool.submit(read, slide, row) for row in itertools.islice(rows, ahead))
    while waiting:
        tile = waiting.popleft().result()
        for row in itertools.islice(rows, 1):
            waiting.append(pool.submit(read, slide, row))
        yield tile


def score(session, tiles, batch):
    """Scores of all tiles, in order."""
    scores = []
    pixels = numpy.empty((batch, SIDE, SIDE, 3), numpy.uint8)
    tiles = iter(tiles)
    while True:
        filled = 0
        for tile in itertools.islice(tiles, batch):
            pixels[filled] = tile
            filled += 1
        if filled == 0:
            return scores
        scores.extend(session.run(["score"], {"tile": pixels[:filled]})[0].tolist())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=pathlib.Path)
    parser.add_argument("tiles", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--out", type=pathlib.Path, help="write place and score as CSV")
    arguments = parser.parse_args()

    started = time.perf_counter()
    manifest = json.loads((arguments.bundle / "manifest.json").read_text())
    variant = next(variant for variant in manifest["variants"] if variant["precision"] == "fp32")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = onnxruntime.InferenceSession(
        arguments.bundle / variant["file"], options, providers=["CPUExecutionProvider"]
    )
    with arguments.tiles.open(newline="") as file:
        rows = list(csv.DictReader(file))
    slide = openslide.OpenSlide(arguments.tiles.parent / rows[0]["slide"])
    slide.set_cache(openslide.OpenSlideCache(256 << 20))
    with concurrent.futures.ThreadPoolExecutor(arguments.threads) as pool:
        ahead = 2 * arguments.batch + 2 * arguments.threads
        scores = score(session, decoded(pool, slide, rows, ahead), arguments.batch)
    if arguments.out:
        with arguments.out.open("w", newline="") as file:
            values = ((row["minx"], row["miny"], value) for row, value in zip(rows, scores))
            csv.writer(file).writerows([("minx", "miny", "score"), *values])
    seconds = time.perf_counter() - started
    print(json.dumps({
        "tiles": len(rows),
        "scored": len(scores),
        "seconds": round(seconds, 4),
        "tiles_per_s": round(len(scores) / seconds, 2),
        "batch": arguments.batch,
        "threads": arguments.threads,
        "onnxruntime": onnxruntime.__version__,
    }))


if __name__ == "__main__":
    main()
