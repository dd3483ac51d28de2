"""JPEG files that are damaged, incomplete or against the standard."""

from corpus import damages, picture, pillow, text_modes
from jpeg import LAYOUTS, planes_for, put
from jpegwriter import DHT, DNL, DQT, DRI, EOI, JFIF, SOI, SOS, encode, join, progressive_script, ycbcr


def samples(seed):
    """Whole files of several layouts, and the position of their first entropy-coded byte."""
    size = (67, 53)
    every = [([i], 0, 63, 0, 0) for i in range(3)]
    for name, layout, options in (("baseline-420", "420", {}), ("baseline-444", "444", {}), ("grey", "grey", {}),
                                  ("progressive-420", "420", {"progressive": True}),
                                  ("progressive-grey", "grey", {"progressive": True}),
                                  ("noninterleaved", "444", {"scans": every}), ("restart", "420", {"restart": 4}),
                                  ("progressive-restart", "444", {"progressive": True, "restart": 4})):
        jpeg = encode(planes_for(LAYOUTS[layout], size, seed), LAYOUTS[layout], **options)
        yield name, jpeg, len(join(jpeg.segments[:jpeg.index(SOS)])) + 14


def transfers(corpus):
    """What a broken copy or a failing disk leaves."""
    for name, jpeg, start in samples(corpus.seed):
        whole = jpeg.bytes()
        for kind, variant, data in damages(whole, start, corpus.seed):
            corpus.add(f"jpeg-{kind}", f"{name}-{variant}", "jpg", data)
            if kind in ("truncated", "zero-tail") and variant in ("10", "50", "90"):
                data = (data[:-2] if kind == "zero-tail" else data) + b"\xff\xd9"
                corpus.add(f"jpeg-{kind}-with-eoi", f"{name}-{variant}", "jpg", data)
        put(corpus, "jpeg-no-eoi", name, jpeg, whole[:-2], decoder=lambda _, whole=whole: pillow(whole))
        put(corpus, "jpeg-no-eoi", f"half-marker-{name}", jpeg, whole[:-1], decoder=lambda _, whole=whole: pillow(whole))
    name, jpeg, start = next(samples(corpus.seed))
    for at in (1, 2, 3, 10, 20, 60, 120, start - 15, start - 3, start):
        corpus.add("jpeg-truncated", f"header-{at}", "jpg", jpeg.bytes()[:at])
    large = encode(ycbcr(picture(256, 256, corpus.seed)), LAYOUTS["420"], progressive=True)
    for scan in range(1, 10):
        corpus.add("jpeg-truncated", f"between-scans-{scan}", "jpg", join(large.segments[:large.index(SOS, scan)]))


