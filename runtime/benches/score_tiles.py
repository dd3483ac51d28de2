#!/usr/bin/env python3
"""Scores a folder of tiles with a bundle as a careful Python user would: ONNX Runtime, Pillow, a thread pool.

This is what `kiln score` is measured against: the same bundle, graph, threads, batch and size policy; decoding overlaps
with inference, is bounded ahead of it, and no pixel is copied more often than it must be. Prints one JSON object.

    python3 score_tiles.py BUNDLE FOLDER [--threads 2] [--batch 8]

Needs: onnxruntime, Pillow, numpy.
"""

import argparse
import collections
import concurrent.futures
import csv
import functools
import itertools
import json
import os
import pathlib
import sys
import time

import numpy
import onnxruntime
from PIL import Image

SIDE = 256
EXTENSIONS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}


def list_tiles(folder):
    """Every tile file below a folder, sorted."""
    found = []
    for root, _, names in os.walk(folder):
        found += [os.path.join(root, name) for name in names if pathlib.Path(name).suffix.lower() in EXTENSIONS]
    return sorted(found)


def decode(path, policy):
    """A tile as u8 [256, 256, 3], by the bundle's size policy."""
    with Image.open(path) as image:
        image = image.convert("RGB")
        if image.size != (SIDE, SIDE):
            if policy == "resize":
                image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
            elif policy == "center_crop":
                left, top = (image.width - SIDE) // 2, (image.height - SIDE) // 2
                image = image.crop((left, top, left + SIDE, top + SIDE))
            else:
                raise ValueError(f"{path}: {image.size}, expected {SIDE}x{SIDE}")
        return numpy.asarray(image)


def decoded(pool, read, places, ahead):
    """The tiles that `read` makes of places, in order, decoded at most `ahead` tiles ahead."""
    places = iter(places)
    waiting = collections.deque(pool.submit(read, place) for place in itertools.islice(places, ahead))
    while waiting:
        tile = waiting.popleft().result()
        for place in itertools.islice(places, 1):
            waiting.append(pool.submit(read, place))
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


def opened(bundle, threads):
    """The manifest of a bundle, and a session of its fp32 graph."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    variant = next(variant for variant in manifest["variants"] if variant["precision"] == "fp32")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return manifest, onnxruntime.InferenceSession(bundle / variant["file"], options, providers=["CPUExecutionProvider"])


def score_all(session, read, places, threads, batch):
    """Scores of all places, in order."""
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return score(session, decoded(pool, read, places, 2 * batch + 2 * threads), batch)


def report(tiles, scores, seconds, arguments):
    """Prints the figures as one JSON object."""
    print(json.dumps({
        "tiles": tiles,
        "scored": len(scores),
        "seconds": round(seconds, 4),
        "tiles_per_s": round(len(scores) / seconds, 2),
        "batch": arguments.batch,
        "threads": arguments.threads,
        "onnxruntime": onnxruntime.__version__,
    }))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--out", type=pathlib.Path, help="write path and score as CSV")
    arguments = parser.parse_args()

    manifest, session = opened(arguments.bundle, arguments.threads)
    paths = list_tiles(arguments.folder)
    if not paths:
        sys.exit(f"{arguments.folder}: no tiles")

    started = time.perf_counter()
    read = functools.partial(decode, policy=manifest["tile"]["size_policy"])
    scores = score_all(session, read, paths, arguments.threads, arguments.batch)
    if arguments.out:
        with arguments.out.open("w", newline="") as file:
            csv.writer(file).writerows([("path", "score"), *zip(paths, scores)])
    seconds = time.perf_counter() - started
    report(len(paths), scores, seconds, arguments)


if __name__ == "__main__":
    main()
