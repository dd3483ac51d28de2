"""BMP files: every header, depth, mask and run-length kind, and what is wrong with files in the field."""

import io
import struct

import imagecodecs
import numpy as np
from PIL import Image

from corpus import (SIZES, SMALL, WHOLE, alpha_channel, damages, grey_to_rgb, over_white, picture, pillow, sized, text_modes,
                    to_8)
from jpeg import srgb_profile, wide_gamut_profile
from png import indices, palette_of

RGB, RLE8, RLE4, BITFIELDS, JPEG, PNG, ALPHABITFIELDS = range(7)
FIELDS_555, FIELDS_565, FIELDS_888 = (0x7C00, 0x3E0, 0x1F), (0xF800, 0x7E0, 0x1F), (0xFF0000, 0xFF00, 0xFF)


def rows_of(values, bits, top_down=False):
    """Rows of samples or of whole pixels, each padded to four bytes."""
    if bits < 8:
        planes = (values[..., None] >> np.arange(bits - 1, -1, -1)) & 1
        data = np.packbits(planes.reshape(values.shape[0], -1).astype(np.uint8), axis=1)
    elif bits == 24:
        data = values[..., ::-1].reshape(values.shape[0], -1)
    else:
        kind = {8: np.uint8, 16: "<u2", 32: "<u4"}[bits]
        data = np.ascontiguousarray(values.astype(kind)).view(np.uint8).reshape(values.shape[0], -1)
    data = np.pad(data, [(0, 0), (0, -data.shape[1] % 4)])
    return (data if top_down else data[::-1]).astype(np.uint8).tobytes()


def info(kind, size, bits, compression=RGB, *, colours=0, masks=(0, 0, 0, 0), image=0, space=0x73524742, planes=1, profile=(0, 0)):
    """A header of `kind` bytes."""
    width, height = size
    if kind == 12:
        return struct.pack("<IHHHH", 12, width, height, planes, bits)
    head = struct.pack("<IiiHHIIiiII", kind, width, height, planes, bits, compression, image, 2835, 2835, colours, 0)
    if kind in (16, 40, 64):
        return head[:kind].ljust(kind, b"\0")
    masks = (*masks, 0)[:4]
    head += struct.pack("<4I", *masks)
    head += struct.pack("<I36s12s", space, bytes(36), bytes(12))
    head += struct.pack("<IIII", 4, *profile, 0)
    return head[:kind]


def bmp(head, data, *, palette=b"", gap=b"", tail=b"", mark=b"BM", offset=None, length=None):
    """A file of header, palette, gap and pixel data."""
    start = 14 + len(head) + len(palette) + len(gap)
    size = start + len(data) + len(tail)
    return mark + struct.pack("<IHHI", size if length is None else length, 0, 0, start if offset is None else offset) + head + palette + gap + data + tail


def quads(table, last=0):
    return b"".join(bytes([*c[::-1], last]) for c in table.tolist())


def masked(rgb, masks, alpha=None, fill=0):
    """Pixels with the channels at the places that the masks name, and the twin's channels."""
    pixels, seen = np.full(rgb.shape[:2], fill, np.uint64), []
    channels = [rgb[..., i] for i in range(3)] + ([alpha] if alpha is not None else [])
    for channel, mask in zip(channels, masks):
        shift = (mask & -mask).bit_length() - 1
        top = mask >> shift
        value = (channel.astype(np.uint64) * np.uint64(top) + np.uint64(127)) // np.uint64(255)
        pixels |= value << np.uint64(shift)
        seen.append(to_8(value, top))
    return pixels, np.dstack(seen)


