"""WebP files: lossy, lossless with every transform, alpha, extended headers, animation, damage."""

import io
import struct

import imagecodecs
import numpy as np
from PIL import Image

from corpus import SIZES, WHOLE, alpha_channel, damages, difference, over_white, picture, pillow, sized, text_modes
from jpeg import exif_block, srgb_profile, wide_gamut_profile
from png import indices, palette_of
from webpwriter import CROSS_COLOUR, INDEXED, PREDICTOR, SUBTRACT_GREEN, chunks_of, extended, riff, vp8l

LOSSY = {"max_abs": 6, "mean_abs": 1.0}


def libwebp(data):
    """RGB rows by imagecodecs' libwebp, alpha over white."""
    pixels = imagecodecs.webp_decode(data)
    return over_white(pixels[..., :3], pixels[..., 3]) if pixels.shape[2] == 4 else pixels


def saved(image, **options):
    out = io.BytesIO()
    image.save(out, "WEBP", **options)
    return out.getvalue()


def with_alpha(size, seed):
    return np.dstack([picture(*size, seed), alpha_channel(*size)])


def regular(corpus):
    for seed, size in enumerate([*SIZES, WHOLE]):
        rgb, name = picture(*size, corpus.seed + seed), sized(size)
        image, rgba = Image.fromarray(rgb), with_alpha(size, corpus.seed + seed)
        for quality in (30, 80, 100):
            data = saved(image, quality=quality)
            corpus.add("webp-lossy", f"q{quality}-{name}", "webp", data, pillow(data), None, check=libwebp, **LOSSY)
        for method in (0, 3, 6):
            data = saved(image, lossless=True, method=method, quality=100 if method == 6 else 50)
            corpus.add("webp-lossless", f"method-{method}-{name}", "webp", data, rgb, check=[pillow, libwebp])
        shown = over_white(rgb, rgba[..., 3])
        data = saved(Image.fromarray(rgba), lossless=True, exact=True)
        corpus.add("webp-lossless-alpha", name, "webp", data, shown, None, 1, 1, check=[pillow, libwebp])
        for quality in (100, 40):
            data = saved(Image.fromarray(rgba), quality=90, alpha_quality=quality)
            corpus.add("webp-lossy-alpha", f"alpha-q{quality}-{name}", "webp", data, pillow(data), None, check=libwebp, **LOSSY)
        corpus.add("webp-lossy", f"imagecodecs-{name}", "webp", imagecodecs.webp_encode(rgb, level=90), libwebp(imagecodecs.webp_encode(rgb, level=90)), None, check=pillow, **LOSSY)


def transforms(corpus):
    for size in ((33, 40), (16, 16), (67, 11)):
        rgb, alpha, name = picture(*size, corpus.seed), alpha_channel(*size), sized(size)
        opaque = np.dstack([np.full(size[::-1], 255, np.uint8), rgb])
        clear = np.dstack([alpha, rgb])
        choices = {"none": [], "subtract-green": [(SUBTRACT_GREEN,)], "cross-colour": [(CROSS_COLOUR, (20, -37, 90))], "predictor-all": [(PREDICTOR, "all")],
                   "green-then-predictor": [(SUBTRACT_GREEN,), (PREDICTOR, "all")], "predictor-then-cross": [(PREDICTOR, "all"), (CROSS_COLOUR, (-128, 127, 5))],
                   "all-three": [(PREDICTOR, "all"), (CROSS_COLOUR, (3, -5, 7)), (SUBTRACT_GREEN,)]}
        choices |= {f"predictor-{mode}": [(PREDICTOR, mode)] for mode in range(14)}
        for label, steps in choices.items():
            data = riff([(b"VP8L", vp8l(opaque, steps))])
            corpus.add("webp-lossless-transform", f"{label}-{name}", "webp", data, rgb, check=[pillow, libwebp])
            if label in ("none", "predictor-all", "all-three"):
                data = riff([(b"VP8L", vp8l(clear, steps, True))])
                corpus.add("webp-lossless-transform", f"{label}-alpha-{name}", "webp", data, over_white(rgb, alpha), None, 1, 1, check=[pillow, libwebp])
        for count in (1, 2, 3, 4, 5, 16, 17, 200, 256):
            table = np.unique(palette_of(count, corpus.seed), axis=0)
            table = np.concatenate([np.full((len(table), 1), 255, np.uint8), table], axis=1)
            argb = table[indices(size, len(table), corpus.seed)]
            for steps in ([(INDEXED, table)], [(INDEXED, table), (PREDICTOR, 1)]):
                data = riff([(b"VP8L", vp8l(argb, steps))])
                corpus.add("webp-lossless-palette", f"{count}{'-predictor' * (len(steps) - 1)}-{name}", "webp", data, np.ascontiguousarray(argb[..., 1:]), check=[pillow, libwebp])
        # The header's alpha bit is a hint. Without it the alpha samples have no meaning to a viewer of the first kind.
        corpus.add("webp-lossless-alpha-bit-missing", name, "webp", riff([(b"VP8L", vp8l(clear, [], False))]))


