#!/usr/bin/env python3
"""Sends a folder of tiles to a running Triton with NVIDIA's own client, as fast as it can: what `kiln score --endpoint` is
measured against. The same requests: batch, outputs and number of requests on their way. Unlike Kiln, it decodes every
tile before the clock starts, so that its figure is that of the client and the server alone. Prints one JSON object.

    python3 endpoint.py URL MODEL FOLDER [--batch 8] [--concurrency 2] [--out scores.csv]

URL is http://HOST:PORT or grpc://HOST:PORT. Tiles must be 256x256. Needs: tritonclient[http,grpc], Pillow, numpy.
"""

import argparse
import csv
import importlib
import json
import pathlib
import re
import threading
import time

import numpy
from PIL import Image

EXTENSIONS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}


def natural(path):
    """t2 before t10, as Kiln lists a folder."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def read(path):
    """A tile as u8 [256, 256, 3]."""
    with Image.open(path) as image:
        return numpy.asarray(image.convert("RGB"))


def work(client, address, model, batches, places, scores):
    """One connection: takes the next batch until there is none."""
    connection = client.InferenceServerClient(address)
    wanted = [client.InferRequestedOutput("score"), client.InferRequestedOutput("probabilities")]
    for place in places:
        tiles = batches[place]
        tile = client.InferInput("tile", list(tiles.shape), "UINT8")
        tile.set_data_from_numpy(tiles)
        answer = connection.infer(model, [tile], outputs=wanted)
        answer.as_numpy("probabilities")
        scores[place] = answer.as_numpy("score").reshape(-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("model")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--concurrency", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path, help="write path and score as CSV")
    arguments = parser.parse_args()

    scheme, address = arguments.url.split("://")
    client = importlib.import_module(f"tritonclient.{scheme}")
    paths = [path for path in arguments.folder.rglob("*") if path.suffix.lower() in EXTENSIONS]
    paths.sort(key=natural)
    tiles = [read(path) for path in paths]
    batches = [numpy.stack(tiles[first : first + arguments.batch]) for first in range(0, len(tiles), arguments.batch)]
    scores = [None] * len(batches)
    places = iter(range(len(batches)))
    lock = threading.Lock()

    def taken():
        while True:
            with lock:
                place = next(places, None)
            if place is None:
                return
            yield place

    threads = [
        threading.Thread(target=work, args=(client, address, arguments.model, batches, taken(), scores))
        for _ in range(arguments.concurrency)
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    scores = numpy.concatenate(scores)
    if arguments.out:
        with arguments.out.open("w", newline="") as file:
            csv.writer(file).writerows([("path", "score"), *zip(map(str, paths), map(str, scores))])
    print(json.dumps({
        "tiles": len(paths),
        "scored": len(scores),
        "seconds": round(seconds, 4),
        "tiles_per_s": round(len(scores) / seconds, 2),
        "batch": arguments.batch,
        "concurrency": arguments.concurrency,
    }))


if __name__ == "__main__":
    main()