def plain(corpus):
    for seed, size in enumerate([*SIZES, WHOLE]):
        seed += corpus.seed
        rgb = picture(*size, seed)
        for down in (False, True):
            name = sized(size) + "-top-down" * down
            signed = (size[0], -size[1] if down else size[1])
            for kind in (40, 52, 56, 108, 124) if down else (12, 16, 40, 52, 56, 64, 108, 124):
                check = [pillow] if kind not in (16,) and not (down and kind == 12) else []
                corpus.add("bmp-24", f"header-{kind}-{name}", "bmp", bmp(info(kind, signed, 24), rows_of(rgb, 24, down)), rgb, check=check)
            for bits in (1, 2, 4, 8):
                table = palette_of(1 << bits, seed)
                chosen = indices(size, 1 << bits, seed)
                data = rows_of(chosen, bits, down)
                check = [pillow] if bits != 2 else []
                corpus.add(f"bmp-palette-{bits}", name, "bmp", bmp(info(40, signed, bits), data, palette=quads(table)), table[chosen], check=check)
                if not down:
                    three = np.ascontiguousarray(table[:, ::-1]).tobytes()
                    corpus.add(f"bmp-palette-{bits}", f"core-{name}", "bmp", bmp(info(12, size, bits), data, palette=three), table[chosen], check=check)
                    for kind in (64, 108, 124):
                        corpus.add(f"bmp-palette-{bits}", f"header-{kind}-{name}", "bmp", bmp(info(kind, size, bits), data, palette=quads(table, 255 * (kind == 124))), table[chosen], check=check)
            pixels, twin = masked(rgb, FIELDS_555)
            corpus.add("bmp-16", name, "bmp", bmp(info(40, signed, 16), rows_of(pixels, 16, down)), twin, None, 1, 1, check=pillow)
            pixels, twin = masked(rgb, FIELDS_555, fill=0x8000)
            corpus.add("bmp-16", f"top-bit-{name}", "bmp", bmp(info(40, signed, 16), rows_of(pixels, 16, down)), twin, None, 1, 1, check=pillow)
            for fourth in ("0", "255", "noise"):
                fill = {"0": 0, "255": 0xFF000000, "noise": (alpha_channel(*size).astype(np.uint64) << np.uint64(24))}[fourth]
                pixels, _ = masked(rgb, FIELDS_888)
                data = rows_of(pixels | np.uint64(fill) if fourth != "noise" else pixels | fill, 32, down)
                corpus.add("bmp-32", f"fourth-{fourth}-{name}", "bmp", bmp(info(40, signed, 32), data), rgb, check=[pillow] if fourth == "255" else [])
                corpus.add("bmp-32", f"v5-fourth-{fourth}-{name}", "bmp", bmp(info(124, signed, 32), data), rgb, check=[pillow] if fourth == "255" else [])