def containers(corpus):
    size = (67, 53)
    rgb = picture(*size, corpus.seed)
    image = Image.fromarray(rgb)
    lossy, lossless = saved(image, quality=90), saved(image, lossless=True)
    whole = {"lossy": (lossy, pillow(lossy), LOSSY), "lossless": (lossless, rgb, {})}
    for kind, (data, twin, tolerance) in whole.items():
        stream = chunks_of(data)

        def put(case, variant, content, picture=twin, tolerance=tolerance, kind=kind, check=(pillow,)):
            corpus.add(case, f"{variant}-{kind}", "webp", content, picture, None, check=check if picture is not None else (), **(tolerance if picture is not None else {}))

        put("webp-extended", "plain", riff([extended(size, 0), *stream]))
        put("webp-icc", "srgb", riff([extended(size, 32), (b"ICCP", srgb_profile()), *stream]))
        put("webp-icc", "swapped", riff([extended(size, 32), (b"ICCP", wide_gamut_profile()), *stream]))
        put("webp-extended", "xmp", riff([extended(size, 4), *stream, (b"XMP ", b"<x:xmpmeta/>")]))
        put("webp-extended", "unknown-chunk", riff([extended(size, 0), (b"ABCD", b"12345"), *stream, (b"EFGH", b"6")]))
        put("webp-extended", "flags-without-chunks", riff([extended(size, 4 | 8 | 32), *stream]))
        for orientation in range(1, 9):
            put("webp-exif-orientation", str(orientation), riff([extended(size, 8), *stream, (b"EXIF", exif_block(orientation))]))
        put("webp-canvas-differs", "larger", riff([extended((90, 80), 0), *stream]), None)
        put("webp-canvas-differs", "smaller", riff([extended((40, 30), 0), *stream]), None)
        put("webp-canvas-differs", "huge", riff([extended((16384, 16384), 0), *stream]), None)
        put("webp-trailing-bytes", "text", data + b"trailer")
        put("webp-trailing-bytes", "zeros", data + bytes(300))
        put("webp-trailing-bytes", "second-file", data + lossy)
        put("webp-trailing-bytes", "chunk-inside", riff([*stream, (b"JUNK", b"abc")]))
        for label, length in (("0", 0), ("short", 40), ("one-less", len(data) - 9), ("long", len(data) + 1000), ("4g", 0xFFFFFFFF)):
            put("webp-riff-size-wrong", label, riff(stream, length=length), None)
        put("webp-two-frames", "same", riff([extended(size, 0), *stream, *stream]), None)
        put("webp-no-frame", "vp8x-only", riff([extended(size, 0)]), None)
        put("webp-no-frame", "riff-only", riff([]), None)
        put("webp-bad-chunk", "payload-longer", riff([(stream[0][0], stream[0][1] + bytes(50))]))
        put("webp-bad-chunk", "length-huge", data[:16] + b"\xff\xff\xff\x7f" + data[20:], None)
        put("webp-bad-chunk", "length-0", data[:16] + bytes(4) + data[20:], None)
        put("webp-bad-chunk", "form-type", data[:8] + b"WEBX" + data[12:], None)
        put("webp-bad-chunk", "frame-as-other-kind", data[:12] + (b"VP8L" if kind == "lossy" else b"VP8 ") + data[16:], None)
        put("webp-bad-chunk", "alpha-flag-without-alpha", riff([extended(size, 16), *stream]), twin)
        put("webp-bad-chunk", "animation-flag-on-still", riff([extended(size, 2), *stream]), None)
        start = 30 if kind == "lossy" else 25
        for fault, variant, broken in damages(data, start, corpus.seed):
            # The tail is too short to be told from coded data.
            short = "-short" if (fault, variant) == ("zero-tail", "98") else ""
            corpus.add(f"webp-{fault}{short}", f"{kind}-{variant}", "webp", broken)
        for at in (1, 4, 11, 12, 16, 20, 24, 29):
            corpus.add("webp-truncated", f"{kind}-header-{at}", "webp", data[:at])
        # The file is shorter and its lengths agree, so only the stream shows that something is missing.
        for share in (0.3, 0.6, 0.9, 0.99):
            cut = stream[0][1][:int(len(stream[0][1]) * share)]
            corpus.add("webp-truncated-consistent", f"{kind}-{round(share * 100)}", "webp", riff([(stream[0][0], cut)]))
        for variant, other in text_modes(data):
            corpus.add("webp-text-mode", f"{variant}-{kind}", "webp", other)
    for label, at, value in (("width-0", 26, b"\0\0"), ("height-0", 28, b"\0\0"), ("width-more", 26, b"\x90\0"), ("start-code", 23, b"\0\0\0"), ("not-a-key-frame", 20, bytes([lossy[20] | 1])),
                             ("version-7", 20, bytes([lossy[20] | 0xE])), ("hidden", 20, bytes([lossy[20] & ~0x10])), ("scale", 27, bytes([lossy[27] | 0x40])), ("partition-huge", 22, b"\xff")):
        corpus.add("webp-bad-frame-header", label, "webp", lossy[:at] + value + lossy[at + len(value):])
    for label, at, value in (("signature", 20, b"\0"), ("version", 24, bytes([lossless[24] | 0xE0])), ("width-more", 21, bytes([lossless[21] | 0x80]))):
        corpus.add("webp-bad-frame-header", f"lossless-{label}", "webp", lossless[:at] + value + lossless[at + len(value):])


