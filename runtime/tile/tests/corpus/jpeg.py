"""JPEG files that are whole: every layout, marker and colour model."""

import base64
import io
import shutil
import struct
import subprocess

import imagecodecs
import numpy as np
from PIL import Image, ImageCms

from corpus import SIZES, SMALL, WHOLE, difference, grey_picture, grey_to_rgb, picture, pillow, sized, to_8
from jpegsamples import ARITHMETIC
from jpegwriter import (APP0, APP1, APP2, APP14, COM, DHT, DNL, DQT, DRI, EOI, JFIF, LUMA, SOI, SOS, adobe, encode,
                        join, quantisation, reconstruct, ycbcr)

LAYOUTS = {
    "444": [(1, 1)] * 3, "422": [(2, 1), (1, 1), (1, 1)], "440": [(1, 2), (1, 1), (1, 1)],
    "420": [(2, 2), (1, 1), (1, 1)], "411": [(4, 1), (1, 1), (1, 1)], "410": [(4, 2), (1, 1), (1, 1)],
    "441": [(1, 4), (1, 1), (1, 1)], "grey": [(1, 1)],
}


def tolerance(sampling):
    """Full-resolution chroma leaves only the rounding of the transform; otherwise the upsampling filter is free."""
    return (3, 0.6) if len({tuple(s) for s in sampling}) == 1 else (6, 1.0)


def allowed(sampling):
    """Kiln's filter of 4:2:2, 4:4:0 and 4:2:0 is libjpeg's, so only the rounding of the transform is left."""
    first, *others = [tuple(s) for s in sampling]
    same_filter = first in ((2, 1), (1, 2), (2, 2)) and others == [(1, 1)] * 2
    return (3, 0.2) if same_filter else tolerance(sampling)


def planes_for(sampling, size, seed, fine=1.0):
    rgb = picture(*size, seed, fine)
    return ycbcr(rgb) if len(sampling) == 3 else [ycbcr(rgb)[0]]


def put(corpus, case, variant, jpeg, data=None, colour="ycbcr", decoder=pillow, extension="jpg"):
    """Adds a file whose twin is libjpeg-turbo's picture, or the coefficients' own where libjpeg cannot read it."""
    data = jpeg.bytes() if data is None else data
    worst, mean = tolerance([(c.h, c.v) for c in jpeg.components])
    own = [reconstruct(jpeg, colour, triangle) for triangle in (True, False)]
    twin = decoder(data) if decoder else own[0]
    for filtered in own:
        if difference(twin, filtered)[0] > worst or difference(twin, filtered)[1] > mean:
            raise AssertionError(f"{case} {variant}: the twin is {difference(twin, filtered)} from the coefficients")
    worst, mean = allowed([(c.h, c.v) for c in jpeg.components])
    corpus.add(case, variant, extension, data, twin, max_abs=worst, mean_abs=mean)


