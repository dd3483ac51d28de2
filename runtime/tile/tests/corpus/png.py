"""PNG files that are whole: every colour type, depth and interlacing, transparency, ancillary chunks."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
from PIL import Image

from corpus import (SIZES, SMALL, WHOLE, alpha_channel, grey_picture, grey_picture_16, grey_to_rgb, over_white, picture,
                    picture_16, pillow, sized, to_8)
from jpeg import exif_block, srgb_profile, wide_gamut_profile
from pngwriter import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, SIGNATURE, chunk, header, image_data, png


def libpng(data):
    """RGB rows by libpng, alpha over white, 16 bits rounded."""
    pixels = imagecodecs.png_decode(data)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.dtype == np.uint16 and pixels.shape[2] in (2, 4):
        return over_white_16(np.broadcast_to(pixels[..., :-1], (*pixels.shape[:2], 3)), pixels[..., -1])
    if pixels.dtype == np.uint16:
        pixels = to_8(pixels)
    if pixels.shape[2] in (2, 4):
        return over_white(np.broadcast_to(pixels[..., :-1], (*pixels.shape[:2], 3)), pixels[..., -1])
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def over_white_16(rgb, alpha):
    value, a = rgb.astype(np.uint64), alpha.astype(np.uint64)[..., None]
    return to_8((value * a + 65535 * (65535 - a) + 32767) // 65535)


def alpha_16(width, height):
    return (alpha_channel(width, height).astype(np.uint16) * 257) ^ (np.arange(width, dtype=np.uint16) % 7)


def levels(size, depth, seed):
    """Grey samples of a depth below 8."""
    return (grey_picture(*size, seed).astype(np.int64) * ((1 << depth) - 1) + 127) // 255


def palette_of(count, seed):
    """Colours in an order that no other order resembles."""
    rng = np.random.default_rng([seed, count])
    colours = picture(count, 1, seed)[0].astype(int) + rng.integers(-40, 41, size=(count, 3))
    return colours.clip(0, 255).astype(np.uint8)


def indices(size, count, seed):
    return (grey_picture(*size, seed).astype(np.int64) * 7 + np.arange(size[0])) % count


def colour_types(corpus):
    for seed, size in enumerate([*SIZES, WHOLE]):
        seed += corpus.seed
        for adam7 in (False, True):
            name = sized(size) + "-adam7" * adam7
            option = {"adam7": adam7}
            both = [pillow, libpng]
            rgb, deep, alpha = picture(*size, seed), picture_16(*size, seed), alpha_channel(*size)
            grey, grey_deep = rgb[..., 1:2], deep[..., 1:2]
            deep_alpha = alpha_16(*size)
            corpus.add("png-rgb-8", name, "png", png(rgb, 8, RGB, **option), rgb, check=both)
            corpus.add("png-rgb-16", name, "png", png(deep, 16, RGB, **option), to_8(deep), None, 1, 1, check=both)
            corpus.add("png-grey-8", name, "png", png(grey, 8, GREY, **option), grey_to_rgb(grey[..., 0]), check=both)
            corpus.add("png-grey-16", name, "png", png(grey_deep, 16, GREY, **option), grey_to_rgb(to_8(grey_deep[..., 0])), None, 1, 1, check=libpng)
            pixels = np.dstack([rgb, alpha])
            corpus.add("png-rgba-8", name, "png", png(pixels, 8, RGBA, **option), over_white(rgb, alpha), None, 1, 1, check=both)
            pixels = np.dstack([deep, deep_alpha])
            corpus.add("png-rgba-16", name, "png", png(pixels, 16, RGBA, **option), over_white_16(deep, deep_alpha), None, 1, 1, check=libpng)
            pixels = np.dstack([grey, alpha])
            corpus.add("png-grey-alpha-8", name, "png", png(pixels, 8, GREY_ALPHA, **option), over_white(grey_to_rgb(grey[..., 0]), alpha), None, 1, 1, check=both)
            pixels = np.dstack([grey_deep, deep_alpha])
            corpus.add("png-grey-alpha-16", name, "png", png(pixels, 16, GREY_ALPHA, **option), over_white_16(grey_to_rgb(grey_deep[..., 0]), deep_alpha), None, 1, 1, check=libpng)
            for depth in (1, 2, 4):
                samples = levels(size, depth, seed)
                twin = grey_to_rgb((samples * 255 // ((1 << depth) - 1)).astype(np.uint8))
                corpus.add(f"png-grey-{depth}", name, "png", png(samples[..., None], depth, GREY, **option), twin, check=both)
            for depth in (1, 2, 4, 8):
                table = palette_of(1 << depth, seed)
                chosen = indices(size, 1 << depth, seed)
                data = png(chosen[..., None], depth, PALETTE, before=chunk(b"PLTE", table.tobytes()), **option)
                corpus.add(f"png-palette-{depth}", name, "png", data, table[chosen], check=both)


def transparency(corpus):
    for size in ((67, 53), (64, 48)):
        for adam7 in (False, True):
            name = sized(size) + "-adam7" * adam7
            rgb, deep = picture(*size, corpus.seed), picture_16(*size, corpus.seed)
            key = rgb[5, 7].astype(int)
            rgb[:9, 20:50] = key
            clear = (rgb == key).all(axis=2)
            data = png(rgb, 8, RGB, adam7=adam7, before=chunk(b"tRNS", struct.pack(">3H", *key)))
            corpus.add("png-trns-rgb", f"8-{name}", "png", data, np.where(clear[..., None], 255, rgb).astype(np.uint8), check=[pillow, libpng])
            # Only the low byte tells the key from its neighbours.
            key = deep[5, 7].astype(int)
            deep[:9, 20:50] = key
            deep[20:29, 20:50] = key ^ 1
            clear = (deep == key).all(axis=2)
            data = png(deep, 16, RGB, adam7=adam7, before=chunk(b"tRNS", struct.pack(">3H", *key)))
            twin = np.where(clear[..., None], 255, to_8(deep)).astype(np.uint8)
            corpus.add("png-trns-rgb", f"16-{name}", "png", data, twin, None, 1, 1, check=libpng)
            grey = deep[..., 1]
            clear = grey == key[1]
            data = png(grey[..., None], 16, GREY, adam7=adam7, before=chunk(b"tRNS", struct.pack(">H", key[1])))
            corpus.add("png-trns-grey", f"16-{name}", "png", data, np.where(clear[..., None], 255, grey_to_rgb(to_8(grey))).astype(np.uint8), None, 1, 1, check=libpng)
            for depth in (1, 2, 4, 8):
                samples = levels(size, depth, corpus.seed) if depth < 8 else grey_picture(*size, corpus.seed).astype(np.int64)
                value = int(samples[10, 10])
                flat = grey_to_rgb((samples * 255 // ((1 << depth) - 1)).astype(np.uint8))
                twin = np.where((samples == value)[..., None], 255, flat).astype(np.uint8)
                data = png(samples[..., None], depth, GREY, adam7=adam7, before=chunk(b"tRNS", struct.pack(">H", value)))
                corpus.add("png-trns-grey", f"{depth}-{name}", "png", data, twin, check=[libpng])
                table = palette_of(1 << depth, corpus.seed)
                chosen = indices(size, 1 << depth, corpus.seed)
                opacity = (np.arange(1 << depth) * 77 + 40).astype(np.uint8)
                for kept in {1 << depth, max(1, (1 << depth) // 2)}:
                    full = np.concatenate([opacity[:kept], np.full((1 << depth) - kept, 255, np.uint8)])
                    data = png(chosen[..., None], depth, PALETTE, adam7=adam7, before=chunk(b"PLTE", table.tobytes()) + chunk(b"tRNS", opacity[:kept].tobytes()))
                    corpus.add("png-trns-palette", f"{depth}-{kept}-{name}", "png", data, over_white(table[chosen], full[chosen]), None, 1, 1, check=[pillow, libpng])


def filters_and_pieces(corpus):
    rgb = picture(67, 53, corpus.seed)
    for kind in range(5):
        corpus.add("png-filter", f"rgb-{kind}", "png", png(rgb, 8, RGB, kind=kind), rgb, check=[pillow, libpng])
        deep = picture_16(33, 40, corpus.seed)
        corpus.add("png-filter", f"rgb16-{kind}", "png", png(deep, 16, RGB, kind=kind), to_8(deep), None, 1, 1, check=libpng)
        chosen = indices((67, 53), 4, corpus.seed)
        table = palette_of(4, corpus.seed)
        data = png(chosen[..., None], 2, PALETTE, kind=kind, before=chunk(b"PLTE", table.tobytes()))
        corpus.add("png-filter", f"palette2-{kind}", "png", data, table[chosen], check=[pillow, libpng])
    for pieces in (2, 7, 100, 10000):
        corpus.add("png-idat-pieces", str(pieces), "png", png(rgb, 8, RGB, pieces=pieces), rgb, check=[pillow, libpng])
    empty = chunk(b"IDAT")
    for name, before, after in (("first", empty, b""), ("last", b"", empty), ("both", empty * 2, empty * 2)):
        corpus.add("png-idat-empty", name, "png", png(rgb, 8, RGB, before=before, after=after), rgb, check=[libpng])
    for level in (0, 1, 9):
        corpus.add("png-deflate", f"level-{level}", "png", png(rgb, 8, RGB, data=zlib.compress(image_data(rgb, 8), level)), rgb, check=[pillow, libpng])
    for bits in (9, 12, 15):
        coder = zlib.compressobj(9, zlib.DEFLATED, bits)
        data = coder.compress(image_data(rgb, 8)) + coder.flush()
        corpus.add("png-deflate", f"window-{bits}", "png", png(rgb, 8, RGB, data=data), rgb, check=[pillow, libpng])
    coder = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zlib.Z_FIXED)
    corpus.add("png-deflate", "fixed", "png", png(rgb, 8, RGB, data=coder.compress(image_data(rgb, 8)) + coder.flush()), rgb, check=[pillow, libpng])


def ancillary(corpus):
    size = (67, 53)
    rgb = picture(*size, corpus.seed)
    extras = {
        "text": chunk(b"tEXt", b"Comment\0made here"), "ztxt": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 999)),
        "itxt": chunk(b"iTXt", b"Title\0\0\0en\0\0\xc3\xa4"), "phys": chunk(b"pHYs", struct.pack(">IIB", 2835, 11811, 1)),
        "time": chunk(b"tIME", struct.pack(">HBBBBB", 2026, 1, 2, 3, 4, 5)), "bkgd": chunk(b"bKGD", struct.pack(">3H", 9, 200, 30)),
        "sbit": chunk(b"sBIT", bytes([5, 6, 5])), "private": chunk(b"prIv", b"data"), "splt": chunk(b"sPLT", b"name\0\x08" + bytes(12)),
        "suggested-palette": chunk(b"PLTE", bytes(range(30))), "hist": chunk(b"PLTE", bytes(range(30))) + chunk(b"hIST", bytes(20)),
    }
    for name, before in extras.items():
        corpus.add("png-ancillary", name, "png", png(rgb, 8, RGB, before=before), rgb, check=[pillow, libpng])
    corpus.add("png-ancillary", "text-after", "png", png(rgb, 8, RGB, after=chunk(b"tEXt", b"Comment\0late")), rgb, check=[pillow, libpng])
    pixels = np.dstack([rgb, alpha_channel(*size)])
    background = chunk(b"bKGD", struct.pack(">3H", 9, 200, 30))
    corpus.add("png-ancillary", "bkgd-and-alpha", "png", png(pixels, 8, RGBA, before=background), over_white(rgb, pixels[..., 3]), None, 1, 1, check=[pillow])
    profiles = {"gamma-22": chunk(b"gAMA", struct.pack(">I", 45455)), "gamma-10": chunk(b"gAMA", struct.pack(">I", 100000)),
                "srgb": chunk(b"sRGB", b"\0"), "chrm": chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)),
                "icc-srgb": chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile())),
                "icc-swapped": chunk(b"iCCP", b"odd\0\0" + zlib.compress(wide_gamut_profile())),
                "cicp": chunk(b"cICP", bytes([9, 16, 0, 1])), "srgb-gama": chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"sRGB", b"\1")}
    for name, before in profiles.items():
        corpus.add("png-colour-management", name, "png", png(rgb, 8, RGB, before=before), rgb, check=[pillow])
    for orientation in range(1, 9):
        data = png(rgb, 8, RGB, before=chunk(b"eXIf", exif_block(orientation)))
        corpus.add("png-exif-orientation", str(orientation), "png", data, rgb, check=[pillow, libpng])
    whole = png(rgb, 8, RGB)
    for name, tail in (("zeros", bytes(300)), ("text", b"trailer"), ("second", whole), ("chunk", chunk(b"tEXt", b"a\0b"))):
        corpus.add("png-trailing-bytes", name, "png", whole + tail, rgb, check=[pillow, libpng])
    for extension in ("jpg", "tif", "bmp", "webp"):
        corpus.add("png-other-extension", extension, extension, whole, rgb, check=[pillow])
    for seed, size in enumerate(SMALL):
        rgb = picture(*size, seed)
        for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"):
            if mode == "I;16":
                deep = grey_picture_16(*size, seed)
                image, twin = Image.fromarray(deep), grey_to_rgb(to_8(deep))
            else:
                image = Image.fromarray(rgb)
                if mode in ("RGBA", "LA"):
                    image.putalpha(Image.fromarray(alpha_channel(*size)))
                image = image.convert(mode)
                out = np.asarray(image.convert("RGBA"))
                twin = over_white(out[..., :3], out[..., 3])
            out = io.BytesIO()
            image.save(out, "PNG", optimize=True)
            corpus.add("png-by-pillow", f"{mode.lower().replace(';', '')}-{sized(size)}", "png", out.getvalue(), twin, None, 1, 1, check=libpng)
        corpus.add("png-by-libpng", sized(size), "png", imagecodecs.png_encode(rgb, level=9), rgb, check=pillow)


def control(sequence, size, at=(0, 0)):
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", sequence, *size, *at, 1, 10, 0, 0))


def animated(corpus):
    size = (67, 53)
    first, second = picture(*size, corpus.seed), picture(*size, corpus.seed + 1)
    frame = zlib.compress(image_data(second, 8))
    later = control(1, size) + chunk(b"fdAT", struct.pack(">I", 2) + frame)
    data = png(first, 8, RGB, before=chunk(b"acTL", struct.pack(">II", 2, 0)) + control(0, size), after=later)
    corpus.add("png-apng", "default-in-animation", "png", data, first, check=[libpng])
    later = control(0, size) + chunk(b"fdAT", struct.pack(">I", 1) + frame) + control(2, (20, 20), (5, 9)) + chunk(b"fdAT", struct.pack(">I", 3) + zlib.compress(image_data(second[:20, :20], 8)))
    data = png(first, 8, RGB, before=chunk(b"acTL", struct.pack(">II", 2, 0)), after=later)
    corpus.add("png-apng", "default-apart", "png", data, first, check=[libpng])
    one = chunk(b"acTL", struct.pack(">II", 1, 0))
    for name, before in (("control-after", one + control(0, size)), ("text-between", one + chunk(b"tEXt", b"a\0b") + control(0, size))):
        corpus.add("png-apng-one-frame", name, "png", png(first, 8, RGB, before=before), first, check=[libpng, pillow])
    for width, height in (size, (20, 20)):
        later = control(0, (width, height)) + chunk(b"fdAT", struct.pack(">I", 1) + zlib.compress(image_data(second[:height, :width], 8)))
        corpus.add("png-apng-default-hidden", sized((width, height)), "png", png(first, 8, RGB, before=one, after=later))
    frames = [Image.fromarray(picture(*size, n)) for n in range(3)]
    out = io.BytesIO()
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    corpus.add("png-apng", "pillow", "png", out.getvalue(), picture(*size, 0), check=[libpng])
    corpus.add("png-mng", "signature", "png", b"\x8aMNG\r\n\x1a\n" + chunk(b"MHDR", bytes(28)) + chunk(b"MEND"))
    corpus.add("png-jng", "signature", "png", b"\x8bJNG\r\n\x1a\n" + chunk(b"JHDR", struct.pack(">IIBBBBBBBB", *size, 10, 8, 8, 0, 0, 0, 0, 0)) + chunk(b"IEND"))
    # Xcode's variant: raw deflate, blue first, alpha multiplied in.
    pixels = np.dstack([first[..., ::-1], np.full(size[::-1], 255, np.uint8)])
    raw = zlib.compress(image_data(pixels, 8))[2:-4]
    body = SIGNATURE + chunk(b"CgBI", b"\x50\0\x20\2") + header(size, 8, RGBA) + chunk(b"IDAT", raw) + chunk(b"IEND")
    corpus.add("png-cgbi", "opaque", "png", body, first)


def add_all(corpus):
    colour_types(corpus)
    transparency(corpus)
    filters_and_pieces(corpus)
    ancillary(corpus)
    animated(corpus)
