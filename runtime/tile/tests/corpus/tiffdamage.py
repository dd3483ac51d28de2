"""TIFF files that are damaged or against the standard."""

import struct
import zlib

import numpy as np

from corpus import damages, picture, picture_16, pillow, text_modes
from jpegwriter import ycbcr
from tiffcodecs import block_jpeg
from tiffwriter import (BITS, BLACK_IS_ZERO, COLOUR_MAP, COMPRESSION, EXTRA, FORMAT, HEIGHT, LONG, LONG8, PHOTOMETRIC, PLANAR,
                        RGB, ROWS, SAMPLES, SHORT, STRIP_COUNTS, STRIP_OFFSETS, TILE_HEIGHT, TILE_WIDTH, WIDTH, YCBCR,
                        YCBCR_SUBSAMPLING, Page, page, tiff)

SIZE = (67, 53)


def kinds(seed):
    """Whole pages of several layouts."""
    rgb = picture(*SIZE, seed)
    yield "none", page(rgb, 8, RGB, rows=10)
    yield "packbits", page(rgb, 8, RGB, rows=10, compression=32773)
    yield "lzw", page(rgb, 8, RGB, rows=10, compression=5)
    yield "deflate", page(rgb, 8, RGB, rows=10, compression=8, predictor=2)
    yield "zstd", page(rgb, 8, RGB, rows=10, compression=50000)
    yield "lzma", page(rgb, 8, RGB, compression=34925)
    yield "tiles", page(rgb, 8, RGB, tile=(32, 32), compression=5)
    yield "planar", page(rgb, 8, RGB, planar=2, rows=20, compression=8)
    yield "jpeg", page(rgb, 8, YCBCR, rows=16, compression=7, tags={YCBCR_SUBSAMPLING: (SHORT, [1, 1])},
                       encode=lambda b: block_jpeg(b, YCBCR, [(1, 1)] * 3, False))


def transfers(corpus):
    for name, made in kinds(corpus.seed):
        data = tiff(made)
        # The directory is at the end, so damage to the image data leaves it readable.
        body = sum(len(c) + len(c) % 2 for c in made.chunks) + 8
        # Uncompressed samples carry no redundancy: a changed one is a valid other picture.
        case = "tiff-{}-uncompressed" if name == "none" else "tiff-{}"
        for kind, variant, broken in damages(data[:body], 8, corpus.seed):
            if kind == "truncated":
                corpus.add("tiff-truncated", f"{name}-{variant}", "tif", broken)
            else:
                corpus.add(case.format(kind), f"{name}-{variant}", "tif", broken + data[body:])
        for cut in (0.2, 0.5, 0.9):
            at = body + int((len(data) - body) * cut)
            corpus.add("tiff-truncated", f"directory-{name}-{round(cut * 100)}", "tif", data[:at])
        front, lost = directory_first(made)
        for cut in (0.3, 0.6, 0.95):
            at = lost + int((len(front) - lost) * cut)
            corpus.add("tiff-truncated", f"data-{name}-{round(cut * 100)}", "tif", front[:at])
        corpus.add("tiff-truncated", f"last-bytes-{name}", "tif", front[:-4])
        corpus.add("tiff-directory-first", name, "tif", front, pillow(front) if name != "jpeg" else pillow(data), None, 3 if name == "jpeg" else 0, 0.6 if name == "jpeg" else 0)
        for variant, other in text_modes(data):
            corpus.add("tiff-text-mode", f"{variant}-{name}", "tif", other)
    for at in (1, 2, 4, 7, 8):
        corpus.add("tiff-truncated", f"header-{at}", "tif", data[:at])


def directory_first(made):
    """The same page with the data behind the directory, and where the data begin."""
    start = len(tiff(Page(made.tags, [], made.tiled, offsets=[0] * len(made.chunks), counts=[len(c) for c in made.chunks])))
    offsets = [start + sum(len(c) for c in made.chunks[:i]) for i in range(len(made.chunks))]
    head = tiff(Page(made.tags, [], made.tiled, offsets=offsets, counts=[len(c) for c in made.chunks]))
    return head + b"".join(made.chunks), start


