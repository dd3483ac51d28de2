"""PNG files that are damaged or against the standard."""

import struct
import zlib

import numpy as np

from corpus import alpha_channel, damages, grey_picture, picture, pillow, text_modes
from png import indices, palette_of
from pngwriter import (GREY, PALETTE, RGB, RGBA, SIGNATURE, chunk, chunks_of, header, image_data, packed_rows,
                       png)

SIZE = (67, 53)


def palette_file(seed, count=16, depth=4, table=None, samples=None, **options):
    table = palette_of(count, seed).tobytes() if table is None else table
    samples = indices(SIZE, count, seed) if samples is None else samples
    return png(samples[..., None], depth, PALETTE, before=chunk(b"PLTE", table), **options)


def transfers(corpus):
    rgb = picture(*SIZE, corpus.seed)
    for name, data in (("rgb", png(rgb, 8, RGB)), ("adam7", png(rgb, 8, RGB, adam7=True)), ("palette", palette_file(corpus.seed)),
                       ("stored", png(rgb, 8, RGB, data=zlib.compress(image_data(rgb, 8), 0))), ("pieces", png(rgb, 8, RGB, pieces=9))):
        start = next(begin for kind, begin, _ in chunks_of(data) if kind == b"IDAT") + 12
        for kind, variant, broken in damages(data, start, corpus.seed):
            corpus.add(f"png-{kind}", f"{name}-{variant}", "png", broken)
        corpus.add("png-missing-iend", name, "png", data[:-12], pillow(data))
        corpus.add("png-missing-iend", f"half-{name}", "png", data[:-5], pillow(data))
        for variant, other in text_modes(data):
            corpus.add("png-text-mode", f"{variant}-{name}", "png", other)
    data = png(rgb, 8, RGB)
    for at in (1, 4, 7, 8, 12, 20, 32, 33, 37, 41):
        corpus.add("png-truncated", f"header-{at}", "png", data[:at])


def checksums(corpus):
    rgb = picture(*SIZE, corpus.seed)
    clear = chunk(b"tRNS", struct.pack(">3H", *map(int, rgb[5, 7])))
    text = chunk(b"tEXt", b"Comment\0made here")
    files = {"rgb": png(rgb, 8, RGB, before=text + clear), "palette": palette_file(corpus.seed, after=text), "adam7": png(rgb, 8, RGB, adam7=True),
             "pieces": png(rgb, 8, RGB, pieces=5)}
    for name, data in files.items():
        for number, (kind, _, end) in enumerate(chunks_of(data)):
            broken = data[:end - 1] + bytes([data[end - 1] ^ 0x10]) + data[end:]
            corpus.add(f"png-wrong-crc-{kind.decode().lower()}", f"{name}-{number}", "png", broken, pillow(data) if kind in (b"tEXt", b"IEND") else None)
        corpus.add("png-wrong-crc-all", name, "png", zero_checksums(data))
    for adam7 in (False, True):
        raw = zlib.compress(image_data(rgb, 8, adam7))
        name = "adam7" if adam7 else "plain"
        corpus.add("png-wrong-adler", name, "png", png(rgb, 8, RGB, adam7=adam7, data=raw[:-1] + bytes([raw[-1] ^ 1])))
        corpus.add("png-missing-adler", name, "png", png(rgb, 8, RGB, adam7=adam7, data=raw[:-4]))
        corpus.add("png-missing-adler", f"part-{name}", "png", png(rgb, 8, RGB, adam7=adam7, data=raw[:-2]))


def zero_checksums(data):
    out = bytearray(data)
    for _, _, end in chunks_of(data):
        out[end - 4:end] = bytes(4)
    return bytes(out)