def saved(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def layouts(corpus):
    for layout, sampling in LAYOUTS.items():
        for seed, size in enumerate([*SIZES, WHOLE]):
            planes = planes_for(sampling, size, corpus.seed + seed)
            put(corpus, f"jpeg-baseline-{layout}", sized(size), encode(planes, sampling))
            if size not in ((8, 200), (64, 48)):
                put(corpus, f"jpeg-progressive-{layout}", sized(size), encode(planes, sampling, progressive=True))
    for size in SMALL:
        rgb = picture(*size, corpus.seed)
        for layout in ("444", "422", "420", "411", "440"):
            data = imagecodecs.jpeg8_encode(rgb, level=93, subsampling=layout)
            worst, mean = allowed(LAYOUTS[layout])
            corpus.add(f"jpeg-baseline-{layout}", f"turbo-{sized(size)}", "jpg", data, pillow(data), None, worst, mean)
        for quality in (60, 95, 100):
            data = saved(Image.fromarray(rgb), quality=quality, subsampling=0)
            corpus.add("jpeg-baseline-444", f"pillow-q{quality}-{sized(size)}", "jpg", data, pillow(data), None, 3, 0.6)
            data = saved(Image.fromarray(rgb), quality=quality, subsampling=2, progressive=True)
            corpus.add("jpeg-progressive-420", f"pillow-q{quality}-{sized(size)}", "jpg", data, pillow(data), None, 3, 0.2)


def coding(corpus):
    """Restarts, Huffman tables, frame types, quantisation tables."""
    for layout in ("grey", "444", "420", "422"):
        sampling = LAYOUTS[layout]
        planes = planes_for(sampling, (67, 53), corpus.seed)
        for restart in (1, 2, 5, 9):
            for progressive in (False, True):
                jpeg = encode(planes, sampling, restart=restart, progressive=progressive)
                put(corpus, "jpeg-restart", f"{layout}-{restart}{'-progressive' * progressive}", jpeg)
        put(corpus, "jpeg-optimised", layout, encode(planes, sampling, optimal=True))
        put(corpus, "jpeg-extended-sequential", layout, encode(planes, sampling, sof=0xC1))
        put(corpus, "jpeg-extended-sequential", f"{layout}-optimised", encode(planes, sampling, sof=0xC1, optimal=True))
        coarse = [np.minimum(np.arange(64) * 9 + 2, 600)] * min(2, len(planes))
        for sof in (0xC0, 0xC1):
            put(corpus, "jpeg-quant-16bit", f"{layout}-sof{sof & 15}", encode(planes, sampling, sof=sof, wide=True, tables=coarse))
        put(corpus, "jpeg-quant-16bit", f"{layout}-progressive", encode(planes, sampling, progressive=True, wide=True, tables=coarse))
    for layout in ("444", "420", "422", "411"):
        sampling = LAYOUTS[layout]
        for size in ((67, 53), (33, 40), WHOLE):
            planes = planes_for(sampling, size, corpus.seed)
            every = [([i], 0, 63, 0, 0) for i in range(3)]
            scripts = {"noninterleaved": every, "noninterleaved-reversed": every[::-1],
                       "partly-interleaved": [every[0], ([1, 2], 0, 63, 0, 0)],
                       "partly-interleaved-chroma-first": [([1, 2], 0, 63, 0, 0), every[0]],
                       "partly-interleaved-y-cb": [([0, 1], 0, 63, 0, 0), every[2]]}
            for name, scans in scripts.items():
                case = "-".join(name.split("-")[:2] if name.startswith("partly") else name.split("-")[:1])
                variant = f"{name[len(case):].strip('-')}{'-' * (name != case)}{layout}-{sized(size)}"
                if size != WHOLE or layout == "420":
                    put(corpus, f"jpeg-{case}", variant, encode(planes, sampling, scans=scans))
            if size == (33, 40):
                put(corpus, "jpeg-noninterleaved", f"restart-{layout}", encode(planes, sampling, scans=every, restart=3))
                put(corpus, "jpeg-noninterleaved", f"optimised-{layout}", encode(planes, sampling, scans=every, optimal=True))
                split = [([0, 1, 2], 0, 0, 0, 0)] + [([i], 1, 63, 0, 0) for i in range(3)]
                put(corpus, "jpeg-progressive-spectral-only", layout, encode(planes, sampling, progressive=True, scans=split))
                split = [([i], 0, 0, 0, 0) for i in (2, 0, 1)] + [([i], 1, 63, 0, 0) for i in (1, 2, 0)]
                put(corpus, "jpeg-progressive-noninterleaved-dc", layout, encode(planes, sampling, progressive=True, scans=split))
    planes = planes_for(LAYOUTS["444"], (67, 53), corpus.seed)
    jpeg = encode(planes, LAYOUTS["444"], scans=[([i], 0, 63, 0, 0) for i in range(3)], restart=4)
    put(corpus, "jpeg-restart", "zero-interval", encode(planes, LAYOUTS["444"]),
        join([*encode(planes, LAYOUTS["444"]).segments[:-2], (DRI, b"\0\0"), *encode(planes, LAYOUTS["444"]).segments[-2:]]))
    plain = encode(planes, LAYOUTS["444"], scans=[([i], 0, 63, 0, 0) for i in range(3)])
    last = jpeg.index(SOS, 2)
    mixed = [*jpeg.segments[:last], (DRI, b"\0\0"), plain.segments[plain.index(SOS, 2)], (EOI,)]
    put(corpus, "jpeg-restart-changed", "444", jpeg, join(mixed))
    tables = encode(planes, LAYOUTS["444"])
    merged = b"".join(s[1] for s in tables.segments if s[0] == DQT)
    rest = tables.without(DQT)
    put(corpus, "jpeg-tables-merged", "dqt", tables, join([*rest[:2], (DQT, merged), *rest[2:]]))
    moved = [s for s in tables.segments if s[0] not in (DHT, DQT)]
    sos = [s[0] for s in moved].index(SOS)
    late = [s for s in tables.segments if s[0] in (DHT, DQT)][::-1]
    put(corpus, "jpeg-tables-after-frame", "444", tables, join(moved[:sos] + late + moved[sos:]))
    for name, renumber in (("table-3", {0: 3, 1: 2}), ("table-swapped", {0: 1, 1: 0})):
        other = encode(planes, LAYOUTS["444"])
        segments = []
        for segment in other.segments:
            if segment[0] == DQT:
                segment = (DQT, bytes([renumber[segment[1][0]]]) + segment[1][1:])
            elif segment[0] == 0xC0:
                body = bytearray(segment[1])
                for i in (8, 11, 14):
                    body[i] = renumber[body[i]]
                segment = (0xC0, bytes(body))
            segments.append(segment)
        put(corpus, "jpeg-quant-table-ids", name, other, join(segments))


def sampling(corpus):
    odd = {
        "jpeg-luma-subsampled": [[(1, 1), (2, 2), (2, 2)], [(1, 1), (2, 1), (2, 1)], [(1, 1), (1, 2), (1, 2)],
                                 [(1, 1), (4, 1), (4, 1)], [(1, 2), (2, 1), (2, 1)], [(1, 1), (2, 2), (1, 1)]],
        "jpeg-420-different-cb-cr": [[(2, 2), (1, 1), (2, 1)], [(2, 2), (2, 1), (1, 2)], [(2, 2), (1, 2), (1, 1)],
                                     [(2, 2), (2, 2), (1, 1)], [(2, 1), (1, 1), (2, 1)], [(4, 1), (2, 1), (1, 1)]],
        "jpeg-sampling-3": [[(3, 1), (1, 1), (1, 1)], [(1, 3), (1, 1), (1, 1)], [(3, 2), (1, 1), (1, 1)]],
        "jpeg-444-high-factors": [[(2, 1)] * 3, [(1, 2)] * 3, [(3, 1)] * 3, [(1, 3)] * 3],
        "jpeg-420-high-factors": [[(4, 1), (2, 1), (2, 1)], [(2, 2), (2, 1), (2, 1)], [(2, 2), (1, 2), (1, 2)]],
        "jpeg-grey-high-factors": [[(2, 2)], [(2, 1)], [(4, 4)], [(3, 1)]],
    }
    for case, choices in odd.items():
        for factors in choices:
            fine = 0.08 if case == "jpeg-luma-subsampled" else 1.0
            for size in ((67, 53), (64, 48)):
                if fine < 1 and (4, 1) in factors:
                    size = (size[0] + 130, size[1])
                for progressive in (False, True):
                    jpeg = encode(planes_for(factors, size, corpus.seed, fine), factors, progressive=progressive)
                    name = "-".join(f"{h}{v}" for h, v in factors) + f"-{sized(size)}" + "-progressive" * progressive
                    put(corpus, case, name, jpeg)
    # libjpeg does not read ratios that are no whole numbers; the twin is made from the coefficients.
    for factors in ([(3, 1), (2, 1), (2, 1)], [(3, 2), (2, 1), (1, 1)], [(1, 1), (3, 1), (2, 1)], [(2, 3), (1, 2), (1, 1)]):
        for size in ((67, 53), (64, 48)):
            fine = 0.08 if factors[0] == (1, 1) else 0.3
            jpeg = encode(planes_for(factors, size, corpus.seed, fine), factors)
            put(corpus, "jpeg-fractional-sampling", "-".join(f"{h}{v}" for h, v in factors) + f"-{sized(size)}", jpeg, decoder=None)


def colour(corpus):
    exif = (APP1, b"Exif\0\0" + exif_block(1))
    three = LAYOUTS["444"]
    for size in ((67, 53), (64, 48)):
        rgb = picture(*size, corpus.seed)
        raw = [rgb[..., i].astype(np.float64) for i in range(3)]
        yuv = ycbcr(rgb)
        label = sized(size)
        for progressive in (False, True):
            name = label + "-progressive" * progressive
            option = {"progressive": progressive}
            put(corpus, "jpeg-rgb-adobe0", name, encode(raw, three, markers=[adobe(0)], **option), colour="rgb")
            put(corpus, "jpeg-rgb-component-ids", name, encode(raw, three, markers=[], ids=b"RGB", **option), colour="rgb")
            put(corpus, "jpeg-jfif-and-adobe0", name, encode(yuv, three, markers=[JFIF, adobe(0)], **option))
            put(corpus, "jpeg-jfif-and-adobe0", f"adobe-first-{name}", encode(yuv, three, markers=[adobe(0), JFIF], **option))
        put(corpus, "jpeg-jfif-and-adobe0", f"420-{label}", encode(yuv, LAYOUTS["420"], markers=[JFIF, adobe(0)]))
        put(corpus, "jpeg-adobe1", label, encode(yuv, three, markers=[adobe(1)]))
        put(corpus, "jpeg-adobe1", f"420-{label}", encode(yuv, LAYOUTS["420"], markers=[adobe(1)]))
        put(corpus, "jpeg-adobe1", f"rgb-ids-{label}", encode(yuv, three, markers=[adobe(1)], ids=b"RGB"))
        put(corpus, "jpeg-adobe0-and-exif", label, encode(raw, three, markers=[exif, adobe(0)]), colour="rgb")
        put(corpus, "jpeg-jfif-and-rgb-ids", label, encode(yuv, three, ids=b"RGB"))
        frame = encode(raw, three, markers=[])
        at = frame.index(0xC0) + 1
        put(corpus, "jpeg-markers-after-frame", f"adobe0-{label}", frame, join([*frame.segments[:at], adobe(0), *frame.segments[at:]]), colour="rgb")
        frame = encode(yuv, three, markers=[adobe(0)])
        put(corpus, "jpeg-markers-after-frame", f"jfif-{label}", frame, join([*frame.segments[:at + 1], JFIF, *frame.segments[at + 1:]]))
        put(corpus, "jpeg-adobe-twice", f"0-1-{label}", encode(yuv, three, markers=[adobe(0), adobe(1)]))
        put(corpus, "jpeg-adobe-twice", f"1-0-{label}", encode(raw, three, markers=[adobe(1), adobe(0)]), colour="rgb")
        put(corpus, "jpeg-jfif-not-first", label, encode(yuv, three, markers=[exif, (COM, b"note"), JFIF, adobe(0)]))
        put(corpus, "jpeg-grey-adobe", label, encode(yuv[:1], [(1, 1)], markers=[adobe(0)]))
        corpus.add("jpeg-jfif-short", label, "jpg", encode(raw, three, markers=[(APP0, b"JFIF\0"), adobe(0)]).bytes(), size=size)
        one = encode(yuv, three, tables=[quantisation(LUMA, 92)])
        put(corpus, "jpeg-quant-table-ids", f"one-table-{label}", one)
        short = (APP14, b"Adobe\0\x64")
        put(corpus, "jpeg-adobe-short", label, encode(yuv, three, markers=[short]))
        put(corpus, "jpeg-adobe-unknown-transform", label, encode(yuv, three, markers=[adobe(2)]))
        for ids in ((1, 2, 3), (0, 1, 2), (1, 34, 35), (200, 100, 50)):
            name = f"ids-{'-'.join(map(str, ids))}-{label}"
            put(corpus, "jpeg-no-markers", name, encode(yuv, three, markers=[], ids=ids))
        put(corpus, "jpeg-no-markers", f"exif-only-{label}", encode(yuv, LAYOUTS["420"], markers=[exif]))
        put(corpus, "jpeg-no-markers", f"grey-id-7-{label}", encode(yuv[:1], [(1, 1)], markers=[], ids=(7,)))
        data = saved(Image.fromarray(rgb), keep_rgb=True, quality=92)
        corpus.add("jpeg-rgb-adobe0", f"pillow-{label}", "jpg", data, pillow(data), None, 3, 0.6)
        corpus.add("jpeg-two-components", label, "jpg", encode(yuv[:2], [(1, 1)] * 2, markers=[]).bytes(), size=size)
        ink = [255.0 - p for p in raw] + [np.minimum(np.minimum(raw[0], raw[1]), raw[2]) * 0.3]
        four = [(1, 1)] * 4
        corpus.add("jpeg-cmyk-no-adobe", label, "jpg", encode(ink, four, markers=[]).bytes(), size=size)
        corpus.add("jpeg-cmyk-no-adobe", f"jfif-{label}", "jpg", encode(ink, four).bytes(), size=size)
        inverted = [255.0 - p for p in ink]
        corpus.add("jpeg-cmyk", label, "jpg", encode(inverted, four, markers=[adobe(0)]).bytes(), size=size)
        corpus.add("jpeg-cmyk", f"progressive-{label}", "jpg", encode(inverted, four, markers=[adobe(0)], progressive=True).bytes(), size=size)
        corpus.add("jpeg-cmyk", f"pillow-{label}", "jpg", saved(Image.fromarray(rgb).convert("CMYK"), quality=92), size=size)
        ycck = ycbcr(rgb) + [inverted[3]]
        corpus.add("jpeg-ycck", label, "jpg", encode(ycck, four, markers=[adobe(2)]).bytes(), size=size)
        corpus.add("jpeg-ycck", f"420-{label}", "jpg", encode(ycck, [(2, 2), (1, 1), (1, 1), (2, 2)], markers=[adobe(2)]).bytes(), size=size)
        corpus.add("jpeg-five-components", label, "jpg", encode(ycck + [yuv[1]], [(1, 1)] * 5, markers=[], ids=(1, 2, 3, 4, 5), scans=[([i], 0, 63, 0, 0) for i in range(5)]).bytes(), size=size)


def markers(corpus):
    size = (67, 53)
    yuv = ycbcr(picture(*size, corpus.seed))
    base = encode(yuv, LAYOUTS["420"])
    segments = base.segments
    thumbnail = encode(ycbcr(picture(24, 16, 5)), LAYOUTS["444"]).bytes()
    for orientation in range(1, 9):
        block = (APP1, b"Exif\0\0" + exif_block(orientation))
        put(corpus, "jpeg-exif-orientation", str(orientation), encode(yuv, LAYOUTS["420"], markers=[block]))
    icc = (APP2, b"ICC_PROFILE\0\1\1" + wide_gamut_profile())
    put(corpus, "jpeg-icc", "swapped", encode(yuv, LAYOUTS["420"], markers=[JFIF, icc]))
    data = saved(Image.fromarray(picture(*size, corpus.seed)), icc_profile=srgb_profile(), quality=92)
    corpus.add("jpeg-icc", "srgb", "jpg", data, pillow(data), None, 6, 1)
    half = wide_gamut_profile()
    pieces = [(APP2, b"ICC_PROFILE\0" + bytes([n + 1, 2]) + half[n * 200:(n + 1) * 200 if n == 0 else None]) for n in range(2)]
    put(corpus, "jpeg-icc", "two-pieces", encode(yuv, LAYOUTS["420"], markers=[JFIF, *pieces]))
    block = (APP1, b"Exif\0\0" + exif_block(1, thumbnail))
    put(corpus, "jpeg-exif-thumbnail", "exif", encode(yuv, LAYOUTS["420"], markers=[JFIF, block]))
    put(corpus, "jpeg-exif-thumbnail", "jfxx", encode(yuv, LAYOUTS["420"], markers=[JFIF, (APP0, b"JFXX\0\x10" + thumbnail)]))
    raw = (APP0, b"JFIF\0\1\1\0\0\1\0\1\2\2" + bytes(range(12)))
    put(corpus, "jpeg-exif-thumbnail", "jfif", encode(yuv, LAYOUTS["420"], markers=[raw]))
    note = (COM, b"a comment with \xff\xd9 and \xff\xda inside")
    put(corpus, "jpeg-comment", "early", encode(yuv, LAYOUTS["420"], markers=[note, JFIF]))
    put(corpus, "jpeg-comment", "before-scan", base, join(segments[:-2] + [note] + segments[-2:]))
    put(corpus, "jpeg-comment", "before-eoi", base, join(segments[:-1] + [note] + segments[-1:]))
    put(corpus, "jpeg-comment", "empty", base, join(segments[:1] + [(COM, b"")] + segments[1:]))
    put(corpus, "jpeg-unknown-app", "all", base, join(segments[:1] + [(0xE0 + n, b"whatever") for n in range(3, 14)] + segments[1:]))
    filled = b"".join((b"\xff" * (3 if s[0] != SOI else 0)) + join([s]) for s in segments)
    put(corpus, "jpeg-fill-bytes", "before-each-marker", base, filled)
    restarted = encode(yuv, LAYOUTS["420"], restart=3)
    body = restarted.bytes()
    for n in range(8):
        body = body.replace(bytes([0xFF, 0xD0 + n]), bytes([0xFF, 0xFF, 0xD0 + n]))
    put(corpus, "jpeg-fill-bytes", "before-restarts", restarted, body)
    whole = base.bytes()
    other = encode(ycbcr(picture(40, 30, 77)), LAYOUTS["444"]).bytes()
    for name, tail in (("zeros", bytes(500)), ("text", b"camera trailer"), ("newline", b"\n"), ("ff", b"\xff" * 9), ("eoi", b"\xff\xd9")):
        put(corpus, "jpeg-trailing-bytes", name, base, whole + tail)
    put(corpus, "jpeg-second-image", "concatenated", base, whole + other)
    put(corpus, "jpeg-second-image", "same-size", base, whole + encode(ycbcr(picture(*size, 99)), LAYOUTS["420"]).bytes())
    multi = io.BytesIO()
    Image.fromarray(picture(*size, corpus.seed)).save(multi, "MPO", save_all=True, append_images=[Image.fromarray(picture(*size, 99))], quality=92)
    corpus.add("jpeg-second-image", "mpf", "jpg", multi.getvalue(), pillow(multi.getvalue()), None, 6, 1)
    without = join(base.without(DHT))
    put(corpus, "jpeg-missing-tables", "avi", base, without)
    put(corpus, "jpeg-missing-tables", "avi-422", encode(yuv, LAYOUTS["422"]), join(encode(yuv, LAYOUTS["422"]).without(DHT)))
    for layout in ("444", "grey", "420"):
        jpeg = encode(yuv[:len(LAYOUTS[layout])], LAYOUTS[layout])
        height = size[1].to_bytes(2, "big")
        frame_at, scan_at = jpeg.index(0xC0), jpeg.index(SOS)
        named = list(jpeg.segments)
        named[frame_at] = (0xC0, named[frame_at][1][:1] + b"\0\0" + named[frame_at][1][3:])
        named.insert(scan_at + 1, (DNL, height))
        put(corpus, "jpeg-dnl", f"height-0-{layout}", jpeg, join(named), decoder=None)
        repeated = list(jpeg.segments)
        repeated.insert(scan_at + 1, (DNL, height))
        put(corpus, "jpeg-dnl", f"repeated-{layout}", jpeg, join(repeated))
    for suffix in ("png", "tif", "jpeg", "JPG"):
        put(corpus, "jpeg-other-extension", suffix.replace("JPG", "upper"), base, extension=suffix)


def other_processes(corpus):
    """Processes beyond Huffman-coded 8-bit DCT."""
    for name, (text, size, worst) in ARITHMETIC.items():
        data = base64.b85decode(text)
        twin = pillow(data)
        if difference(twin, grey_to_rgb(grey_picture(*size, 13)) if "grey" in name else picture(*size, 13))[0] > 40:
            raise AssertionError(f"{name}: the stored sample shows another picture")
        case = "jpeg-arithmetic-progressive" if "progressive" in name else "jpeg-arithmetic"
        corpus.add(case, name, "jpg", data, twin, None, worst, 0.6 if worst == 3 else 1)
    for size in SMALL:
        rgb, label = picture(*size, corpus.seed), sized(size)
        for layout in ("grey", "444", "420"):
            planes = planes_for(LAYOUTS[layout], size, corpus.seed)
            planes = [planes[0] * 4095 / 255] + [(p - 128) * 4095 / 255 + 2048 for p in planes[1:]]
            for progressive in (False, True):
                jpeg = encode(planes, LAYOUTS[layout], precision=12, progressive=progressive, quality=85)
                put(corpus, "jpeg-12bit", f"{layout}-{label}{'-progressive' * progressive}", jpeg, decoder=twelve_bit)
        lossless = {"rgb": imagecodecs.jpeg8_encode(rgb, lossless=True),
                    "predictor-4": imagecodecs.jpeg8_encode(rgb, lossless=True, predictor=4)}
        for name, data in lossless.items():
            corpus.add("jpeg-lossless", f"{name}-{label}", "jpg", data, rgb, check=imagecodecs.jpeg8_decode)
        grey = grey_picture(*size, corpus.seed)
        corpus.add("jpeg-lossless", f"grey-{label}", "jpg", imagecodecs.ljpeg_encode(grey), grey_to_rgb(grey), check=lambda d: grey_to_rgb(imagecodecs.jpegsof3_decode(d)))
        corpus.add("jpeg-ls", f"rgb-{label}", "jpg", imagecodecs.jpegls_encode(rgb), rgb, check=imagecodecs.jpegls_decode)
        for kind in ("jp2", "j2k"):
            data = imagecodecs.jpeg2k_encode(rgb, codecformat=kind, reversible=True, level=0)
            corpus.add("jpeg-2000", f"{kind}-{label}", "jpg", data, rgb, check=[imagecodecs.jpeg2k_decode, pillow])
        corpus.add("jpeg-xl", f"codestream-{label}", "jpg", imagecodecs.jpegxl_encode(rgb, lossless=True), rgb, check=imagecodecs.jpegxl_decode)
        corpus.add("jpeg-xl", f"container-{label}", "jpg", imagecodecs.jpegxl_encode(rgb, lossless=True, usecontainer=True), rgb, check=imagecodecs.jpegxl_decode)
        corpus.add("jpeg-xr", label, "jpg", imagecodecs.jpegxr_encode(rgb), rgb, None, 1, 1, check=imagecodecs.jpegxr_decode)
        base = encode(ycbcr(rgb), LAYOUTS["444"])
        for marker in (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, 0xC3, 0xC9, 0xCA, 0xCB):
            at = base.index(0xC0)
            named = [*base.segments[:at], (marker, base.segments[at][1]), *base.segments[at + 1:]]
            case = "jpeg-hierarchical" if marker & 15 not in (3, 9, 10, 11) else "jpeg-false-process"
            if case == "jpeg-hierarchical":
                named.insert(1, (0xDE, base.segments[at][1]))
            if size == SMALL[0]:
                corpus.add(case, f"sof{marker & 15}", "jpg", join(named), size=size)
    tool(corpus)


def twelve_bit(data):
    return to_8(imagecodecs.jpeg8_decode(data), 4095) if imagecodecs.jpeg8_decode(data).ndim == 3 else grey_to_rgb(to_8(imagecodecs.jpeg8_decode(data), 4095))


def tool(corpus):
    """More variants by libjpeg's own tools, where they are installed."""
    if not (shutil.which("cjpeg") and shutil.which("jpegtran")):
        corpus.skip("cjpeg and jpegtran: not on PATH (Debian package libjpeg-turbo-progs); 30 files fewer")
        return

    def run(*command, data):
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout

    for size in SMALL:
        rgb, label = picture(*size, corpus.seed), sized(size)
        netpbm = b"P6 %d %d 255\n" % size + rgb.tobytes()
        for name, options in {"420": "", "444": "-sample 1x1", "422": "-sample 2x1"}.items():
            worst, mean = allowed(LAYOUTS[name])
            for case, more in {"jpeg-arithmetic": "-arithmetic", "jpeg-arithmetic-progressive": "-arithmetic -progressive",
                               "jpeg-optimised": "-optimize -restart 1"}.items():
                data = run("cjpeg", "-quality", "92", *options.split(), *more.split(), data=netpbm)
                corpus.add(case, f"cjpeg-{name}-{label}", "jpg", data, pillow(data), None, worst, mean)
        plain = encode(ycbcr(rgb), LAYOUTS["420"]).bytes()
        data = run("jpegtran", "-progressive", data=plain)
        corpus.add("jpeg-progressive-420", f"jpegtran-{label}", "jpg", data, pillow(data), None, 6, 1, check=lambda _: pillow(plain))


def exif_block(orientation, thumbnail=b""):
    """A TIFF block with the orientation and, if given, a JPEG thumbnail."""
    head = struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, 0x112, 3, 1, orientation, 26 if thumbnail else 0)
    if not thumbnail:
        return head
    entries = struct.pack("<HHHIIHHIIHHIII", 3, 0x103, 3, 1, 6, 0x201, 4, 1, 68, 0x202, 4, 1, len(thumbnail), 0)
    return head + entries + thumbnail


def srgb_profile():
    """LittleCMS's sRGB without its date, so that each run writes the same bytes."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data[:24] + bytes(12) + data[36:]


def wide_gamut_profile():
    """sRGB with red and green exchanged: a reader that applies it shows plainly other colours."""
    data = bytearray(srgb_profile())
    tags = {bytes(data[132 + 12 * i:136 + 12 * i]): 132 + 12 * i for i in range(int.from_bytes(data[128:132], "big"))}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    data[red + 4:red + 12], data[green + 4:green + 12] = data[green + 4:green + 12], data[red + 4:red + 12]
    return bytes(data)


def add_all(corpus):
    layouts(corpus)
    coding(corpus)
    sampling(corpus)
    colour(corpus)
    markers(corpus)
    other_processes(corpus)
