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


def decoded(pool, paths, policy, ahead):
    """Tiles in order, decoded at most `ahead` tiles ahead."""
    paths = iter(paths)
    waiting = collections.deque(pool.submit(decode, path, policy) for path in itertools.islice(paths, ahead))
    while waiting:
        tile = waiting.popleft().result()
        for path in itertools.islice(paths, 1):
            waiting.append(pool.submit(decode, path, policy))
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
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--out", type=pathlib.Path, help="write path and score as CSV")
    arguments = parser.parse_args()

    manifest = json.loads((arguments.bundle / "manifest.json").read_text())
    variant = next(variant for variant in manifest["variants"] if variant["precision"] == "fp32")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = onnxruntime.InferenceSession(
        arguments.bundle / variant["file"], options, providers=["CPUExecutionProvider"]
    )
    paths = list_tiles(arguments.folder)
    if not paths:
        sys.exit(f"{arguments.folder}: no tiles")

    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(arguments.threads) as pool:
        ahead = 2 * arguments.batch + 2 * arguments.threads
        scores = score(session, decoded(pool, paths, manifest["tile"]["size_policy"], ahead), arguments.batch)
    if arguments.out:
        with arguments.out.open("w", newline="") as file:
            csv.writer(file).writerows([("path", "score"), *zip(paths, scores)])
    seconds = time.perf_counter() - started
    print(json.dumps({
        "tiles": len(paths),
        "scored": len(scores),
        "seconds": round(seconds, 4),
        "tiles_per_s": round(len(scores) / seconds, 2),
        "batch": arguments.batch,
        "threads": arguments.threads,
        "onnxruntime": onnxruntime.__version__,
    }))


if __name__ == "__main__":
    main()