def amounts(corpus):
    """More or fewer pixels than the header announces."""
    rgb = picture(*SIZE, corpus.seed)
    for adam7 in (False, True):
        name = "adam7" if adam7 else "plain"
        full = image_data(rgb, 8, adam7)
        for kind, share in (("half", 0.5), ("tenth", 0.1), ("nine-tenths", 0.9)):
            corpus.add("png-too-little-data", f"{kind}-{name}", "png", png(rgb, 8, RGB, adam7=adam7, data=zlib.compress(full[:int(len(full) * share)])))
        for kind, cut in (("one-byte", 1), ("one-row", 202), ("row-and-byte", 203)):
            corpus.add("png-too-little-data", f"{kind}-{name}", "png", png(rgb, 8, RGB, adam7=adam7, data=zlib.compress(full[:-cut])))
        corpus.add("png-too-little-data", f"nothing-{name}", "png", png(rgb, 8, RGB, adam7=adam7, data=zlib.compress(b"")))
        for kind, more in (("one-byte", b"\0"), ("one-row", bytes(202)), ("many", bytes(9999))):
            corpus.add("png-extra-pixel-data", f"{kind}-{name}", "png", png(rgb, 8, RGB, adam7=adam7, data=zlib.compress(full + more)), rgb)
        corpus.add("png-extra-idat-bytes", name, "png", png(rgb, 8, RGB, adam7=adam7, data=zlib.compress(full) + b"after the stream"), rgb)
        wrong = bytearray(full)
        wrong[0] = 5
        corpus.add("png-bad-filter", f"first-row-{name}", "png", png(rgb, 8, RGB, adam7=adam7, data=zlib.compress(bytes(wrong))))
        if not adam7:
            wrong = bytearray(full)
            wrong[-202] = 200
            corpus.add("png-bad-filter", "last-row", "png", png(rgb, 8, RGB, data=zlib.compress(bytes(wrong))))
    packed = packed_rows(rgb, 8)
    corpus.add("png-no-filter-bytes", "", "png", png(rgb, 8, RGB, data=zlib.compress(packed.tobytes())))
    for name, raw in (("raw-deflate", zlib.compress(image_data(rgb, 8))[2:-4]), ("gzip", b"\x1f\x8b\x08" + bytes(7) + zlib.compress(image_data(rgb, 8))[2:-4]),
                      ("plain", image_data(rgb, 8)), ("bad-window", b"\x88" + zlib.compress(image_data(rgb, 8))[1:]), ("dictionary", b"\x78\xbb" + bytes(4) + zlib.compress(image_data(rgb, 8))[2:])):
        corpus.add("png-bad-zlib", name, "png", png(rgb, 8, RGB, data=raw))


def headers(corpus):
    rgb = picture(*SIZE, corpus.seed)
    raw = zlib.compress(image_data(rgb, 8))

    def with_header(head, data=raw):
        return png(rgb, 8, RGB, head=head, data=data)

    for colour in range(8):
        for depth in (0, 1, 2, 3, 4, 7, 8, 16, 32):
            legal = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.get(colour, ())
            if depth not in legal and (depth in (2, 4, 8, 16) or colour in (2, 3)):
                corpus.add("png-illegal-type", f"{colour}-{depth}", "png", with_header(header(SIZE, depth, colour)))
    for name, head in (("interlace-2", header(SIZE, 8, RGB, 2)), ("compression-1", header(SIZE, 8, RGB, 0, 1)), ("filter-1", header(SIZE, 8, RGB, 0, 0, 1)),
                       ("filter-64", header(SIZE, 8, RGB, 0, 0, 64))):
        corpus.add("png-illegal-method", name, "png", with_header(head))
    for name, size in (("width-0", (0, 53)), ("height-0", (67, 0)), ("both-0", (0, 0)), ("huge", (2**31 - 1, 2**31 - 1)), ("top-bit", (2**31 + 67, 53)),
                       ("wide", (65500, 53)), ("tall", (67, 65500)), ("limit", (8193, 1))):
        corpus.add("png-bad-dimensions", name, "png", with_header(header(size, 8, RGB)))
    corpus.add("png-smaller-dimensions", "height", "png", with_header(header((67, 20), 8, RGB)))
    corpus.add("png-bad-header-length", "12", "png", png(rgb, 8, RGB, head=chunk(b"IHDR", header(SIZE, 8, RGB)[8:20])))
    corpus.add("png-bad-header-length", "14", "png", png(rgb, 8, RGB, head=chunk(b"IHDR", header(SIZE, 8, RGB)[8:21] + b"\0")))
    body = chunk(b"IDAT", raw)
    table = chunk(b"PLTE", palette_of(16, corpus.seed).tobytes())
    chosen = zlib.compress(image_data(indices(SIZE, 16, corpus.seed)[..., None], 4))
    shade = header(SIZE, 4, PALETTE)
    end = chunk(b"IEND")
    order = {
        "ihdr-second": chunk(b"tEXt", b"a\0b") + header(SIZE, 8, RGB) + body + end, "no-ihdr": body + end, "no-idat": header(SIZE, 8, RGB) + end,
        "two-ihdr": header(SIZE, 8, RGB) * 2 + body + end, "two-ihdr-differ": header(SIZE, 8, RGB) + header((20, 20), 8, RGB) + body + end,
        "iend-first": header(SIZE, 8, RGB) + end + body + end, "plte-after-idat": shade + chunk(b"IDAT", chosen) + table + end,
        "two-plte": shade + table + table + chunk(b"IDAT", chosen) + end,
        "two-plte-differ": shade + table + chunk(b"PLTE", bytes(48)) + chunk(b"IDAT", chosen) + end,
        "trns-before-plte": shade + chunk(b"tRNS", b"\x40\x80") + table + chunk(b"IDAT", chosen) + end,
        "trns-after-idat": shade + table + chunk(b"IDAT", chosen) + chunk(b"tRNS", b"\x40\x80") + end,
        "two-trns": shade + table + chunk(b"tRNS", b"\x40\x80") + chunk(b"tRNS", b"\xff\0") + chunk(b"IDAT", chosen) + end,
        "idat-interrupted": header(SIZE, 8, RGB) + chunk(b"IDAT", raw[:900]) + chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", raw[900:]) + end,
    }
    for name, content in order.items():
        corpus.add("png-chunk-order", name, "png", SIGNATURE + content)
    corpus.add("png-missing-plte", "", "png", SIGNATURE + shade + chunk(b"IDAT", chosen) + end)
    for name, kind in (("before", b"CRIT"), ("wrong-case", b"idat"), ("reserved-bit", b"TEst"), ("not-letters", b"A\0BC")):
        corpus.add("png-unknown-critical-chunk", name, "png", png(rgb, 8, RGB, before=chunk(kind, b"data")))
    corpus.add("png-unknown-critical-chunk", "after", "png", png(rgb, 8, RGB, after=chunk(b"CRIT", b"data")))
    for name, length in (("huge", 2**31 - 1), ("top-bit", 2**31), ("past-end", 999999), ("short", 100), ("zero", 0)):
        data = png(rgb, 8, RGB)
        at = next(begin for kind, begin, _ in chunks_of(data) if kind == b"IDAT")
        corpus.add("png-bad-chunk-length", name, "png", data[:at] + struct.pack(">I", length) + data[at + 4:])
    for name, signature in (("crlf", b"\x89PNG\n\x1a\n"), ("cr", b"\x89PNG\r\r\x1a\r"), ("7-bit", b"\tPNG\r\n\x1a\n"), ("zeros", bytes(8))):
        corpus.add("png-bad-signature", name, "png", signature + png(rgb, 8, RGB)[8:])


