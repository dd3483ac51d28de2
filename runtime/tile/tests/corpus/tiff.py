"""TIFF files that are whole: depths, layouts, photometric kinds, alpha, pages and tag types."""

import io
import re

import numpy as np
import tifffile
from PIL import Image

from corpus import (SIZES, SMALL, WHOLE, alpha_channel, grey_picture, grey_picture_16, grey_to_rgb, over_white, picture,
                    picture_16, pillow, premultiplied_over_white, sized, to_8)
from jpeg import srgb_profile, wide_gamut_profile
from jpegwriter import rgb_of, shrink, ycbcr
from png import indices, levels, over_white_16, palette_of
from tiffwriter import (ASCII, BLACK_IS_ZERO, CMYK, COLOUR_MAP, DESCRIPTION, DOUBLE, FLOAT, ICC, INDEXED, LONG, LONG8, MASK,
                        ORIENTATION, RATIONAL, RGB, SAMPLES, SHORT, SUBFILE, UNDEFINED, WHITE_IS_ZERO, WIDTH,
                        HEIGHT, YCBCR, YCBCR_SUBSAMPLING, BITS, ROWS, Page, page, tiff)

DTYPES = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}


def reads(samples, twin):
    """A check that tifffile finds exactly these samples."""
    def tifffile_samples(data):
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            first = file.pages.first
            found = first.asarray()
            if first.planarconfig == 2 and first.samplesperpixel > 1:
                found = np.moveaxis(found, 0, -1)
        if not np.array_equal(found.reshape(samples.shape), samples):
            raise AssertionError("tifffile finds other samples")
        return twin
    return tifffile_samples


def put(corpus, case, variant, samples, bits, photometric, twin, *, order="<", big=False, worst=0, more=(), extension="tif", lead=b"", offset_type=LONG, read=True, **options):
    """Adds a page of samples and checks that tifffile finds them."""
    made = page(samples, bits, photometric, order=order, **options)
    made.offset_type = offset_type
    data = tiff(made, order, big, lead)
    checks = [*([reads(samples, twin)] if read else []), *more] if twin is not None else []
    corpus.add(case, variant, extension, data, twin, samples.shape[1::-1], worst, worst, check=checks)