def alphas(corpus):
    """The ALPH chunk by hand: raw samples with each filter, and a lossless stream."""
    for size in ((67, 53), (33, 40)):
        rgb, alpha, name = picture(*size, corpus.seed), alpha_channel(*size), sized(size)
        stream = chunks_of(saved(Image.fromarray(rgb), quality=90))[0]
        flat = pillow(riff([stream]))
        shown = over_white(flat, alpha)
        for kind in range(4):
            left, above = np.zeros_like(alpha), np.zeros_like(alpha)
            left[:, 1:], above[1:] = alpha[:, :-1], alpha[:-1]
            first_row, first_column = left.copy(), above.copy()
            corner = np.zeros_like(alpha)
            corner[1:, 1:] = alpha[:-1, :-1]
            gradient = (left.astype(int) + above - corner).clip(0, 255).astype(np.uint8)
            guess = [np.zeros_like(alpha), left, above, gradient][kind].copy()
            if kind:
                guess[0], guess[1:, 0] = first_row[0], first_column[1:, 0]
                if kind == 2:
                    guess[1:] = above[1:]
            samples = (alpha.astype(int) - guess & 255).astype(np.uint8)
            for packed in (False, True):
                body = bytes([kind << 2 | packed])
                if packed:
                    argb = np.zeros((*samples.shape, 4), np.uint8)
                    argb[..., 2] = samples
                    body += vp8l(argb)[5:]
                else:
                    body += samples.tobytes()
                data = riff([extended(size, 16), (b"ALPH", body), stream])
                corpus.add("webp-alpha-chunk", f"filter-{kind}{'-compressed' * packed}-{name}", "webp", data, shown, None, check=[pillow, libwebp], **LOSSY)
        plain = bytes([0]) + alpha.tobytes()
        corpus.add("webp-alpha-chunk-damaged", f"short-{name}", "webp", riff([extended(size, 16), (b"ALPH", plain[:len(plain) // 2]), stream]))
        corpus.add("webp-alpha-chunk-damaged", f"empty-{name}", "webp", riff([extended(size, 16), (b"ALPH", b""), stream]))
        corpus.add("webp-alpha-chunk-damaged", f"method-3-{name}", "webp", riff([extended(size, 16), (b"ALPH", b"\3" + plain[1:]), stream]))
        corpus.add("webp-alpha-chunk-damaged", f"flag-missing-{name}", "webp", riff([extended(size, 0), (b"ALPH", plain), stream]))
        corpus.add("webp-alpha-chunk-damaged", f"after-frame-{name}", "webp", riff([extended(size, 16), stream, (b"ALPH", plain)]))


def announcements(corpus):
    """The header and the lossless stream disagree about transparency. The stream decides in libwebp."""
    for size in ((67, 53), WHOLE):
        rgb, name = picture(*size, corpus.seed), sized(size)
        for label, alpha in (("gradient", alpha_channel(*size)), ("masked", disc(size))):
            rgba, shown = np.dstack([rgb, alpha]), over_white(rgb, alpha)
            stream, = [c for c in chunks_of(saved(Image.fromarray(rgba), lossless=True, exact=True)) if c[0] == b"VP8L"]
            for kind, flags, before, after in (("bare", 0, [], []), ("xmp", 4, [], [(b"XMP ", b"<x:xmpmeta/>")]), ("exif", 8, [], [(b"EXIF", exif_block(1))]), ("icc", 32, [(b"ICCP", srgb_profile())], [])):
                data = riff([extended(size, flags), *before, stream, *after])
                corpus.add("webp-alpha-not-announced", f"{label}-{kind}-{name}", "webp", data, shown, None, 1, 1, check=[pillow, libwebp])
            # The samples of the alpha channel are there; the bit that gives them a meaning is not.
            cleared = (b"VP8L", stream[1][:4] + bytes([stream[1][4] & ~0x10]) + stream[1][5:])
            corpus.add("webp-alpha-in-header-only", f"{label}-{name}", "webp", riff([extended(size, 16), cleared]), rgb, check=[pillow, libwebp])
        stream = chunks_of(saved(Image.fromarray(rgb), lossless=True))
        corpus.add("webp-alpha-in-header-only", f"opaque-{name}", "webp", riff([extended(size, 16), *stream]), rgb, check=[pillow, libwebp])


def disc(size):
    """An opaque disc; transparent outside."""
    y, x = np.mgrid[0:size[1], 0:size[0]]
    inside = (x - size[0] / 2) ** 2 + (y - size[1] / 2) ** 2 < (min(size) * 0.4) ** 2
    return (inside * 255).astype(np.uint8)


def animations(corpus):
    size = (67, 53)
    frames = [Image.fromarray(picture(*size, corpus.seed + n)) for n in range(3)]
    for lossless in (False, True):
        data = saved(frames[0], save_all=True, append_images=frames[1:], duration=50, lossless=lossless)
        corpus.add("webp-animated", f"three-frames-{'lossless' if lossless else 'lossy'}", "webp", data)
    stream = chunks_of(saved(frames[0], lossless=True))[0]
    inner = stream[0] + struct.pack("<I", len(stream[1])) + stream[1] + bytes(len(stream[1]) % 2)

    def frame(x, y):
        return b"ANMF", b"".join(v.to_bytes(3, "little") for v in (x // 2, y // 2, size[0] - 1, size[1] - 1, 50)) + b"\0" + inner

    control = (b"ANIM", bytes(6))
    corpus.add("webp-animated", "one-frame", "webp", riff([extended(size, 2), control, frame(0, 0)]))
    corpus.add("webp-animated", "one-frame-smaller-than-canvas", "webp", riff([extended((120, 90), 2), control, frame(20, 10)]))
    corpus.add("webp-animated", "no-frames", "webp", riff([extended(size, 2), control]))
    corpus.add("webp-animated", "frame-outside-canvas", "webp", riff([extended((40, 40), 2), control, frame(20, 10)]))
    corpus.add("webp-animated", "still-and-frames", "webp", riff([extended(size, 2), control, stream, frame(0, 0)]))
    if difference(pillow(riff([stream])), np.asarray(frames[0]))[0]:
        raise AssertionError("webp: the still frame is wrong")


def add_all(corpus):
    regular(corpus)
    transforms(corpus)
    containers(corpus)
    alphas(corpus)
    announcements(corpus)
    animations(corpus)