def palettes(corpus):
    seed = corpus.seed
    for count in (1, 3, 15):
        samples = indices(SIZE, count, seed)
        table = palette_of(16, seed)[:count]
        corpus.add("png-palette-short", f"all-indices-in-range-{count}", "png", palette_file(seed, table=table.tobytes(), samples=samples), table[samples])
        samples = indices(SIZE, 16, seed)
        corpus.add("png-palette-index-out-of-range", f"{count}-of-16", "png", palette_file(seed, table=table.tobytes(), samples=samples))
    one = indices(SIZE, 15, seed)
    one[40, 30] = 15
    corpus.add("png-palette-index-out-of-range", "one-pixel", "png", palette_file(seed, table=palette_of(15, seed).tobytes(), samples=one))
    for name, table in (("empty", b""), ("not-thirds", bytes(47)), ("17-entries", bytes(51)), ("257-entries", bytes(771))):
        corpus.add("png-bad-plte", name, "png", palette_file(seed, table=table))
    samples = indices(SIZE, 16, seed)[..., None]
    table = chunk(b"PLTE", palette_of(16, seed).tobytes())
    for name, clear in (("17-entries", bytes(17)), ("empty", b""), ("256-entries", bytes(256))):
        corpus.add("png-bad-trns", f"palette-{name}", "png", png(samples, 4, PALETTE, before=table + chunk(b"tRNS", clear)))
    rgb = picture(*SIZE, seed)
    for name, clear in (("short", b"\0\1"), ("long", bytes(8)), ("empty", b"")):
        corpus.add("png-bad-trns", f"rgb-{name}", "png", png(rgb, 8, RGB, before=chunk(b"tRNS", clear)))
    # The upper byte of a key is to be ignored at 8 bits.
    key = [int(v) | 0x4200 for v in rgb[5, 7]]
    corpus.add("png-bad-trns", "rgb-key-over-255", "png", png(rgb, 8, RGB, before=chunk(b"tRNS", struct.pack(">3H", *key))))
    pixels = np.dstack([rgb, alpha_channel(*SIZE)])
    corpus.add("png-bad-trns", "with-alpha", "png", png(pixels, 8, RGBA, before=chunk(b"tRNS", bytes(6))))
    grey = grey_picture(*SIZE, seed)[..., None]
    corpus.add("png-bad-trns", "grey-long", "png", png(grey, 8, GREY, before=chunk(b"tRNS", bytes(6))))
    corpus.add("png-bad-plte", "in-grey", "png", png(grey, 8, GREY, before=chunk(b"PLTE", bytes(48))))
    corpus.add("png-bad-plte", "in-rgb-not-thirds", "png", png(rgb, 8, RGB, before=chunk(b"PLTE", bytes(47))))


def add_all(corpus):
    transfers(corpus)
    checksums(corpus)
    amounts(corpus)
    headers(corpus)
    palettes(corpus)