def masks(corpus):
    size = (67, 53)
    for seed, size in enumerate(((67, 53), (64, 48))):
        rgb, alpha, name = picture(*size, corpus.seed + seed), alpha_channel(*size), sized(size)
        layouts = {"555": (16, FIELDS_555), "565": (16, FIELDS_565), "444": (16, (0xF00, 0xF0, 0xF)), "bgr565": (16, FIELDS_565[::-1]), "888": (32, FIELDS_888), "bgr888": (32, FIELDS_888[::-1]),
                   "rgbx": (32, (0xFF000000, 0xFF0000, 0xFF00)), "bgrx": (32, (0xFF00, 0xFF0000, 0xFF000000)), "10-bit": (32, (0x3FF00000, 0xFFC00, 0x3FF)), "11-11-10": (32, (0xFFE00000, 0x1FFC00, 0x3FF)),
                   "332": (16, (0xE0, 0x1C, 0x3)), "655": (16, (0xFC00, 0x3E0, 0x1F)), "8-4-4": (16, (0xFF00, 0xF0, 0xF)), "1-bit": (16, (4, 2, 1)), "565-in-32": (32, FIELDS_565), "12-10-10": (32, (0xFFF00000, 0xFFC00, 0x3FF))}
        for label, (bits, fields) in layouts.items():
            pixels, twin = masked(rgb, fields)
            data = rows_of(pixels, bits)
            known = [pillow] if label in ("555", "565", "888") else []
            body = struct.pack("<3I", *fields)
            corpus.add("bmp-bitfields", f"40-{label}-{name}", "bmp", bmp(info(40, size, bits, BITFIELDS) + body, data), twin, None, 1, 1, check=known)
            for kind in (52, 56, 108, 124):
                corpus.add("bmp-bitfields", f"{kind}-{label}-{name}", "bmp", bmp(info(kind, size, bits, BITFIELDS, masks=fields), data), twin, None, 1, 1)
        with_alpha = {"argb8888": (32, (*FIELDS_888, 0xFF000000)), "rgba8888": (32, (0xFF000000, 0xFF0000, 0xFF00, 0xFF)), "abgr8888": (32, (*FIELDS_888[::-1], 0xFF000000)), "argb4444": (16, (0xF00, 0xF0, 0xF, 0xF000)), "argb1555": (16, (*FIELDS_555, 0x8000)),
                      "argb2101010": (32, (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000))}
        for label, (bits, fields) in with_alpha.items():
            pixels, twin = masked(rgb, fields, alpha)
            data, shown = rows_of(pixels, bits), over_white(twin[..., :3], twin[..., 3])
            for kind in (56, 108, 124):
                check = [pillow] if label in ("argb8888",) else []
                corpus.add("bmp-alpha", f"{kind}-{label}-{name}", "bmp", bmp(info(kind, size, bits, BITFIELDS, masks=fields), data), shown, None, 1, 1, check=check)
            corpus.add("bmp-alpha", f"alphabitfields-{label}-{name}", "bmp", bmp(info(40, size, bits, ALPHABITFIELDS) + struct.pack("<4I", *fields), data), shown, None, 1, 1)
            opaque, flat = masked(rgb, fields)
            for kind in (56, 108, 124):
                corpus.add("bmp-alpha-all-zero", f"{kind}-{label}-{name}", "bmp", bmp(info(kind, size, bits, BITFIELDS, masks=fields), rows_of(opaque, bits)), flat[..., :3], None, 1, 1)
            one = opaque.copy()
            one[-1, -1] |= np.uint64(fields[3])
            twin = np.full_like(rgb, 255)
            twin[-1, -1] = flat[-1, -1, :3]
            corpus.add("bmp-alpha-one-opaque-pixel", f"{label}-{name}", "bmp", bmp(info(124, size, bits, BITFIELDS, masks=fields), rows_of(one, bits)), twin, None, 1, 1)
        pixels, _ = masked(rgb, (*FIELDS_888, 0xFF000000), alpha)
        data = rows_of(pixels, 32)
        for kind in (108, 124):
            corpus.add("bmp-alpha-mask-absent", f"{kind}-{name}", "bmp", bmp(info(kind, size, 32, BITFIELDS, masks=(*FIELDS_888, 0)), data), rgb)
            corpus.add("bmp-alpha-mask-with-rgb", f"{kind}-{name}", "bmp", bmp(info(kind, size, 32, RGB, masks=(*FIELDS_888, 0xFF000000)), data))
        corpus.add("bmp-alpha-mask-with-rgb", f"opaque-{name}", "bmp", bmp(info(124, size, 32, RGB, masks=(*FIELDS_888, 0xFF000000)), rows_of(pixels | np.uint64(0xFF000000), 32)), rgb)
        bad = {"overlapping": (0xFF0000, 0xFFFF00, 0xFF), "gaps": (0xF0F000, 0x0F0F00, 0xFF), "zero-green": (0xFF0000, 0, 0xFF), "all-zero": (0, 0, 0), "same": (0xFF, 0xFF, 0xFF), "all-ones": (0xFFFFFFFF,) * 3}
        for label, fields in bad.items():
            corpus.add("bmp-bad-masks", f"{label}-{name}", "bmp", bmp(info(124, size, 32, BITFIELDS, masks=fields), data))
        corpus.add("bmp-bad-masks", f"beyond-16-bits-{name}", "bmp", bmp(info(124, size, 16, BITFIELDS, masks=FIELDS_888), rows_of(masked(rgb, FIELDS_565)[0], 16)))
        corpus.add("bmp-bad-masks", f"24-bits-{name}", "bmp", bmp(info(124, size, 24, BITFIELDS, masks=FIELDS_888), rows_of(rgb, 24)))
        corpus.add("bmp-bad-masks", f"8-bits-{name}", "bmp", bmp(info(124, size, 8, BITFIELDS, masks=FIELDS_888), rows_of(indices(size, 256, 1), 8), palette=quads(palette_of(256, 1))))


def run_lengths(samples, bits, absolute):
    """RLE8 or RLE4 rows, bottom up; `absolute` writes literal stretches where values change."""
    out = bytearray()
    for row in samples[::-1].tolist():
        x = 0
        while x < len(row):
            run = 1
            while x + run < len(row) and row[x + run] == row[x] and run < 255:
                run += 1
            literal = row[x:x + 9]
            if absolute and run < 3 and len(literal) >= 3:
                body = bytes(literal) if bits == 8 else bytes(a << 4 | b for a, b in zip(literal[::2], [*literal[1::2], 0]))
                out += bytes([0, len(literal)]) + body + bytes(len(body) % 2)
                x += len(literal)
                continue
            out += bytes([run, row[x] if bits == 8 else row[x] << 4 | row[x]])
            x += run
        out += b"\0\0"
    return bytes(out[:-2] + b"\0\1")


