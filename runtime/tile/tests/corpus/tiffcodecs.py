"""TIFF files by compression: lossless codecs with predictors, JPEG in TIFF, fax codecs, and codecs of other software."""

import io
import zlib

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from corpus import SMALL, difference, grey_picture, grey_to_rgb, picture, picture_16, pillow, sized, to_8
from jpegwriter import DHT, DQT, EOI, JFIF, SOI, encode, join, ycbcr
from png import levels
from tiff import put, reads
from tiffwriter import (BLACK_IS_ZERO, COMPRESSION, JPEG_TABLES, LONG, PHOTOMETRIC, RGB, SHORT, STRIP_COUNTS, STRIP_OFFSETS,
                        UNDEFINED, WHITE_IS_ZERO, YCBCR, YCBCR_SUBSAMPLING, Page, page, sample_bytes, tiff)

LOSSLESS = {"none": 1, "packbits": 32773, "lzw": 5, "deflate": 8, "deflate-32946": 32946, "zstd": 50000, "lzma": 34925}
BY_PILLOW = {"none", "packbits", "lzw", "deflate", "deflate-32946", "zstd", "lzma"}


def lossless(corpus):
    for seed, size in enumerate([*SMALL, (200, 130)]):
        rgb, deep = picture(*size, corpus.seed + seed), picture_16(*size, corpus.seed + seed)
        flat, flat_deep = grey_to_rgb(rgb[..., 1]), grey_to_rgb(to_8(deep[..., 1]))
        shapes = {"strips": {"rows": 10}, "one-strip": {}, "tiles": {"tile": (32, 48)}, "planar": {"planar": 2, "rows": 20}}
        for codec, number in LOSSLESS.items():
            case = f"tiff-compression-{codec}"
            for shape, options in shapes.items():
                if size == (200, 130) and shape != "tiles":
                    continue
                label = f"{shape}-{sized(size)}"
                more = [pillow] if codec in BY_PILLOW else []
                put(corpus, case, f"rgb-{label}", rgb, 8, RGB, rgb, compression=number, more=more, **options)
                for order, end in (("<", ""), (">", "-big-endian")):
                    if end and shape in ("one-strip", "planar"):
                        continue
                    put(corpus, case, f"rgb16-{label}{end}", deep, 16, RGB, to_8(deep), compression=number, order=order, worst=1, **options)
                if shape == "strips":
                    put(corpus, case, f"grey-{label}", rgb[..., 1:2], 8, BLACK_IS_ZERO, flat, compression=number, **options)
                    bits = levels(size, 1, 3).astype(np.uint8)[..., None]
                    put(corpus, case, f"bilevel-{label}", bits, 1, BLACK_IS_ZERO, grey_to_rgb(bits[..., 0] * 255), compression=number, **options)
                if codec in ("none", "packbits"):
                    continue
                put(corpus, "tiff-predictor-2", f"{codec}-rgb-{label}", rgb, 8, RGB, rgb, compression=number, predictor=2, more=more, **options)
                for order, end in (("<", ""), (">", "-big-endian")):
                    if not end or (codec in ("lzw", "deflate", "zstd") and shape == "strips"):
                        put(corpus, "tiff-predictor-2", f"{codec}-rgb16-{label}{end}", deep, 16, RGB, to_8(deep), compression=number, predictor=2, order=order, worst=1, **options)
                if codec in ("lzw", "deflate") and shape in ("strips", "tiles"):
                    put(corpus, "tiff-predictor-2", f"{codec}-grey16-{label}", deep[..., 1:2], 16, BLACK_IS_ZERO, flat_deep, compression=number, predictor=2, worst=1, **options)
                    wide = deep.astype(np.uint32) * np.uint32(65537)
                    put(corpus, "tiff-predictor-2", f"{codec}-rgb32-{label}", wide, 32, RGB, to_8(deep), compression=number, predictor=2, worst=1, **options)
                    unit = (deep / 65535).astype(np.float32)
                    put(corpus, "tiff-predictor-3", f"{codec}-{label}", unit, 32, RGB, None, compression=number, predictor=3, form=3, **options)
    rgb = picture(67, 53, corpus.seed)
    for level in (0, 9):
        put(corpus, "tiff-compression-deflate", f"level-{level}", rgb, 8, RGB, rgb, compression=8, encode=lambda b, level=level: zlib.compress(b.tobytes(), level), more=[pillow])
    put(corpus, "tiff-compression-lzw-old", "rgb", rgb, 8, RGB, rgb, compression=5, rows=10, encode=lambda b: old_lzw(b.tobytes()))
    put(corpus, "tiff-compression-lzw-old", "grey", rgb[..., :1], 8, BLACK_IS_ZERO, grey_to_rgb(rgb[..., 0]), compression=5, encode=lambda b: old_lzw(b.tobytes()))
    put(corpus, "tiff-predictor-unknown", "9", rgb, 8, RGB, None, compression=5, predictor=9)
    put(corpus, "tiff-predictor-unknown", "none-with-2", rgb, 8, RGB, None, compression=1, predictor=2)
    bits = levels((67, 53), 4, 3).astype(np.uint8)[..., None]
    put(corpus, "tiff-predictor-unknown", "2-at-4-bits", bits, 4, BLACK_IS_ZERO, None, compression=5, predictor=1, tags={317: (SHORT, [2])})