def chunks(corpus):
    for name, made in kinds(corpus.seed):
        offsets, at = [], 8
        for chunk in made.chunks:
            offsets.append(at)
            at += len(chunk) + len(chunk) % 2
        counts = [len(c) for c in made.chunks]
        last = len(counts) - 1

        def changed(case, variant, new_offsets=None, new_counts=None, twin=None):
            other = Page(made.tags, made.chunks, made.tiled, offsets=new_offsets or offsets, counts=new_counts or counts)
            worst, mean = (3, 0.6) if name == "jpeg" else (0, 0)
            corpus.add(case, f"{variant}-{name}", "tif", tiff(other), twin, None, worst, mean)

        whole = pillow(tiff(made))
        for which, label in ((0, "first"), (last, "last")):
            def at_index(values, value, which=which):
                return values[:which] + [value] + values[which + 1:]
            changed("tiff-offset-beyond-file", label, at_index(offsets, 900000))
            changed("tiff-offset-beyond-file", f"{label}-4g", at_index(offsets, 0xFFFFFFFF))
            changed("tiff-chunk-missing", f"zero-both-{label}", at_index(offsets, 0), at_index(counts, 0))
            changed("tiff-chunk-missing", f"zero-offset-{label}", at_index(offsets, 0))
            changed("tiff-chunk-missing", f"zero-count-{label}", None, at_index(counts, 0))
            changed("tiff-byte-count-wrong", f"short-{label}", None, at_index(counts, counts[which] // 2))
            changed("tiff-byte-count-wrong", f"huge-{label}", None, at_index(counts, 0x7FFFFFFF))
            changed("tiff-byte-count-long", label, None, at_index(counts, counts[which] + 1), whole)
            damaged = [bytes(reversed(c)) if i == which else c for i, c in enumerate(made.chunks)]
            if name not in ("none", "packbits"):
                corpus.add("tiff-damaged-codec", f"reversed-{label}-{name}", "tif", tiff(Page(made.tags, damaged, made.tiled)))
                damaged = [c[:len(c) // 2] if i == which else c for i, c in enumerate(made.chunks)]
                corpus.add("tiff-damaged-codec", f"half-{label}-{name}", "tif", tiff(Page(made.tags, damaged, made.tiled)))
                damaged = [bytes(len(c)) if i == which else c for i, c in enumerate(made.chunks)]
                corpus.add("tiff-damaged-codec", f"zeros-{label}-{name}", "tif", tiff(Page(made.tags, damaged, made.tiled)))
        if last:
            changed("tiff-chunk-count-wrong", "one-fewer", offsets[:-1], counts[:-1])
            changed("tiff-chunk-count-wrong", "offsets-fewer", offsets[:-1])
            changed("tiff-chunk-count-wrong", "counts-fewer", None, counts[:-1])
        changed("tiff-chunk-count-wrong", "one-more", offsets + [8], counts + [counts[0]], whole)
        without = {**made.tags, (324 if made.tiled else STRIP_OFFSETS): None}
        corpus.add("tiff-chunk-count-wrong", f"no-offsets-{name}", "tif", tiff(Page(without, made.chunks, made.tiled)))
    rgb = picture(*SIZE, corpus.seed)
    extra = page(rgb, 8, RGB, rows=10, compression=8)
    extra.chunks = [c + b"after" for c in extra.chunks]
    corpus.add("tiff-byte-count-long", "deflate-padding", "tif", tiff(extra), rgb, check=pillow)


def tags(corpus):
    rgb = picture(*SIZE, corpus.seed)
    base = page(rgb, 8, RGB, rows=10)
    tiled = page(rgb, 8, RGB, tile=(32, 32))

    def changed(case, variant, number, value, made=base, twin=None):
        corpus.add(case, variant, "tif", tiff(Page({**made.tags, number: value}, made.chunks, made.tiled)), twin)

    for name, number in (("width", WIDTH), ("height", HEIGHT)):
        for label, value in (("0", 0), ("65500", 65500), ("4g", 0xFFFFFFFF), ("more", 150)):
            changed("tiff-bad-dimensions", f"{name}-{label}", number, (LONG, [value]))
        changed("tiff-bad-dimensions", f"{name}-missing", number, None)
        changed("tiff-smaller-dimensions", name, number, (LONG, [20]))
    for label, value in (("0", 0), ("4g", 0xFFFFFFFE), ("1", 1), ("5", 5)):
        changed("tiff-rows-wrong", label, ROWS, (LONG, [value]))
    for name, number in (("width", TILE_WIDTH), ("height", TILE_HEIGHT)):
        for label, value in (("0", 0), ("1", 1), ("huge", 0x7FFFFFFF), ("other", 48)):
            changed("tiff-bad-tile-size", f"{name}-{label}", number, (LONG, [value]), tiled)
        changed("tiff-bad-tile-size", f"{name}-missing", number, None, tiled)
    for label, value in (("0", [0, 0, 0]), ("7", [7, 7, 7]), ("65535", [65535] * 3), ("too-few", [8, 8]), ("too-many", [8, 8, 8, 8]), ("128", [128] * 3)):
        changed("tiff-bad-depth", label, BITS, (SHORT, value))
    for label, value in (("0", 0), ("2", 2), ("4", 4), ("65535", 65535)):
        changed("tiff-bad-sample-count", label, SAMPLES, (SHORT, [value]))
    changed("tiff-bad-sample-count", "missing", SAMPLES, None)
    changed("tiff-bad-planar", "0", PLANAR, (SHORT, [0]))
    changed("tiff-bad-planar", "3", PLANAR, (SHORT, [3]))
    changed("tiff-bad-planar", "2-with-chunky-data", PLANAR, (SHORT, [2]))
    changed("tiff-bad-sample-format", "0", FORMAT, (SHORT, [0] * 3))
    changed("tiff-bad-sample-format", "mixed", FORMAT, (SHORT, [1, 2, 3]))
    changed("tiff-bad-extra-samples", "too-many", EXTRA, (SHORT, [2, 2, 2, 2]))
    changed("tiff-bad-extra-samples", "rgb-of-three", EXTRA, (SHORT, [2]))
    changed("tiff-bad-extra-samples", "unknown-kind", EXTRA, (SHORT, [9]))
    changed("tiff-palette-missing", "rgb-as-palette", PHOTOMETRIC, (SHORT, [3]))
    index = page(rgb[..., :1], 8, 3, rows=10)
    corpus.add("tiff-palette-missing", "8", "tif", tiff(index))
    for label, count in (("short", 300), ("empty", 3), ("long", 900)):
        changed("tiff-palette-wrong-length", label, COLOUR_MAP, (SHORT, list(range(count))), index)
    changed("tiff-compression-missing", "", COMPRESSION, None, twin=rgb)
    for label, kind, value in (("ascii", 2, b"67\0"), ("double", 12, [67.0]), ("rational", 5, [(67, 1)]), ("unknown-type", 99, b"\x43\0\0\0")):
        changed("tiff-bad-tag-type", f"width-{label}", WIDTH, (kind, value))
    changed("tiff-bad-tag-type", "width-two-values", WIDTH, (SHORT, [67, 20]))
    changed("tiff-bad-tag-type", "long8-in-classic", WIDTH, (LONG8, [67]))
    data = tiff(base)
    at = int.from_bytes(data[4:8], "little")
    first, second = data[at + 2:at + 14], data[at + 14:at + 26]
    corpus.add("tiff-tags-unsorted", "swapped", "tif", data[:at + 2] + second + first + data[at + 26:], rgb)
    corpus.add("tiff-tags-repeated", "width", "tif", data[:at + 14] + first[:8] + struct.pack("<I", 20) + data[at + 26:])
    corpus.add("tiff-bad-directory", "no-entries", "tif", data[:at] + b"\0\0" + data[at + 2:])
    corpus.add("tiff-bad-directory", "too-many-entries", "tif", data[:at] + b"\xff\xff" + data[at + 2:])
    corpus.add("tiff-bad-directory", "next-beyond-file", "tif", data[:-4] + b"\0\0\0\x7f")
    corpus.add("tiff-bad-directory", "next-into-data", "tif", data[:-4] + struct.pack("<I", 20))
    for label, offset in (("0", 0), ("beyond", 900000), ("into-header", 2), ("odd", 9)):
        corpus.add("tiff-bad-directory", f"first-{label}", "tif", data[:4] + struct.pack("<I", offset) + data[8:])
    count_at = at + 2 + 12 * sorted([*base.tags, STRIP_OFFSETS, STRIP_COUNTS]).index(STRIP_COUNTS) + 4
    corpus.add("tiff-bad-directory", "huge-count", "tif", data[:count_at] + b"\xff\xff\xff\x7f" + data[count_at + 4:])
    corpus.add("tiff-bad-header", "mixed-byte-order", "tif", b"MM" + data[2:])
    for label, value in (("43", 43), ("44", 44), ("0", 0), ("85", 85)):
        corpus.add("tiff-bad-header", f"version-{label}", "tif", data[:2] + struct.pack("<H", value) + data[4:])
    large = tiff(page(rgb, 8, RGB, rows=10), big=True)
    for label, change in (("offset-size-4", large[:4] + b"\4\0" + large[6:]), ("constant-1", large[:6] + b"\1\0" + large[8:]), ("offset-huge", large[:8] + b"\xff" * 8 + large[16:]), ("offset-negative", large[:15] + b"\x80" + large[16:])):
        corpus.add("tiff-bad-header", f"bigtiff-{label}", "tif", change)
    odd = tiff(page(picture(3, 5, 1), 8, RGB, rows=1))
    corpus.add("tiff-trailing-bytes", "small", "tif", odd + b"trailer", picture(3, 5, 1), check=pillow)
    corpus.add("tiff-trailing-bytes", "zeros", "tif", data + bytes(5000), rgb, check=pillow)
    overlapping = Page(base.tags, base.chunks, offsets=[8] * len(base.chunks))
    corpus.add("tiff-chunks-overlap", "all-the-first", "tif", tiff(overlapping))
    deep = picture_16(*SIZE, corpus.seed)
    wrong = page(deep, 16, RGB, compression=5, predictor=2)
    corpus.add("tiff-depth-and-data-differ", "16-as-8", "tif", tiff(Page({**wrong.tags, BITS: (SHORT, [8] * 3)}, wrong.chunks)))
    short = page(rgb, 8, RGB, compression=5)
    corpus.add("tiff-depth-and-data-differ", "8-as-16", "tif", tiff(Page({**short.tags, BITS: (SHORT, [16] * 3)}, short.chunks)))
    grey = page(np.ascontiguousarray(rgb[..., :1]), 8, BLACK_IS_ZERO, compression=8)
    corpus.add("tiff-depth-and-data-differ", "grey-as-rgb", "tif", tiff(Page({**grey.tags, SAMPLES: (SHORT, [3]), BITS: (SHORT, [8] * 3), PHOTOMETRIC: (SHORT, [RGB])}, grey.chunks)))
    plain = page(np.stack(ycbcr(rgb), axis=2).astype(np.uint8), 8, YCBCR)
    corpus.add("tiff-ycbcr-raw-bad-subsampling", "default-22-with-444-data", "tif", tiff(plain))
    for h, v in ((0, 1), (3, 1), (1, 2), (9, 9)):
        corpus.add("tiff-ycbcr-raw-bad-subsampling", f"{h}{v}", "tif", tiff(Page({**plain.tags, YCBCR_SUBSAMPLING: (SHORT, [h, v])}, plain.chunks)))


def sizes(corpus):
    """Small files that would need very much memory or time."""
    for side in (32768, 65536):
        tags = {WIDTH: (SHORT, [256]), HEIGHT: (SHORT, [256]), BITS: (SHORT, [1]), COMPRESSION: (SHORT, [8]), PHOTOMETRIC: (SHORT, [BLACK_IS_ZERO]),
                SAMPLES: (SHORT, [1]), TILE_WIDTH: (LONG, [side]), TILE_HEIGHT: (LONG, [side])}
        corpus.add("tiff-tile-too-large", f"1-bit-{side}", "tif", tiff(Page(tags, [deflated_zeros(side * side // 8)], True)))
    for entries, count in ((5000, 60), (1000, 4000), (40, 1000)):
        corpus.add("tiff-directories-overlap", f"{count}-of-{entries}", "tif", overlapping(entries, count))


def deflated_zeros(length):
    """What `zlib.compress(bytes(length))` stands for, of a whole number of MiB."""
    coder = zlib.compressobj(9)
    piece = coder.compress(bytes(1 << 20)) + coder.flush(zlib.Z_FULL_FLUSH)
    # Two bytes of header, an empty last block, and the Adler-32 of zeros.
    return piece[:2] + piece[2:] * (length >> 20) + b"\3\0" + struct.pack(">HH", length % 65521, 1)


def overlapping(entries, count):
    """A chain of directories that each begin 12 bytes behind the one before, and share most of their entries."""
    first = 8
    out = bytearray(b"II*\0" + struct.pack("<IH", first, entries))
    for number in range(entries + count - 1):
        # The tag of an entry is the pointer behind the last entry of an earlier directory.
        place = first + 12 * (number - entries + 1)
        out += struct.pack("<IIHH", place if number >= entries else place % 65536, 1, 0, entries)
    return bytes(out + bytes(12))


def add_all(corpus):
    transfers(corpus)
    chunks(corpus)
    tags(corpus)
    sizes(corpus)
