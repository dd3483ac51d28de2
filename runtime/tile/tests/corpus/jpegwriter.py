"""Writes JPEG files of any layout that ITU-T T.81 allows: sampling, scans, progression, restarts, precision.

A file is a list of segments, so that a case can drop, repeat or change one. `reconstruct` returns the picture of the
same coefficients without any JPEG decoder.
"""

from dataclasses import dataclass, field

import numpy as np
from jpegentropy import pack, scan_tokens, tables_for

SOI, EOI, SOS, DQT, DHT, DRI, DNL, COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xDC, 0xFE
APP0, APP1, APP2, APP14 = 0xE0, 0xE1, 0xE2, 0xEE
JFIF = (APP0, b"JFIF\0\1\1\0\0\1\0\1\0\0")


def adobe(transform):
    """The Adobe marker: 0 is RGB or CMYK, 1 YCbCr, 2 YCCK."""
    return (APP14, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))


ZIGZAG = np.array(sorted(range(64), key=lambda i: (i // 8 + i % 8, (i // 8 if (i // 8 + i % 8) % 2 else i % 8))))

# ITU-T T.81, tables K.1 and K.2, in rows.
LUMA = [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29,
        51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121,
        120, 101, 72, 92, 95, 98, 112, 100, 103, 99]
CHROMA = [17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99,
          99, 99, 99, 99, 99] + [99] * 32

# ITU-T T.81, tables K.3 to K.6: counts for each length, then symbols.
AC_LUMA = ("00020103030204030505040400 00017d", """01020300041105122131410613516107227114328191a1082342b1c11552d1f0
2433627282090a161718191a25262728292a3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a838485
868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9
eaf1f2f3f4f5f6f7f8f9fa""")
AC_CHROMA = ("0002010204040304070504040001 0277", """0001020311040521310612415107617113223281081442 91a1b1c109233352f0
156272d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758595a636465666768696a737475767778797a82
838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7
e8e9eaf2f3f4f5f6f7f8f9fa""")
DC_LUMA = ("00010501010101010100000000000000", "000102030405060708090a0b")
DC_CHROMA = ("00030101010101010101010000000000", "000102030405060708090a0b")
STANDARD = {}
for (kind, number), (counts, symbols) in {(0, 0): DC_LUMA, (0, 1): DC_CHROMA, (1, 0): AC_LUMA, (1, 1): AC_CHROMA}.items():
    STANDARD[kind, number] = list(bytes.fromhex(counts)), list(bytes.fromhex(symbols.replace("\n", "")))


def quantisation(base, quality):
    """A table at a quality of 1 to 100, as libjpeg scales it; in rows."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return ((np.array(base) * scale + 50) // 100).clip(1, 255)


def ycbcr(rgb):
    """Full-range BT.601 planes."""
    r, g, b = (rgb[..., i].astype(np.float64) for i in range(3))
    return [0.299 * r + 0.587 * g + 0.114 * b, -0.168735892 * r - 0.331264108 * g + 0.5 * b + 128,
            0.5 * r - 0.418687589 * g - 0.081312411 * b + 128]


def rgb_of(planes):
    """The inverse of `ycbcr`, rounded."""
    y, cb, cr = planes[0], planes[1] - 128.0, planes[2] - 128.0
    rgb = np.stack([y + 1.402 * cr, y - 0.344136286 * cb - 0.714136286 * cr, y + 1.772 * cb], axis=2)
    return rgb.round().clip(0, 255).astype(np.uint8)


@dataclass
class Component:
    """One component of the frame and its coefficients."""

    id: int
    h: int
    v: int
    table: int
    width: int = 0
    height: int = 0
    quant: np.ndarray = None
    blocks: np.ndarray = None  # rows, columns, 64 in zigzag order
    huffman: int = 0


@dataclass
class Jpeg:
    """Segments in file order: (marker, payload) or (SOS, header, entropy-coded data)."""

    segments: list
    components: list
    width: int
    height: int
    precision: int = 8
    extra: dict = field(default_factory=dict)

    def bytes(self):
        return join(self.segments)

    def index(self, marker, nth=0):
        return [i for i, s in enumerate(self.segments) if s[0] == marker][nth]

    def without(self, *markers):
        return [s for s in self.segments if s[0] not in markers]


def join(segments):
    """The bytes of a list of segments."""
    out = bytearray()
    for marker, *parts in segments:
        out += bytes([0xFF, marker])
        if marker not in (SOI, EOI):
            out += (len(parts[0]) + 2).to_bytes(2, "big") + parts[0]
        if len(parts) > 1:
            out += parts[1]
    return bytes(out)


DCT = np.array([[np.sqrt((1 if u == 0 else 2) / 8) * np.cos((2 * x + 1) * u * np.pi / 16) for x in range(8)]
                for u in range(8)])


def shrink(plane, axis, keep, of):
    """Averages `of` samples to `keep` along one axis."""
    if keep == of:
        return plane
    plane = np.repeat(plane, keep, axis=axis)
    missing = -plane.shape[axis] % of
    pad = [(0, 0), (0, 0)]
    pad[axis] = (0, missing)
    plane = np.pad(plane, pad, mode="edge")
    shape = list(plane.shape)
    shape[axis:axis + 1] = [shape[axis] // of, of]
    return plane.reshape(shape).mean(axis=axis + 1)


def frame(planes, sampling, ids, tables, precision):
    """Components with quantised coefficients, padded to whole MCUs."""
    height, width = planes[0].shape
    h_max, v_max = max(s[0] for s in sampling), max(s[1] for s in sampling)
    columns, rows = -(-width // (8 * h_max)), -(-height // (8 * v_max))
    components = []
    for number, (plane, (h, v)) in enumerate(zip(planes, sampling)):
        plane = shrink(shrink(plane, 1, h, h_max), 0, v, v_max)
        wide, high = -(-width * h // h_max), -(-height * v // v_max)
        plane = plane[:high, :wide]
        component = Component(ids[number], h, v, min(number, 1) if len(tables) > 1 else 0, wide, high)
        component.quant = np.asarray(tables[component.table])
        plane = np.pad(plane, [(0, rows * v * 8 - high), (0, columns * h * 8 - wide)], mode="edge")
        blocks = plane.reshape(rows * v, 8, columns * h, 8).transpose(0, 2, 1, 3) - (1 << (precision - 1))
        coefficients = np.einsum("ua,rcab,wb->rcuw", DCT, blocks, DCT).reshape(rows * v, columns * h, 64)
        component.blocks = (coefficients / component.quant).round().astype(np.int64)[..., ZIGZAG]
        components.append(component)
    return components


def planes_of(jpeg, triangle):
    """Full-size sample planes from the coefficients, chroma enlarged by a box or a triangle filter."""
    h_max, v_max = max(c.h for c in jpeg.components), max(c.v for c in jpeg.components)
    planes = []
    for c in jpeg.components:
        flat = np.zeros_like(c.blocks)
        flat[..., ZIGZAG] = c.blocks
        rows, columns = flat.shape[:2]
        freq = (flat * c.quant).reshape(rows, columns, 8, 8)
        samples = np.einsum("ua,rcuw,wb->rcab", DCT, freq, DCT).transpose(0, 2, 1, 3).reshape(rows * 8, columns * 8)
        samples = (samples + (1 << (jpeg.precision - 1))).round().clip(0, (1 << jpeg.precision) - 1)
        samples = samples[:c.height, :c.width]
        for axis, size, part, whole in ((0, jpeg.height, c.v, v_max), (1, jpeg.width, c.h, h_max)):
            length = samples.shape[axis]
            if triangle and part != whole:
                at = ((np.arange(size) + 0.5) * part / whole - 0.5).clip(0, length - 1)
                low = np.floor(at).astype(int)
                weight = np.expand_dims(at - low, 1 - axis)
                upper = np.take(samples, np.minimum(low + 1, length - 1), axis)
                samples = np.take(samples, low, axis) * (1 - weight) + upper * weight
            else:
                samples = np.take(samples, np.minimum(np.arange(size) * part // whole, length - 1), axis)
        planes.append(samples)
    return planes


def reconstruct(jpeg, colour="ycbcr", triangle=True):
    """The RGB picture of the coefficients."""
    planes = planes_of(jpeg, triangle)
    if jpeg.precision > 8:
        maximum, middle = (1 << jpeg.precision) - 1, 1 << (jpeg.precision - 1)
        planes = [planes[0] * 255 / maximum] + [(p - middle) * 255 / maximum + 128 for p in planes[1:]]
    if len(planes) == 1:
        planes = planes * 3
        colour = "rgb"
    if colour == "ycbcr":
        return rgb_of(planes)
    return np.stack(planes, axis=2).round().clip(0, 255).astype(np.uint8)


def quant_segments(tables, wide=False):
    """One DQT segment for each table, with 8 or 16 bits for each entry."""
    for number, table in enumerate(tables):
        values = np.asarray(table)[ZIGZAG]
        body = values.astype(">u2").tobytes() if wide else values.astype(np.uint8).tobytes()
        yield DQT, bytes([wide << 4 | number]) + body


def huffman_segment(tables):
    """All tables in one DHT segment."""
    body = b"".join(bytes([kind << 4 | number, *counts, *symbols])
                    for (kind, number), (counts, symbols) in sorted(tables.items()))
    return DHT, body


def frame_payload(components, width, height, precision):
    """The payload of an SOF segment."""
    head = bytes([precision]) + height.to_bytes(2, "big") + width.to_bytes(2, "big") + bytes([len(components)])
    return head + b"".join(bytes([c.id, c.h << 4 | c.v, c.table]) for c in components)


def progressive_script(count):
    """The scans that libjpeg writes: spectral selection and successive approximation."""
    every = list(range(count))
    if count != 3:
        first = [(every, 0, 0, 0, 1)] + [([i], 1, 5, 0, 2) for i in every] + [([i], 6, 63, 0, 2) for i in every]
        return [*first, *[([i], 1, 63, 2, 1) for i in every], (every, 0, 0, 1, 0), *[([i], 1, 63, 1, 0) for i in every]]
    return [(every, 0, 0, 0, 1), ([0], 1, 5, 0, 2), ([2], 1, 63, 0, 1), ([1], 1, 63, 0, 1), ([0], 6, 63, 0, 2),
            ([0], 1, 63, 2, 1), (every, 0, 0, 1, 0), ([2], 1, 63, 1, 0), ([1], 1, 63, 1, 0), ([0], 1, 63, 1, 0)]


def encode(planes, sampling, *, ids=(1, 2, 3, 4), quality=92, markers=(JFIF,), progressive=False, scans=None, restart=0,
           optimal=False, sof=None, precision=8, tables=None, wide=False):
    """A JPEG file of sample planes. `scans` holds (component indices, first, last, high bit, low bit)."""
    height, width = planes[0].shape
    if tables is None:
        tables = [quantisation(LUMA, quality), quantisation(CHROMA, quality)][:min(2, len(planes))]
        if precision > 8:
            tables = [t * 8 for t in tables]
            wide = True
    components = frame(planes, sampling, ids, tables, precision)
    for number, component in enumerate(components):
        component.huffman = min(number, 1)
    optimal = optimal or progressive or precision > 8
    if scans is None:
        scans = progressive_script(len(planes)) if progressive else [(list(range(len(planes))), 0, 63, 0, 0)]
    marker = sof if sof is not None else 0xC2 if progressive else 0xC1 if precision > 8 else 0xC0
    segments = [(SOI,), *markers, *quant_segments(tables, wide),
                (marker, frame_payload(components, width, height, precision))]
    if not optimal:
        used = {c.huffman for c in components}
        segments.append(huffman_segment({k: t for k, t in STANDARD.items() if k[1] in used}))
    if restart:
        segments.append((DRI, restart.to_bytes(2, "big")))
    for indices, start, end, high, low in scans:
        tokens = scan_tokens(components, indices, (start, end, high, low, progressive), restart)
        used = tables_for(tokens) if optimal else STANDARD
        if optimal and used:
            segments.append(huffman_segment(used))
        head = bytes([len(indices)])
        for i in indices:
            c = components[i]
            dc = 0 if progressive and (start or high) else c.huffman
            ac = 0 if progressive and start == 0 else c.huffman
            head += bytes([c.id, dc << 4 | ac])
        segments.append((SOS, head + bytes([start, end, high << 4 | low]), pack(tokens, used)))
    segments.append((EOI,))
    return Jpeg(segments, components, width, height, precision)