def old_lzw(data):
    """LZW before TIFF 6: least significant bit first. All codes stay at 9 bits, as the table is cleared often."""
    codes = []
    for at in range(0, len(data), 200):
        codes += [256, *data[at:at + 200]]
    codes.append(257)
    bits = "".join(format(code, "09b")[::-1] for code in codes)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8][::-1], 2) for i in range(0, len(bits), 8))


def block_jpeg(block, photometric, factors, abbreviated, markers=(), **options):
    """One strip or tile as a JPEG stream."""
    planes = ycbcr(block) if photometric == YCBCR else [block[..., i].astype(float) for i in range(block.shape[2])]
    jpeg = encode(planes, factors, markers=list(markers), **options)
    return join(jpeg.without(DQT, DHT)) if abbreviated else jpeg.bytes()


def jpeg_in_tiff(corpus):
    ones = [(1, 1)] * 3
    kinds = {"ycbcr-444": (YCBCR, ones, (1, 1)), "ycbcr-420": (YCBCR, [(2, 2), (1, 1), (1, 1)], (2, 2)), "ycbcr-422": (YCBCR, [(2, 1), (1, 1), (1, 1)], (2, 1)),
             "rgb": (RGB, ones, None), "grey": (BLACK_IS_ZERO, [(1, 1)], None)}
    for size in [*SMALL, (200, 130)]:
        rgb = picture(*size, corpus.seed)
        for kind, (photometric, factors, subsampling) in kinds.items():
            samples = rgb[..., :1] if kind == "grey" else rgb
            for shape, options in (("strips", {"rows": 16}), ("one-strip", {}), ("tiles", {"tile": (32, 48)})):
                if size == (200, 130) and shape != "tiles":
                    continue
                for tables in (False, True):
                    tags = {YCBCR_SUBSAMPLING: (SHORT, list(subsampling))} if subsampling else {}
                    if tables:
                        sample = encode(ycbcr(rgb)[:len(factors)], factors, markers=[])
                        head = [s for s in sample.segments if s[0] in (SOI, DQT, DHT, EOI)]
                        tags[JPEG_TABLES] = (UNDEFINED, join(head))
                    made = page(samples, 8, photometric, compression=7, tags=tags, encode=lambda b, p=photometric, f=factors, t=tables: block_jpeg(b, p, f, t), **options)
                    data = tiff(made)
                    worst, mean = (3, 0.6) if subsampling in (None, (1, 1)) else (6, 1)
                    name = f"{shape}-{sized(size)}" + "-tables" * tables
                    twin = pillow(data)
                    if difference(twin, grey_to_rgb(rgb[..., 0]) if kind == "grey" else rgb)[0] > 30:
                        raise AssertionError(f"tiff-jpeg-{kind} {name}: Pillow shows another picture: {difference(twin, rgb)}")
                    corpus.add(f"tiff-jpeg-{kind}", name, "tif", data, twin, None, worst, mean, check=tifffile_rgb)
    size = (67, 53)
    rgb = picture(*size, corpus.seed)
    for name, photometric, as_stored, markers in (("rgb-tag-ycbcr-jfif", RGB, YCBCR, [JFIF]), ("rgb-tag-ycbcr", RGB, YCBCR, []), ("ycbcr-tag-rgb-data", YCBCR, RGB, [])):
        made = page(rgb, 8, photometric, compression=7, rows=16, encode=lambda b, p=as_stored, m=markers: block_jpeg(b, p, ones, False, m))
        corpus.add("tiff-jpeg-colour-conflict", name, "tif", tiff(made))
    made = page(rgb, 8, YCBCR, compression=7, rows=16, tags={YCBCR_SUBSAMPLING: (SHORT, [1, 1])}, encode=lambda b: block_jpeg(b, YCBCR, [(2, 2), (1, 1), (1, 1)], False))
    corpus.add("tiff-jpeg-sampling-conflict", "tag-11-stream-22", "tif", tiff(made))
    made = page(rgb, 8, YCBCR, compression=7, rows=16, tags={YCBCR_SUBSAMPLING: (SHORT, [2, 2])}, encode=lambda b: block_jpeg(b, YCBCR, ones, False))
    corpus.add("tiff-jpeg-sampling-conflict", "tag-22-stream-11", "tif", tiff(made))
    made = page(rgb, 8, YCBCR, compression=7, rows=16, tags={YCBCR_SUBSAMPLING: (SHORT, [1, 1])}, encode=lambda b: block_jpeg(b, YCBCR, ones, False, progressive=True))
    corpus.add("tiff-jpeg-progressive", "444", "tif", tiff(made), pillow(tiff(made)), None, 3, 0.6)
    made = page(rgb, 8, YCBCR, compression=7, rows=16, tags={YCBCR_SUBSAMPLING: (SHORT, [1, 1])}, encode=lambda b: block_jpeg(b, YCBCR, ones, True))
    corpus.add("tiff-jpeg-tables-missing", "444", "tif", tiff(made))
    made = page(rgb, 8, RGB, compression=7, planar=2, encode=lambda b: block_jpeg(b, BLACK_IS_ZERO, [(1, 1)], False))
    corpus.add("tiff-jpeg-planar", "rgb", "tif", tiff(made), pillow(tiff(made)), None, 3, 0.6)
    ink = np.dstack([255 - rgb, rgb.min(axis=2) // 4])
    made = page(ink, 8, 5, compression=7, encode=lambda b: block_jpeg(b, 5, [(1, 1)] * 4, False))
    corpus.add("tiff-cmyk", "jpeg", "tif", tiff(made))
    deep = [p * 4095 / 255 for p in [ycbcr(rgb)[0]]]
    made = page(picture_16(*size)[..., :1] >> 4, 12, BLACK_IS_ZERO, compression=7, encode=lambda b: encode(deep, [(1, 1)], precision=12, markers=[]).bytes())
    corpus.add("tiff-jpeg-12bit", "grey", "tif", tiff(made))
    made = page(rgb, 8, RGB, compression=7, encode=lambda b: imagecodecs.jpeg8_encode(np.ascontiguousarray(b), lossless=True))
    corpus.add("tiff-jpeg-lossless", "rgb", "tif", tiff(made), rgb)
    broken = page(rgb, 8, YCBCR, compression=7, rows=16, tags={YCBCR_SUBSAMPLING: (SHORT, [1, 1])}, encode=lambda b: block_jpeg(b, YCBCR, ones, False))
    for name, change in (("truncated", lambda c: c[:len(c) // 2]), ("zero-tail", lambda c: c[:len(c) // 2] + bytes(len(c) - len(c) // 2)), ("empty", lambda c: b""), ("eoi", lambda c: c[:len(c) // 2] + b"\xff\xd9"), ("zeros", lambda c: bytes(len(c)))):
        for which in (0, 2):
            chunks = [change(c) if i == which else c for i, c in enumerate(broken.chunks)]
            corpus.add("tiff-jpeg-damaged", f"{name}-strip-{which}", "tif", tiff(Page(broken.tags, chunks)))
    old_jpeg(corpus, rgb)


def old_jpeg(corpus, rgb):
    """Compression 6: one JPEG stream that two tags point at."""
    stream = encode(ycbcr(rgb), [(2, 2), (1, 1), (1, 1)], markers=[]).bytes()
    tags = {512: (SHORT, [1]), 513: (LONG, [8]), 514: (LONG, [len(stream)]), YCBCR_SUBSAMPLING: (SHORT, [2, 2]), STRIP_OFFSETS: (LONG, [8]), STRIP_COUNTS: (LONG, [len(stream)])}
    made = page(rgb, 8, YCBCR, compression=6, tags=tags, encode=lambda b: b"")
    corpus.add("tiff-jpeg-old", "interchange", "tif", tiff(made, lead=stream + bytes(len(stream) % 2)))


def tifffile_rgb(data):
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        pixels = file.pages.first.asarray()
    return grey_to_rgb(pixels) if pixels.ndim == 2 else pixels


def fax(corpus):
    for size in [*SMALL, (200, 130)]:
        bits = grey_picture(*size, corpus.seed) > 140
        twin = grey_to_rgb(bits.astype(np.uint8) * 255)
        for case, codec in (("rle", "tiff_ccitt"), ("g3", "group3"), ("g4", "group4")):
            out = io.BytesIO()
            Image.fromarray(bits).save(out, "TIFF", compression=codec)
            for fill in (1, 2):
                data = out.getvalue()
                if fill == 2:
                    data = reversed_bits(data)
                corpus.add(f"tiff-ccitt-{case}", f"fill-{fill}-{sized(size)}", "tif", data, twin, check=pillow)
            corpus.add(f"tiff-ccitt-{case}", f"min-is-white-{sized(size)}", "tif", retag(out.getvalue(), WHITE_IS_ZERO), 255 - twin if photometric_of(out.getvalue()) else twin, check=pillow)
        # ThunderScan with nothing but literal pixels, which the format allows.
        shades = levels(size, 4, corpus.seed).astype(np.uint8)[..., None]
        made = page(shades, 4, BLACK_IS_ZERO, compression=32809, encode=lambda b: bytes(0xC0 | int(v) for v in b.ravel()))
        corpus.add("tiff-compression-thunderscan", sized(size), "tif", tiff(made), grey_to_rgb(shades[..., 0] * 17), check=pillow)


def photometric_of(data):
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        return int(file.pages.first.photometric)


def retag(data, photometric):
    """The same file with another photometric tag."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        at = file.pages.first.tags[PHOTOMETRIC].valueoffset
    return data[:at] + bytes([photometric, 0]) + data[at + 2:]


def reversed_bits(data):
    """The same file with FillOrder 2."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        first = file.pages.first
        tags = {tag.code: (int(tag.dtype), list(np.atleast_1d(tag.value)) if not isinstance(tag.value, (str, bytes)) else tag.value) for tag in first.tags if tag.code in (256, 257, 258, 259, 262, 277, 278, 292, 293)}
        chunks = [imagecodecs.bitorder_encode(data[o:o + c]) for o, c in zip(first.dataoffsets, first.databytecounts)]
    tags = {code: (kind, [int(v) for v in value]) for code, (kind, value) in tags.items()}
    return tiff(Page({**tags, 266: (SHORT, [2])}, chunks))


def other_software(corpus):
    size = (64, 48)
    rgb = picture(*size, corpus.seed)
    codecs = {
        "webp": (50001, lambda b: imagecodecs.webp_encode(np.ascontiguousarray(b), lossless=True)),
        "jpeg2000-34712": (34712, lambda b: imagecodecs.jpeg2k_encode(np.ascontiguousarray(b), codecformat="j2k", level=0, reversible=True)),
        "jpeg2000-33005": (33005, lambda b: imagecodecs.jpeg2k_encode(np.ascontiguousarray(b), codecformat="j2k", level=0, reversible=True, mct=False)),
        "jpeg2000-33003": (33003, lambda b: imagecodecs.jpeg2k_encode(np.ascontiguousarray(b), codecformat="j2k", level=0, reversible=True, mct=False)),
        "jpegxl": (50002, lambda b: imagecodecs.jpegxl_encode(np.ascontiguousarray(b), lossless=True)),
        "jpegxl-dng": (52546, lambda b: imagecodecs.jpegxl_encode(np.ascontiguousarray(b), lossless=True)),
        "png": (34933, lambda b: imagecodecs.png_encode(np.ascontiguousarray(b))),
        # The encoder leaves a few bytes uninitialised, so the header alone is written.
        "lerc": (34887, lambda b: b"Lerc2 " + bytes(200)),
        "jpegxr": (34934, lambda b: imagecodecs.jpegxr_encode(np.ascontiguousarray(b))),
        "jpegxr-ndpi": (22610, lambda b: imagecodecs.jpegxr_encode(np.ascontiguousarray(b))),
    }
    for codec, (number, coder) in codecs.items():
        for shape, options in (("strip", {}), ("tiles", {"tile": (32, 16)})):
            tags = {50674: (LONG, [4, 0])} if codec == "lerc" else {}
            made = page(rgb, 8, RGB, compression=number, encode=coder, tags=tags, **options)
            known = codec not in ("lerc", "jpeg2000-33003", "jpegxr", "jpegxr-ndpi")
            check = [reads(rgb, rgb)] if known else []
            corpus.add(f"tiff-compression-{codec}", f"{shape}-{sized(size)}", "tif", tiff(made), rgb if known else None, check=check)
    lossy = page(rgb, 8, RGB, compression=50001, encode=lambda b: imagecodecs.webp_encode(np.ascontiguousarray(b), level=90))
    corpus.add("tiff-compression-webp", "lossy", "tif", tiff(lossy), tifffile_rgb(tiff(lossy)), None, 6, 1)
    for name, number in (("jbig", 34661), ("thunderscan", 32809), ("next", 32766), ("sgilog", 34676), ("sgilog24", 34677), ("pixarlog", 32909), ("dcs", 32947), ("it8", 32895),
                         ("jbig-tiff-fx", 9), ("jbig2", 34715), ("unknown", 12345), ("zero", 0), ("t85", 34661), ("deflate-as-lzma", 34925), ("lzma-as-zstd", 50000)):
        made = page(rgb, 8, RGB, rows=16)
        corpus.add("tiff-compression-unknown", f"{name}-{number}", "tif", tiff(Page({**made.tags, COMPRESSION: (SHORT, [number])}, made.chunks)))
    pixar = page(rgb, 8, RGB, compression=32909, encode=lambda b: zlib.compress(sample_bytes(b, 8, "<")))
    corpus.add("tiff-compression-unknown", "pixarlog-deflate", "tif", tiff(pixar))


def add_all(corpus):
    lossless(corpus)
    jpeg_in_tiff(corpus)
    fax(corpus)
    other_software(corpus)