def depths(corpus):
    for seed, size in enumerate([*SIZES, WHOLE]):
        seed, name = seed + corpus.seed, sized(size)
        rgb, deep = picture(*size, seed), picture_16(*size, seed)
        grey, grey_deep = rgb[..., 1:2], deep[..., 1:2]
        flat = grey_to_rgb(grey[..., 0])
        for order, end in (("<", ""), (">", "-big-endian")):
            put(corpus, "tiff-rgb-8", name + end, rgb, 8, RGB, rgb, order=order, more=[pillow])
            put(corpus, "tiff-grey-8", name + end, grey, 8, BLACK_IS_ZERO, flat, order=order, more=[pillow])
            put(corpus, "tiff-min-is-white", f"8-{name}{end}", 255 - grey, 8, WHITE_IS_ZERO, flat, order=order, more=[pillow])
            put(corpus, "tiff-rgb-16", name + end, deep, 16, RGB, to_8(deep), order=order, worst=1, more=[pillow] if size != (1, 1) else [])
            put(corpus, "tiff-grey-16", name + end, grey_deep, 16, BLACK_IS_ZERO, grey_to_rgb(to_8(grey_deep[..., 0])), order=order, worst=1)
            put(corpus, "tiff-min-is-white", f"16-{name}{end}", 65535 - grey_deep, 16, WHITE_IS_ZERO, grey_to_rgb(to_8(grey_deep[..., 0])), order=order, worst=1)
            for bits, scale in ((32, 65537), (64, 281479271743489)):
                wide = deep.astype(np.uint64) * np.uint64(scale)
                wide = wide.astype(DTYPES[bits])
                put(corpus, f"tiff-rgb-{bits}", name + end, wide, bits, RGB, to_8(deep), order=order, worst=1)
                put(corpus, f"tiff-grey-{bits}", name + end, wide[..., 1:2], bits, BLACK_IS_ZERO, grey_to_rgb(to_8(deep[..., 1])), order=order, worst=1)
        for bits in (1, 2, 4):
            samples = levels(size, bits, seed).astype(np.uint8)[..., None]
            top = (1 << bits) - 1
            twin = grey_to_rgb((samples[..., 0].astype(int) * 255 // top).astype(np.uint8))
            put(corpus, f"tiff-grey-{bits}", name, samples, bits, BLACK_IS_ZERO, twin, more=[pillow])
            put(corpus, "tiff-min-is-white", f"{bits}-{name}", top - samples, bits, WHITE_IS_ZERO, twin, more=[pillow])
        for bits in (6, 10, 12, 14, 24):
            samples = (deep.astype(np.uint32) << 8 if bits == 24 else deep >> (16 - bits)).astype(np.uint32 if bits > 16 else np.uint16 if bits > 8 else np.uint8)
            put(corpus, "tiff-odd-depth", f"rgb-{bits}-{name}", samples, bits, RGB, to_8(samples, (1 << bits) - 1), worst=1, read=bits != 24 and bits != 6 and size[0] * 3 * bits % 8 == 0)
            if bits == 12:
                put(corpus, "tiff-odd-depth", f"grey-{bits}-{name}", samples[..., :1], bits, BLACK_IS_ZERO, grey_to_rgb(to_8(samples[..., 0], 4095)), worst=1, read=size[0] * bits % 8 == 0)
        for bits in (1, 2, 4):
            samples = (deep >> (16 - bits)).astype(np.uint8)
            put(corpus, "tiff-odd-depth", f"rgb-{bits}-{name}", samples, bits, RGB, (samples.astype(int) * 255 // ((1 << bits) - 1)).astype(np.uint8), read=size[0] * 3 * bits % 8 == 0)
        for bits in (1, 2, 4, 8):
            table = palette_of(1 << bits, seed)
            chosen = indices(size, 1 << bits, seed)
            colours = {COLOUR_MAP: (SHORT, (table.T.astype(int) * 257).ravel().tolist())}
            put(corpus, f"tiff-palette-{bits}", name, chosen.astype(np.uint8)[..., None], bits, INDEXED, table[chosen], tags=colours, more=[pillow])
        if size in SMALL:
            signed_and_float(corpus, name, deep, size)
    size = (67, 53)
    table, chosen = palette_of(256, corpus.seed), indices(size, 256, corpus.seed)
    narrow = {COLOUR_MAP: (SHORT, table.T.astype(int).ravel().tolist())}
    put(corpus, "tiff-palette-8-bit-map", "", chosen.astype(np.uint8)[..., None], 8, INDEXED, None, tags=narrow)
    put(corpus, "tiff-palette-16", "", chosen.astype(np.uint16)[..., None], 16, INDEXED, None, tags={COLOUR_MAP: (SHORT, np.repeat(table.T.astype(int) * 257, 256, axis=1).ravel().tolist())})
    mixed = page(picture(*size), 8, RGB)
    mixed.tags[BITS] = (SHORT, [8, 8, 16])
    corpus.add("tiff-mixed-depths", "8-8-16", "tif", tiff(mixed))
    mixed.tags[BITS] = (SHORT, [5, 6, 5])
    corpus.add("tiff-mixed-depths", "5-6-5", "tif", tiff(mixed))


def signed_and_float(corpus, name, deep, size):
    """Kinds of numbers whose display range is no part of the file."""
    unit = deep.astype(np.float64) / 65535
    for kind, form, samples in (("i8", 2, (deep >> 8).astype(int) - 128), ("i16", 2, deep.astype(int) - 32768), ("i32", 2, (deep.astype(np.int64) - 32768) * 65537),
                                ("f16", 3, unit), ("f32", 3, unit), ("f32-255", 3, unit * 255), ("f64", 3, unit), ("f32-nan", 3, np.where(unit > 0.7, np.nan, unit))):
        depth = int(kind.split("-")[0][1:])
        dtype = np.dtype(f"{kind[0]}{depth // 8}")
        samples = samples.astype(dtype)
        case = "tiff-signed" if form == 2 else "tiff-float"
        for channels, photometric in ((3, RGB), (1, BLACK_IS_ZERO)):
            put(corpus, case, f"{kind}-{'rgb' if channels == 3 else 'grey'}-{name}", samples[..., :channels], depth, photometric, None, form=form)
    for form, kind in ((4, "void"), (5, "complex-int"), (6, "complex-float")):
        put(corpus, "tiff-sample-format", f"{kind}-{name}", deep[..., :1], 16, BLACK_IS_ZERO, None, form=form)
    put(corpus, "tiff-rgb-8", f"format-1-{name}", picture(*size), 8, RGB, picture(*size), form=1)


def layouts(corpus):
    for size in [*SMALL, (200, 130)]:
        rgb, deep, name = picture(*size, corpus.seed), picture_16(*size, corpus.seed), sized(size)
        for rows in (1, 7, 16, 53, 1000):
            put(corpus, "tiff-strips", f"rows-{rows}-{name}", rgb, 8, RGB, rgb, rows=rows, more=[pillow] if rows < 1000 else [])
            put(corpus, "tiff-planar-strips", f"rows-{rows}-{name}", rgb, 8, RGB, rgb, rows=rows, planar=2, more=[pillow])
        for tile in ((16, 16), (48, 48), (64, 32), (32, 64), (256, 256)):
            put(corpus, "tiff-tiles", f"{sized(tile)}-{name}", rgb, 8, RGB, rgb, tile=tile, more=[pillow])
            put(corpus, "tiff-planar-tiles", f"{sized(tile)}-{name}", rgb, 8, RGB, rgb, tile=tile, planar=2, more=[pillow])
            put(corpus, "tiff-planar-tiles", f"16-bit-{sized(tile)}-{name}", deep, 16, RGB, to_8(deep), tile=tile, planar=2, worst=1)
            put(corpus, "tiff-tiles", f"grey-{sized(tile)}-{name}", rgb[..., :1], 8, BLACK_IS_ZERO, grey_to_rgb(rgb[..., 0]), tile=tile)
        put(corpus, "tiff-tiles-odd-size", f"20x10-{name}", rgb, 8, RGB, rgb, tile=(20, 10))
        put(corpus, "tiff-planar-strips", f"16-bit-{name}", deep, 16, RGB, to_8(deep), planar=2, rows=9, worst=1)
        for order in "<>":
            for big in (False, True):
                label = f"{'le' if order == '<' else 'be'}-{name}"
                if big:
                    put(corpus, "tiff-bigtiff", label, rgb, 8, RGB, rgb, order=order, big=True, rows=10, offset_type=LONG8)
                    put(corpus, "tiff-bigtiff", f"16-bit-tiles-{label}", deep, 16, RGB, to_8(deep), order=order, big=True, tile=(32, 32), worst=1)
                    put(corpus, "tiff-bigtiff", f"one-strip-{label}", rgb, 8, RGB, rgb, order=order, big=True)
    size = (67, 53)
    rgb = picture(*size, corpus.seed)
    for number, lead in enumerate((b"", b"\0", b"abc", bytes(5000))):
        put(corpus, "tiff-lead", str(number), rgb, 8, RGB, rgb, rows=9, lead=lead, more=[pillow])
    put(corpus, "tiff-tag-types", "offsets-short", rgb, 8, RGB, rgb, rows=9, offset_type=SHORT, more=[pillow])
    long = {WIDTH: (LONG, [67]), HEIGHT: (LONG, [53]), ROWS: (LONG, [9])}
    put(corpus, "tiff-tag-types", "sizes-long", rgb, 8, RGB, rgb, rows=9, tags=long, more=[pillow])
    put(corpus, "tiff-tag-types", "sizes-byte", rgb, 8, RGB, rgb, rows=9, tags={WIDTH: (1, [67]), HEIGHT: (1, [53])}, read=False)
    put(corpus, "tiff-tag-types", "bits-one-value", rgb, 8, RGB, rgb, tags={BITS: (SHORT, [8])}, read=False)
    put(corpus, "tiff-tag-types", "rows-all-ones", rgb, 8, RGB, rgb, tags={ROWS: (LONG, [0xFFFFFFFF])}, more=[pillow])
    put(corpus, "tiff-tag-types", "rows-missing", rgb, 8, RGB, rgb, drop=[ROWS], more=[pillow])
    grey = rgb[..., :1]
    put(corpus, "tiff-tag-types", "samples-missing", grey, 8, BLACK_IS_ZERO, grey_to_rgb(grey[..., 0]), drop=[SAMPLES], more=[pillow])
    put(corpus, "tiff-tag-types", "bits-missing", levels(size, 1, 3).astype(np.uint8)[..., None], 1, BLACK_IS_ZERO, grey_to_rgb((levels(size, 1, 3) * 255).astype(np.uint8)), drop=[BITS], more=[pillow])
    put(corpus, "tiff-tag-types", "unknown-tags", rgb, 8, RGB, rgb, tags={65000: (SHORT, [1, 2, 3]), 65001: (DOUBLE, [1.5]), 65002: (FLOAT, [2.5]), 65003: (RATIONAL, [(1, 3)]), 65004: (UNDEFINED, b"abcdefgh")}, more=[pillow])
    noted = page(rgb, 8, RGB, rows=9, tags={DESCRIPTION: (ASCII, b"note\0")})
    corpus.add("tiff-tag-types", "counts-missing", "tif", tiff(Page({**noted.tags, 279: None}, noted.chunks)))
    for fill in (1, 2):
        for bits in (1, 4, 8, 16):
            samples = levels(size, bits, 3).astype(np.uint8)[..., None] if bits < 8 else grey if bits == 8 else picture_16(*size)[..., :1]
            twin = grey_to_rgb(to_8(samples[..., 0], (1 << bits) - 1))
            put(corpus, "tiff-fill-order-2" if fill == 2 else "tiff-fill-order-1", f"{bits}", samples, bits, BLACK_IS_ZERO, twin, fill=fill, tags={266: (SHORT, [fill])}, worst=bits > 8, read=bits != 16 or fill == 1)
        put(corpus, "tiff-fill-order-2" if fill == 2 else "tiff-fill-order-1", "lzw", rgb, 8, RGB, rgb, fill=fill, compression=5, tags={266: (SHORT, [fill])})
    for orientation in range(1, 9):
        put(corpus, "tiff-orientation", str(orientation), rgb, 8, RGB, rgb, tags={ORIENTATION: (SHORT, [orientation])})
    for name, profile in (("srgb", srgb_profile()), ("swapped", wide_gamut_profile())):
        put(corpus, "tiff-icc", name, rgb, 8, RGB, rgb, tags={ICC: (UNDEFINED, profile)}, more=[pillow])


def alpha(corpus):
    for size in ((67, 53), (64, 48)):
        rgb, deep, a, name = picture(*size, corpus.seed), picture_16(*size, corpus.seed), alpha_channel(*size), sized(size)
        grey = rgb[..., 1:2]
        a16 = a.astype(np.uint16) * 257
        multiplied = ((rgb.astype(int) * a[..., None] + 127) // 255).astype(np.uint8)
        multiplied_16 = ((deep.astype(np.int64) * a16[..., None] + 32767) // 65535).astype(np.uint16)
        for layout, options in (("strips", {"rows": 10}), ("tiles", {"tile": (32, 32)}), ("planar", {"planar": 2}), ("lzw", {"compression": 5, "predictor": 2})):
            label = f"{layout}-{name}"
            put(corpus, "tiff-alpha-unassociated", label, np.dstack([rgb, a]), 8, RGB, over_white(rgb, a), extra=[2], worst=1, **options)
            put(corpus, "tiff-alpha-associated", label, np.dstack([multiplied, a]), 8, RGB, premultiplied_over_white(multiplied, a), extra=[1], worst=1, **options)
            put(corpus, "tiff-alpha-unassociated", f"16-{label}", np.dstack([deep, a16]), 16, RGB, over_white_16(deep, a16), extra=[2], worst=1, **options)
            value = multiplied_16.astype(np.int64) + 65535 - a16[..., None]
            put(corpus, "tiff-alpha-associated", f"16-{label}", np.dstack([multiplied_16, a16]), 16, RGB, to_8(value.clip(0, 65535)), extra=[1], worst=1, **options)
            put(corpus, "tiff-extra-unspecified", label, np.dstack([rgb, a]), 8, RGB, None, extra=[0], **options)
            put(corpus, "tiff-extra-undeclared", label, np.dstack([rgb, a]), 8, RGB, None, **options)
            put(corpus, "tiff-five-samples", label, np.dstack([rgb, a, grey]), 8, RGB, None, extra=[2, 0], **options)
            put(corpus, "tiff-five-samples", f"unspecified-{label}", np.dstack([rgb, a, grey]), 8, RGB, None, extra=[0, 0], **options)
            put(corpus, "tiff-grey-alpha", f"unassociated-{label}", np.dstack([grey, a]), 8, BLACK_IS_ZERO, over_white(grey_to_rgb(grey[..., 0]), a), extra=[2], worst=1, **options)
            put(corpus, "tiff-grey-alpha", f"associated-{label}", np.dstack([multiplied[..., 1:2], a]), 8, BLACK_IS_ZERO, premultiplied_over_white(grey_to_rgb(multiplied[..., 1]), a), extra=[1], worst=1, **options)
            put(corpus, "tiff-two-samples", f"unspecified-{label}", np.dstack([grey, a]), 8, BLACK_IS_ZERO, None, extra=[0], **options)
            put(corpus, "tiff-two-samples", f"undeclared-{label}", np.dstack([grey, a]), 8, BLACK_IS_ZERO, None, **options)
        wrong = np.dstack([rgb, a])
        put(corpus, "tiff-alpha-associated-invalid", name, wrong, 8, RGB, None, extra=[1])
        put(corpus, "tiff-extra-only-one-declared", name, np.dstack([rgb, a, grey]), 8, RGB, None, extra=[2])
        put(corpus, "tiff-grey-three-samples", name, rgb, 8, BLACK_IS_ZERO, None, extra=[0, 0])
        put(corpus, "tiff-rgb-one-sample", name, grey, 8, RGB, None)
        put(corpus, "tiff-rgb-two-samples", name, rgb[..., :2], 8, RGB, None)
        white = 255 - np.dstack([grey, 255 - a])
        put(corpus, "tiff-grey-alpha", f"min-is-white-{name}", white, 8, WHITE_IS_ZERO, over_white(grey_to_rgb(grey[..., 0]), a), extra=[2], worst=1)


def photometric(corpus):
    for size in ((67, 53), (64, 48)):
        rgb, name = picture(*size, corpus.seed), sized(size)
        ink = np.dstack([255 - rgb, rgb.min(axis=2) // 4])
        put(corpus, "tiff-cmyk", name, ink, 8, CMYK, None)
        put(corpus, "tiff-cmyk", f"planar-lzw-{name}", ink, 8, CMYK, None, planar=2, compression=5)
        put(corpus, "tiff-cmyk", f"16-{name}", ink.astype(np.uint16) * 257, 16, CMYK, None)
        put(corpus, "tiff-cmyk", f"alpha-{name}", np.dstack([ink, alpha_channel(*size)]), 8, CMYK, None, extra=[2])
        planes = [p.round().clip(0, 255) for p in ycbcr(rgb)]
        full = np.dstack(planes).astype(np.uint8)
        put(corpus, "tiff-ycbcr-raw", f"444-{name}", full, 8, YCBCR, rgb_of(planes), tags={YCBCR_SUBSAMPLING: (SHORT, [1, 1])}, worst=2)
        for h, v in ((2, 2), (2, 1), (4, 1)):
            made = page(full, 8, YCBCR, tags={YCBCR_SUBSAMPLING: (SHORT, [h, v])}, encode=lambda block, h=h, v=v: ycbcr_units(block, h, v))
            small = [planes[0]] + [shrink(shrink(p, 1, 1, h), 0, 1, v).round() for p in planes[1:]]
            twin = rgb_of([small[0]] + [np.repeat(np.repeat(p, v, 0), h, 1)[:size[1], :size[0]] for p in small[1:]])
            corpus.add("tiff-ycbcr-raw", f"{h}{v}-{name}", "tif", tiff(made), twin, None, 6, 1.0)
        for kind, code in (("cielab", 8), ("icclab", 9), ("itulab", 10), ("cfa", 32803), ("linear-raw", 34892), ("logluv", 32845)):
            put(corpus, "tiff-other-colour-space", f"{kind}-{name}", rgb, 8, code, None)
        put(corpus, "tiff-other-colour-space", f"logl-{name}", picture_16(*size)[..., :1], 16, 32844, None)
        put(corpus, "tiff-other-colour-space", f"cfa-grey-{name}", rgb[..., :1], 8, 32803, None)
        put(corpus, "tiff-mask", name, levels(size, 1, 3).astype(np.uint8)[..., None], 1, MASK, None)
        put(corpus, "tiff-photometric-missing", f"rgb-{name}", rgb, 8, RGB, None, drop=[262])
        put(corpus, "tiff-photometric-missing", f"grey-{name}", rgb[..., :1], 8, BLACK_IS_ZERO, None, drop=[262])
        put(corpus, "tiff-photometric-unknown", name, rgb, 8, 77, None)
        linear = {301: (SHORT, [min(65535, round(i / 255 * 65535)) for i in range(256)] * 3)}
        put(corpus, "tiff-transfer-function", name, rgb, 8, RGB, rgb, tags=linear, more=[pillow])
        put(corpus, "tiff-reference-black-white", name, full, 8, YCBCR, None, tags={YCBCR_SUBSAMPLING: (SHORT, [1, 1]), 532: (RATIONAL, [(16, 1), (235, 1), (128, 1), (240, 1), (128, 1), (240, 1)])})
        put(corpus, "tiff-grey-response", name, rgb[..., :1], 8, BLACK_IS_ZERO, grey_to_rgb(rgb[..., 0]), tags={290: (SHORT, [3]), 291: (SHORT, list(range(256)))})


def ycbcr_units(block, h, v):
    """Data units of subsampled YCbCr: all luma of a unit, then Cb and Cr."""
    height, width = block.shape[:2]
    padded = np.pad(block, [(0, -height % v), (0, -width % h), (0, 0)], mode="edge").astype(float)
    rows, columns = padded.shape[0] // v, padded.shape[1] // h
    luma = padded[..., 0].reshape(rows, v, columns, h).transpose(0, 2, 1, 3).reshape(rows, columns, v * h)
    chroma = [shrink(shrink(block[..., i].astype(float), 1, 1, h), 0, 1, v).round()[..., None] for i in (1, 2)]
    return np.concatenate([luma, *chroma], axis=2).astype(np.uint8).tobytes()


def add_all(corpus):
    depths(corpus)
    layouts(corpus)
    alpha(corpus)
    photometric(corpus)
    pages(corpus)


def by_tifffile(array, **options):
    """The file that tifffile writes, without random numbers."""
    out = io.BytesIO()
    tifffile.imwrite(out, array, **options)
    return re.sub(rb"urn:uuid:[0-9a-f-]{36}", b"urn:uuid:" + b"0" * 36, out.getvalue())


def pages(corpus):
    size = (67, 53)
    rgb, other = picture(*size, corpus.seed), picture(*size, corpus.seed + 1)
    one, two = page(rgb, 8, RGB, rows=9), page(other, 8, RGB, rows=9)
    channels = [page(rgb[..., i:i + 1], 8, BLACK_IS_ZERO) for i in range(3)]
    small = page(picture(20, 16), 8, RGB)
    mask = page(levels(size, 1, 3).astype(np.uint8)[..., None], 1, MASK, tags={SUBFILE: (LONG, [4])})
    stack = [page(grey_picture_16(*size, n)[..., None], 16, BLACK_IS_ZERO) for n in range(4)]

    def kind(value, made):
        return Page({**made.tags, SUBFILE: (LONG, [value])}, made.chunks)

    for big in (False, True):
        end = "-bigtiff" * big
        corpus.add("tiff-pages-channels", f"rgb{end}", "tif", tiff(channels, big=big))
        corpus.add("tiff-pages-channels", f"marked-as-pages{end}", "tif", tiff([kind(2, c) for c in channels], big=big))
        corpus.add("tiff-pages-two-images", f"same-size{end}", "tif", tiff([one, two], big=big))
        corpus.add("tiff-pages-two-images", f"identical{end}", "tif", tiff([one, one], big=big))
        corpus.add("tiff-pages-two-images", f"other-size-unmarked{end}", "tif", tiff([one, small], big=big))
        corpus.add("tiff-pages-stack", f"grey16{end}", "tif", tiff(stack, big=big))
        check = [reads(rgb, rgb), pillow]
        corpus.add("tiff-page-and-thumbnail", f"after{end}", "tif", tiff([one, kind(1, small)], big=big), rgb, check=check)
        corpus.add("tiff-page-and-thumbnail", f"first{end}", "tif", tiff([kind(1, small), kind(0, one)], big=big), rgb)
        corpus.add("tiff-page-and-mask", f"after{end}", "tif", tiff([one, mask], big=big))
        with_sub = page(rgb, 8, RGB, rows=9)
        with_sub.sub = [kind(1, page(np.ascontiguousarray(rgb[::2, ::2]), 8, RGB)), kind(1, page(np.ascontiguousarray(rgb[::4, ::4]), 8, RGB))]
        corpus.add("tiff-subifds", f"pyramid{end}", "tif", tiff(with_sub, big=big), rgb, check=check)
        preview = kind(1, small)
        preview.sub = [kind(0, one)]
        corpus.add("tiff-subifds", f"image-in-subifd{end}", "tif", tiff(preview, big=big))
        corpus.add("tiff-ifd-loop", f"one-page{end}", "tif", tiff(one, big=big, loop=True), rgb)
        corpus.add("tiff-ifd-loop", f"two-pages{end}", "tif", tiff([one, two], big=big, loop=True))

    corpus.add("tiff-ome", "rgb", "tif", by_tifffile(rgb, ome=True, photometric="rgb", metadata={"axes": "YXS"}), rgb, check=[pillow, reads(rgb, rgb)])
    corpus.add("tiff-ome", "channels", "tif", by_tifffile(np.moveaxis(rgb, -1, 0), ome=True, photometric="minisblack", metadata={"axes": "CYX"}))
    corpus.add("tiff-ome", "z-stack", "tif", by_tifffile(np.stack([grey_picture(*size, n) for n in range(3)]), ome=True, photometric="minisblack", metadata={"axes": "ZYX"}))
    corpus.add("tiff-imagej", "rgb", "tif", by_tifffile(rgb, imagej=True, photometric="rgb"), rgb, check=[pillow, reads(rgb, rgb)])
    corpus.add("tiff-imagej", "channels", "tif", by_tifffile(np.moveaxis(picture_16(*size), -1, 0), imagej=True, metadata={"axes": "CYX"}))
    corpus.add("tiff-imagej", "hyperstack", "tif", by_tifffile(np.zeros((2, 3, 53, 67), np.uint16) + grey_picture_16(*size), imagej=True, metadata={"axes": "ZCYX"}))
    corpus.add("tiff-shaped", "two-images", "tif", by_tifffile(np.stack([rgb, other]), photometric="rgb"))
    geo = [(33550, "d", 3, (0.5, 0.5, 0.0)), (33922, "d", 6, (0.0, 0.0, 0.0, 100.0, 200.0, 0.0)), (34735, "H", 4, (1, 1, 0, 0)), (42113, "s", 3, b"-1")]
    corpus.add("tiff-geotiff", "rgb", "tif", by_tifffile(rgb, photometric="rgb", extratags=geo, metadata=None), rgb, check=[pillow])
    for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16"):
        image = Image.fromarray(rgb)
        if mode in ("RGBA", "LA"):
            image.putalpha(Image.fromarray(alpha_channel(*size)))
        image = Image.fromarray(grey_picture_16(*size)) if mode == "I;16" else image.convert(mode)
        out = io.BytesIO()
        image.save(out, "TIFF")
        label = mode.lower().replace(";", "")
        if mode == "CMYK":
            corpus.add("tiff-cmyk", "pillow", "tif", out.getvalue())
        elif mode == "I;16":
            corpus.add("tiff-by-pillow", label, "tif", out.getvalue(), grey_to_rgb(to_8(grey_picture_16(*size))), None, 1, 1)
        else:
            corpus.add("tiff-by-pillow", label, "tif", out.getvalue(), pillow(out.getvalue()), None, 1, 1)