def compressed(corpus):
    for size in SMALL:
        for bits, method in ((8, RLE8), (4, RLE4)):
            table, chosen, name = palette_of(1 << bits, corpus.seed), indices(size, 1 << bits, corpus.seed), sized(size)
            chosen[5:20, 3:30] = chosen[5, 3]
            for absolute in (False, True):
                data = run_lengths(chosen, bits, absolute)
                for kind in (40, 64, 124):
                    label = f"{kind}-{'absolute' if absolute else 'runs'}-{name}"
                    corpus.add(f"bmp-rle{bits}", label, "bmp", bmp(info(kind, size, bits, method, image=len(data)), data, palette=quads(table)), table[chosen], check=[pillow] if bits == 8 or kind == 40 else [])

            def put(case, variant, data, method=method, size=size, bits=bits, table=table, name=name, twin=None):
                corpus.add(case, f"rle{bits}-{variant}-{name}", "bmp", bmp(info(40, size, bits, method, image=len(data)), data, palette=quads(table)), twin)

            whole = run_lengths(chosen, bits, True)
            put("bmp-rle-no-end", "end-missing", whole[:-2], twin=table[chosen])
            put("bmp-rle-no-end", "line-end-and-end", whole[:-2] + b"\0\0\0\1", twin=table[chosen])
            put("bmp-rle-delta", "delta", b"\0\2\5\3" + bytes([20, 17]) + b"\0\2\1\1" + bytes([9, 34]) + b"\0\1")
            put("bmp-rle-delta", "early-end-of-bitmap", bytes([30, 17]) + b"\0\0" + bytes([9, 34]) + b"\0\1")
            put("bmp-rle-delta", "early-end-of-line", b"".join(bytes([30, 17]) + b"\0\0" for _ in range(size[1])) + b"\0\1")
            put("bmp-rle-delta", "delta-outside", b"\0\2\xff\xff" + bytes([30, 17]) + b"\0\1")
            put("bmp-rle-overrun", "run-past-row", bytes([255, 17]) * 40 + b"\0\1")
            put("bmp-rle-overrun", "too-many-rows", whole[:-2] + b"\0\0" + whole)
            put("bmp-rle-truncated", "half", whole[:len(whole) // 2])
            put("bmp-rle-truncated", "nothing", b"")
            put("bmp-rle-truncated", "literal-cut", whole[:40] + b"\0\x09\1")
            put("bmp-rle-truncated", "zeros", whole[:len(whole) // 2] + bytes(len(whole) // 2))
            corpus.add("bmp-rle-top-down", f"rle{bits}-{name}", "bmp", bmp(info(40, (size[0], -size[1]), bits, method), run_lengths(chosen[::-1], bits, True), palette=quads(table)))
            corpus.add("bmp-rle-wrong-depth", f"rle{bits}-{name}", "bmp", bmp(info(40, size, 12 - bits, method), whole, palette=quads(palette_of(1 << (12 - bits), 1))))
        rgb = picture(*size, corpus.seed)
        stream = io.BytesIO()
        Image.fromarray(rgb).save(stream, "JPEG", quality=92, subsampling=0)
        for method, data in ((JPEG, stream.getvalue()), (PNG, imagecodecs.png_encode(rgb))):
            corpus.add("bmp-embedded", f"{'jpeg' if method == JPEG else 'png'}-{sized(size)}", "bmp", bmp(info(40, size, 0, method, image=len(data)), data))
        corpus.add("bmp-os2-huffman", sized(size), "bmp", bmp(info(64, size, 1, 3), bytes(200), palette=quads(palette_of(2, 1))))
        corpus.add("bmp-os2-rle24", sized(size), "bmp", bmp(info(64, size, 24, 4), bytes([200, 1, 2, 3]) * 60 + b"\0\1"))
        corpus.add("bmp-unknown-compression", sized(size), "bmp", bmp(info(40, size, 24, 77), rows_of(rgb, 24)))
        corpus.add("bmp-cmyk", sized(size), "bmp", bmp(info(40, size, 32, 11), bytes(size[0] * size[1] * 4)))


def palettes(corpus):
    size = (67, 53)
    for bits in (1, 4, 8):
        full = 1 << bits
        table = palette_of(full, corpus.seed)
        for used in {1, full // 2, full - 1} - {0}:
            chosen = indices(size, used, corpus.seed)
            data = bmp(info(40, size, bits, colours=used), rows_of(chosen, bits), palette=quads(table[:used]))
            corpus.add("bmp-palette-short", f"{bits}-{used}", "bmp", data, table[chosen], check=pillow if used == full // 2 and used > 1 else [])
            chosen = indices(size, full, corpus.seed)
            data = bmp(info(40, size, bits, colours=used), rows_of(chosen, bits), palette=quads(table[:used]))
            corpus.add("bmp-palette-index-out-of-range", f"{bits}-{used}", "bmp", data)
        chosen = indices(size, full, corpus.seed)
        more = np.concatenate([table, palette_of(40, 3)])
        corpus.add("bmp-palette-long", f"{bits}-read", "bmp", bmp(info(40, size, bits, colours=full + 40), rows_of(chosen, bits), palette=quads(more)), table[chosen])
        corpus.add("bmp-palette-bad-count", f"{bits}-huge", "bmp", bmp(info(40, size, bits, colours=0x7FFFFFFF), rows_of(chosen, bits), palette=quads(table)))
        corpus.add("bmp-palette-bad-count", f"{bits}-missing", "bmp", bmp(info(40, size, bits), rows_of(chosen, bits)))
    rgb = picture(*size, corpus.seed)
    suggested = quads(palette_of(16, 1))
    corpus.add("bmp-palette-in-rgb", "24", "bmp", bmp(info(40, size, 24, colours=16), rows_of(rgb, 24), palette=suggested), rgb, check=pillow)
    grey = grey_to_rgb(rgb[..., 1])
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    corpus.add("bmp-palette-8", "grey-ramp", "bmp", bmp(info(40, size, 8), rows_of(rgb[..., 1], 8), palette=quads(ramp)), grey, check=pillow)
    corpus.add("bmp-palette-8", "grey-ramp-reversed", "bmp", bmp(info(40, size, 8), rows_of(255 - rgb[..., 1], 8), palette=quads(ramp[::-1])), grey, check=pillow)


def oddities(corpus):
    size = (67, 53)
    rgb = picture(*size, corpus.seed)
    data = rows_of(rgb, 24)
    head = info(40, size, 24)
    for gap in (1, 2, 100, 5000):
        corpus.add("bmp-gap-before-data", str(gap), "bmp", bmp(head, data, gap=b"\x5a" * gap), rgb, check=pillow)
    for label, offset in (("0", 0), ("in-header", 30), ("14", 14), ("end", 14 + 40 + len(data)), ("beyond", 999999), ("4g", 0xFFFFFFFF)):
        corpus.add("bmp-bad-offset", label, "bmp", bmp(head, data, offset=offset))
    for label, length in (("0", 0), ("short", 100), ("4g", 0xFFFFFFFF)):
        corpus.add("bmp-file-size-wrong", label, "bmp", bmp(head, data, length=length), rgb, check=pillow)
    for label, image in (("exact", len(data)), ("wrong", 77), ("4g", 0xFFFFFFFF)):
        corpus.add("bmp-image-size-wrong", label, "bmp", bmp(info(40, size, 24, image=image), data), rgb, check=pillow)
    for tail in (b"\0", b"\0\0", b"trailer", bytes(5000)):
        corpus.add("bmp-trailing-bytes", str(len(tail)), "bmp", bmp(head, data, tail=tail), rgb, check=pillow)
    for planes in (0, 2, 3):
        corpus.add("bmp-planes-wrong", str(planes), "bmp", bmp(info(40, size, 24, planes=planes), data), rgb)
    for label, dimensions in (("width-0", (0, 53)), ("height-0", (67, 0)), ("width-negative", (-67, 53)), ("huge", (2**31 - 1, 2**31 - 1)), ("height-min", (67, -2**31)), ("wide", (65500, 53)), ("tall", (67, 65500)), ("more-rows", (67, 60))):
        corpus.add("bmp-bad-dimensions", label, "bmp", bmp(info(40, dimensions, 24), data))
    corpus.add("bmp-smaller-dimensions", "rows", "bmp", bmp(info(40, (67, 20), 24), data))
    for bits in (0, 3, 5, 12, 15, 48, 64, 128):
        corpus.add("bmp-bad-depth", str(bits), "bmp", bmp(info(40, size, bits), data * 3))
    for kind in (0, 11, 13, 20, 39, 41, 125, 200, 0xFFFFFFFF):
        corpus.add("bmp-bad-header-size", str(kind), "bmp", bmp(struct.pack("<I", kind) + info(40, size, 24)[4:], data))
    for mark in (b"BA", b"CI", b"CP", b"IC", b"PT"):
        corpus.add("bmp-os2-mark", mark.decode().lower(), "bmp", bmp(head, data, mark=mark))
    array = b"BA" + struct.pack("<IIHH", 40, 0, 1024, 768) + bmp(head, data, offset=14 + 14 + 40)
    corpus.add("bmp-os2-mark", "array-of-one", "bmp", array)
    for label, profile in (("srgb", srgb_profile()), ("swapped", wide_gamut_profile())):
        v5 = info(124, size, 24, space=0x4D424544, profile=(124 + len(data), len(profile)))
        corpus.add("bmp-icc", label, "bmp", bmp(v5, data, tail=profile), rgb, check=pillow)
    corpus.add("bmp-icc", "linked", "bmp", bmp(info(124, size, 24, space=0x4C494E4B, profile=(124 + len(data), 6)), data, tail=b"a.icc\0"), rgb, check=pillow)
    corpus.add("bmp-icc", "calibrated", "bmp", bmp(info(108, size, 24, space=0), data), rgb, check=pillow)
    for width in range(1, 9):
        small = picture(width, 5, corpus.seed)
        corpus.add("bmp-row-padding", f"24-{width}", "bmp", bmp(info(40, (width, 5), 24), rows_of(small, 24)), small, check=pillow)
        table, chosen = palette_of(2, 1), indices((width * 5, 5), 2, 1)
        corpus.add("bmp-row-padding", f"1-{width * 5}", "bmp", bmp(info(40, (width * 5, 5), 1), rows_of(chosen, 1), palette=quads(table)), table[chosen], check=pillow)
    whole = bmp(head, data)
    for kind, variant, broken in damages(whole, 54, corpus.seed):
        if kind in ("truncated", "zero-tail", "flipped-bits"):
            corpus.add("bmp-truncated" if kind == "truncated" else f"bmp-{kind}-uncompressed", f"24-{variant}", "bmp", broken)
    # A row of 201 bytes is padded with 3: up to there no pixel is lost.
    for cut in (1, 2, 3):
        corpus.add("bmp-truncated-padding", f"last-{cut}", "bmp", whole[:-cut], rgb)
    for cut in (4, 5, 6, 203):
        corpus.add("bmp-truncated", f"last-{cut}", "bmp", whole[:-cut])
    for at in (1, 2, 13, 14, 18, 30, 53, 54):
        corpus.add("bmp-truncated", f"header-{at}", "bmp", whole[:at])
    table = palette_of(256, 1)
    eight = bmp(info(40, size, 8), rows_of(indices(size, 256, 1), 8), palette=quads(table))
    for at in (100, 500, 1077, 1078, 2000, len(eight) - 40):
        corpus.add("bmp-truncated", f"palette-{at}", "bmp", eight[:at])
    for variant, other in text_modes(whole):
        corpus.add("bmp-text-mode", variant, "bmp", other)
    for mode in ("RGB", "RGBA", "L", "P", "1"):
        image = Image.fromarray(rgb)
        if mode == "RGBA":
            image.putalpha(Image.fromarray(alpha_channel(*size)))
        out = io.BytesIO()
        image.convert(mode).save(out, "BMP")
        corpus.add("bmp-by-pillow", mode.lower(), "bmp", out.getvalue(), pillow(out.getvalue()), None, 1, 1)


def add_all(corpus):
    plain(corpus)
    masks(corpus)
    compressed(corpus)
    palettes(corpus)
    oddities(corpus)