def restarts(corpus):
    for layout in ("420", "444", "grey"):
        jpeg = encode(planes_for(LAYOUTS[layout], (67, 53), corpus.seed), LAYOUTS[layout], restart=4)
        at = jpeg.index(SOS)
        _, head, coded = jpeg.segments[at]

        def put_coded(case, variant, data):
            segments = [*jpeg.segments[:at], (SOS, head, data), *jpeg.segments[at + 1:]]
            corpus.add(case, f"{variant}-{layout}", "jpg", join(segments))

        marks = [i for i in range(len(coded) - 1) if coded[i] == 0xFF and 0xD0 <= coded[i + 1] <= 0xD7]
        first, second = marks[0], marks[1]
        put_coded("jpeg-restart-missing", "one-marker", coded[:first] + coded[first + 2:])
        put_coded("jpeg-restart-missing", "one-interval", coded[:first] + coded[second:])
        put_coded("jpeg-restart-missing", "last-interval", coded[:marks[-1]])
        none = coded
        for n in range(8):
            none = none.replace(bytes([0xFF, 0xD0 + n]), b"")
        put_coded("jpeg-restart-missing", "all-markers", none)
        put_coded("jpeg-restart-out-of-order", "swapped", coded[:first + 1] + b"\xd1" + coded[first + 2:second + 1] + b"\xd0" + coded[second + 2:])
        put_coded("jpeg-restart-out-of-order", "all-rst0", b"".join(bytes([0xD0]) if i - 1 in marks else coded[i:i + 1] for i in range(len(coded))))
        put_coded("jpeg-restart-out-of-order", "twice", coded[:first] + coded[first:first + 2] + coded[first:])
        put_coded("jpeg-restart-unexpected", "middle", coded[:second + 20] + b"\xff\xd5" + coded[second + 20:])
        undeclared = [s for s in jpeg.segments if s[0] != DRI]
        corpus.add("jpeg-restart-unexpected", f"no-dri-{layout}", "jpg", join(undeclared))
        wrong = [(DRI, b"\0\5") if s[0] == DRI else s for s in jpeg.segments]
        corpus.add("jpeg-restart-unexpected", f"wrong-interval-{layout}", "jpg", join(wrong))
        put_coded("jpeg-restart-out-of-order", "wrong-behind-the-last", coded + bytes([0xFF, 0xD0 + (len(marks) + 1) % 8]))
        for name, extra in (("one-byte", b"\x55"), ("many-bytes", bytes(range(1, 200))), ("repeated", coded), ("zeros-and-one", bytes(15) + b"\1")):
            longer = join([*jpeg.segments[:at], (SOS, head, coded + extra), *jpeg.segments[at + 1:]])
            put(corpus, "jpeg-extra-scan-data", f"{name}-{layout}", jpeg, longer)
        put_coded("jpeg-short-scan", "no-data", b"")
        put_coded("jpeg-short-scan", "half", coded[:len(coded) // 2])
        put_coded("jpeg-short-scan", "last-bytes", coded[:-3])
        put_coded("jpeg-marker-in-scan", "app0", coded[:second + 9] + b"\xff\xe0\0\4xx" + coded[second + 9:])
        put_coded("jpeg-marker-in-scan", "eoi", coded[:second + 9] + b"\xff\xd9" + coded[second + 9:])
        put_coded("jpeg-marker-in-scan", "reserved", coded[:second + 9] + b"\xff\x02" + coded[second + 9:])


def endings(corpus):
    """What encoders write behind the last coded unit."""
    for layout in ("420", "444", "grey"):
        planes = planes_for(LAYOUTS[layout], (67, 53), corpus.seed)
        for progressive in (False, True):
            for restart in (0, 4):
                name = layout + "-progressive" * progressive + "-restart" * (restart > 0)
                jpeg = encode(planes, LAYOUTS[layout], progressive=progressive, restart=restart)
                whole = jpeg.bytes()[:-2]
                for count in (1, 2, 4, 16, 64):
                    put(corpus, "jpeg-zeros-before-eoi", f"{count}-{name}", jpeg, whole + bytes(count) + b"\xff\xd9")
                for count in (65, 100, 3000):
                    put(corpus, "jpeg-many-zeros-before-eoi", f"{count}-{name}", jpeg, whole + bytes(count) + b"\xff\xd9")
                if restart:
                    coded = jpeg.segments[-2][2]
                    marks = sum(coded.count(bytes([0xFF, 0xD0 + n])) for n in range(8))
                    put(corpus, "jpeg-restart-behind-the-last", name, jpeg, whole + bytes([0xFF, 0xD0 + marks % 8]) + b"\xff\xd9")


def repeated_tables(corpus):
    """Quantisation tables between the scans of a progressive file."""
    for layout in ("420", "444", "grey"):
        jpeg = encode(planes_for(LAYOUTS[layout], (67, 53), corpus.seed), LAYOUTS[layout], progressive=True)
        tables = [s for s in jpeg.segments if s[0] == DQT]
        other = [(DQT, s[1][:1] + bytes(v + 1 for v in s[1][1:])) for s in tables]
        merged = [(DQT, b"".join(s[1] for s in tables))]
        for case, kinds in (("jpeg-quant-repeated", {"all": tables, "one": tables[:1], "merged": merged}), ("jpeg-quant-changed", {"all": other, "one": other[:1]})):
            for name, extra in kinds.items():
                for nth in (1, 2, 5):
                    at = jpeg.index(SOS, nth)
                    data = join([*jpeg.segments[:at], *extra, *jpeg.segments[at:]])
                    if case == "jpeg-quant-repeated":
                        put(corpus, case, f"{name}-scan-{nth}-{layout}", jpeg, data)
                    else:
                        corpus.add(case, f"{name}-scan-{nth}-{layout}", "jpg", data)


def scans(corpus):
    size = (67, 53)
    for layout in ("444", "420"):
        planes = planes_for(LAYOUTS[layout], size, corpus.seed)
        every = [([i], 0, 63, 0, 0) for i in range(3)]
        for missing in range(3):
            left = every[:missing] + every[missing + 1:]
            corpus.add("jpeg-missing-scan", f"component-{missing}-{layout}", "jpg", encode(planes, LAYOUTS[layout], scans=left).bytes())
        corpus.add("jpeg-missing-scan", f"none-{layout}", "jpg", join(encode(planes, LAYOUTS[layout]).without(SOS)))
        put(corpus, "jpeg-scan-twice", f"luma-{layout}", encode(planes, LAYOUTS[layout], scans=[*every, every[0]]))
        script = progressive_script(3)
        for last in range(1, len(script)):
            data = encode(planes, LAYOUTS[layout], progressive=True, scans=script[:last]).bytes()
            corpus.add("jpeg-progressive-incomplete", f"first-{last}-{layout}", "jpg", data)
        for missing in (0, 1, 2, 3, 4, 5, 6, 9):
            data = encode(planes, LAYOUTS[layout], progressive=True, scans=script[:missing] + script[missing + 1:]).bytes()
            corpus.add("jpeg-progressive-incomplete", f"without-{missing}-{layout}", "jpg", data)
        order = [script[1], script[0], *script[2:]]
        corpus.add("jpeg-progressive-bad-order", f"ac-before-dc-{layout}", "jpg", encode(planes, LAYOUTS[layout], progressive=True, scans=order).bytes())
        order = [*script[:5], script[9], script[5], *script[6:9]]
        corpus.add("jpeg-progressive-bad-order", f"refinement-{layout}", "jpg", encode(planes, LAYOUTS[layout], progressive=True, scans=order).bytes())
        for name, spectral in (("end-64", (1, 64, 0)), ("start-after-end", (9, 5, 0)), ("dc-with-ac", (0, 5, 0)), ("high-14", (0, 0, 0xE)), ("two-ac", None)):
            jpeg = encode(planes, LAYOUTS[layout], progressive=True)
            at = jpeg.index(SOS, 1 if name[0] in "es" else 0)
            _, head, coded = jpeg.segments[at]
            if spectral is None:
                at = jpeg.index(SOS, 1)
                _, head, coded = jpeg.segments[at]
                head = b"\2\1\0\2\0" + head[-3:]
            else:
                head = head[:-3] + bytes(spectral)
            corpus.add("jpeg-progressive-bad-scan", f"{name}-{layout}", "jpg", join([*jpeg.segments[:at], (SOS, head, coded), *jpeg.segments[at + 1:]]))
        jpeg = encode(planes, LAYOUTS[layout])
        at = jpeg.index(SOS)
        _, head, coded = jpeg.segments[at]
        for name, other in (("unknown-component", head.replace(b"\2\x11", b"\x09\x11")), ("same-component", head.replace(b"\2\x11", b"\1\0")),
                            ("no-components", b"\0\0\x3f\0"), ("five-components", b"\5" + head[1:]), ("table-3", head.replace(b"\2\x11", b"\2\x33"))):
            corpus.add("jpeg-bad-scan-header", f"{name}-{layout}", "jpg", join([*jpeg.segments[:at], (SOS, other, coded), *jpeg.segments[at + 1:]]))
        put(corpus, "jpeg-baseline-spectral-ignored", layout, jpeg,
            join([*jpeg.segments[:at], (SOS, head[:-3] + b"\0\0\0", coded), *jpeg.segments[at + 1:]]))


def headers(corpus):
    size = (67, 53)
    for layout in ("444", "420"):
        jpeg = encode(planes_for(LAYOUTS[layout], size, corpus.seed), LAYOUTS[layout])
        segments, frame_at, scan_at = jpeg.segments, jpeg.index(0xC0), jpeg.index(SOS)
        payload = segments[frame_at][1]

        def with_frame(body, marker=0xC0):
            return join([*segments[:frame_at], (marker, bytes(body)), *segments[frame_at + 1:]])

        def changed(position, *values):
            body = bytearray(payload)
            body[position:position + len(values)] = values
            return body

        for name, values in (("height-0", (0, 0)), ("height-65500", (255, 220)), ("height-200", (0, 200))):
            corpus.add("jpeg-bad-dimensions", f"{name}-{layout}", "jpg", with_frame(changed(1, *values)))
        for name, values in (("width-0", (0, 0)), ("width-65500", (255, 220)), ("width-200", (0, 200))):
            corpus.add("jpeg-bad-dimensions", f"{name}-{layout}", "jpg", with_frame(changed(3, *values)))
        corpus.add("jpeg-smaller-dimensions", f"height-8-{layout}", "jpg", with_frame(changed(1, 0, 8)))
        corpus.add("jpeg-smaller-dimensions", f"width-8-{layout}", "jpg", with_frame(changed(3, 0, 8)))
        corpus.add("jpeg-bad-dimensions", f"both-65535-{layout}", "jpg", with_frame(changed(1, 255, 255, 255, 255)))
        for factors in (0x00, 0x01, 0x10, 0x51, 0x15, 0xFF, 0x44):
            corpus.add("jpeg-bad-sampling", f"{factors:02x}-{layout}", "jpg", with_frame(changed(7, factors)))
        for depth in (0, 1, 7, 9, 12, 16):
            corpus.add("jpeg-bad-precision", f"{depth}-{layout}", "jpg", with_frame(changed(0, depth)))
        for count in (0, 1, 2, 4, 255):
            corpus.add("jpeg-bad-component-count", f"{count}-{layout}", "jpg", with_frame(changed(5, count)))
        corpus.add("jpeg-bad-component-count", f"same-ids-{layout}", "jpg", with_frame(changed(9, 1)))
        corpus.add("jpeg-missing-quantisation", f"table-3-{layout}", "jpg", with_frame(changed(8, 3)))
        corpus.add("jpeg-missing-quantisation", f"no-dqt-{layout}", "jpg", join(jpeg.without(DQT)))
        corpus.add("jpeg-missing-quantisation", f"one-dqt-{layout}", "jpg", join([s for s in segments if s[0] != DQT or s[1][0] == 0]))
        zero = [(DQT, s[1][:1] + bytes(64)) if s[0] == DQT else s for s in segments]
        corpus.add("jpeg-bad-quantisation", f"zeros-{layout}", "jpg", join(zero))
        short = [(DQT, s[1][:40]) if s[0] == DQT else s for s in segments]
        corpus.add("jpeg-bad-quantisation", f"short-{layout}", "jpg", join(short))
        wide = [(DQT, b"\x10" + s[1][1:]) if s[0] == DQT else s for s in segments]
        corpus.add("jpeg-bad-quantisation", f"declared-16-bit-{layout}", "jpg", join(wide))
        corpus.add("jpeg-duplicate-sof", f"same-{layout}", "jpg", join([*segments[:frame_at], segments[frame_at], *segments[frame_at:]]))
        corpus.add("jpeg-duplicate-sof", f"other-size-{layout}", "jpg", join([*segments[:frame_at], (0xC0, bytes(changed(1, 0, 20, 0, 20))), *segments[frame_at:]]))
        corpus.add("jpeg-duplicate-sof", f"other-kind-{layout}", "jpg", join([*segments[:frame_at], (0xC2, payload), *segments[frame_at:]]))
        corpus.add("jpeg-sof-after-sos", layout, "jpg", join([*segments[:frame_at], *segments[frame_at + 1:-1], segments[frame_at], (EOI,)]))
        corpus.add("jpeg-sof-after-sos", f"second-{layout}", "jpg", join([*segments[:-1], segments[frame_at], segments[scan_at], (EOI,)]))
        corpus.add("jpeg-missing-sof", layout, "jpg", join(jpeg.without(0xC0)))
        corpus.add("jpeg-false-process", f"baseline-as-sof2-{layout}", "jpg", with_frame(payload, 0xC2))
        progressive = encode(planes_for(LAYOUTS[layout], size, corpus.seed), LAYOUTS[layout], progressive=True)
        at = progressive.index(0xC2)
        corpus.add("jpeg-false-process", f"progressive-as-sof0-{layout}", "jpg", join([*progressive.segments[:at], (0xC0, payload), *progressive.segments[at + 1:]]))
        huffman = segments[jpeg.index(DHT)][1]
        for name, body in (("counts-too-many", huffman[:1] + b"\xff" * 16 + huffman[17:]), ("oversubscribed", b"\0" + bytes([3]) + bytes(15) + b"\0\1\2" + huffman[29:]),
                           ("short", huffman[:20]), ("class-2", b"\x20" + huffman[1:]), ("table-4", b"\4" + huffman[1:]), ("dc-category-200", huffman[:17] + b"\xc8" + huffman[18:]),
                           ("empty", b""), ("no-codes", b"\0" + bytes(16) + huffman[29:])):
            corpus.add("jpeg-bad-huffman", f"{name}-{layout}", "jpg", join([*segments[:-3], (DHT, body), *segments[-2:]]))
        at = len(join(segments[:frame_at]))
        whole = jpeg.bytes()
        for name, length in (("sof-0", 0), ("sof-1", 1), ("sof-short", 9), ("sof-long", 40), ("sof-huge", 65535)):
            corpus.add("jpeg-bad-segment-length", f"{name}-{layout}", "jpg", whole[:at + 2] + length.to_bytes(2, "big") + whole[at + 4:])
        for name, length in (("app0-0", 0), ("app0-1", 1), ("app0-short", 9), ("app0-long", 100), ("app0-huge", 65535)):
            corpus.add("jpeg-bad-segment-length", f"{name}-{layout}", "jpg", whole[:4] + length.to_bytes(2, "big") + whole[6:])
        for name, value in (("wrong", 20), ("zero", 0)):
            corpus.add("jpeg-dnl-conflict", f"{name}-{layout}", "jpg", join([*segments[:scan_at + 1], (DNL, value.to_bytes(2, "big")), (EOI,)]))
        unknown = [*segments[:frame_at], (0xC0, payload[:1] + b"\0\0" + payload[3:]), *segments[frame_at + 1:]]
        corpus.add("jpeg-dnl-conflict", f"height-0-no-dnl-{layout}", "jpg", join(unknown))
        corpus.add("jpeg-junk-before-soi", f"zeros-{layout}", "jpg", bytes(8) + whole)
        corpus.add("jpeg-junk-between-segments", f"text-{layout}", "jpg", whole[:at] + b"junk" + whole[at:])
        for name, data in text_modes(whole):
            corpus.add("jpeg-text-mode", f"{name}-{layout}", "jpg", data)
        double = join([(SOI,), *segments])
        corpus.add("jpeg-double-soi", layout, "jpg", double)
    corpus.add("jpeg-empty-file", "soi", "jpg", b"\xff\xd8")
    corpus.add("jpeg-empty-file", "soi-eoi", "jpg", b"\xff\xd8\xff\xd9")
    corpus.add("jpeg-empty-file", "jfif-eoi", "jpg", join([(SOI,), JFIF, (EOI,)]))
    corpus.add("jpeg-empty-file", "tables-only", "jpg", join(encode(ycbcr(picture(16, 16)), LAYOUTS["444"]).without(SOS, 0xC0)))


def add_all(corpus):
    transfers(corpus)
    restarts(corpus)
    endings(corpus)
    repeated_tables(corpus)
    scans(corpus)
    headers(corpus)
