"""Writes TIFF and BigTIFF files by struct: any depth, layout, tag type and byte order."""

import struct
import zlib
from dataclasses import dataclass, field

import imagecodecs
import numpy as np

BYTE, ASCII, SHORT, LONG, RATIONAL, SBYTE, UNDEFINED, FLOAT, DOUBLE, IFD, LONG8 = 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 16
FORMATS = {BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I", SBYTE: "b", UNDEFINED: "B", 9: "i", FLOAT: "f", DOUBLE: "d", IFD: "I", LONG8: "Q"}
SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, DESCRIPTION = 254, 256, 257, 258, 259, 262, 266, 270
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS, STRIP_COUNTS, PLANAR = 273, 274, 277, 278, 279, 284
PREDICTOR, COLOUR_MAP, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS = 317, 320, 322, 323, 324, 325
SUBIFDS, EXTRA, FORMAT, JPEG_TABLES, YCBCR_SUBSAMPLING, ICC = 330, 338, 339, 347, 530, 34675
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, INDEXED, MASK, CMYK, YCBCR, CIELAB = 0, 1, 2, 3, 4, 5, 6, 8

ENCODERS = {
    1: bytes, 32773: None, 5: imagecodecs.lzw_encode, 8: zlib.compress, 32946: zlib.compress, 50000: imagecodecs.zstd_encode,
    34925: imagecodecs.lzma_encode,
}


@dataclass
class Page:
    """Tags as {number: (type, values)} and the encoded strips or tiles."""

    tags: dict
    chunks: list
    tiled: bool = False
    sub: list = field(default_factory=list)
    offset_type: int = LONG
    offsets: list = None  # instead of the true ones
    counts: list = None


def sample_bytes(block, bits, order):
    """Bytes of a block of the shape (rows, columns, samples); each row begins on a byte."""
    rows = block.reshape(block.shape[0], -1)
    if bits in (8, 16, 32, 64):
        return np.ascontiguousarray(rows).astype(rows.dtype.newbyteorder(order)).tobytes()
    unsigned = rows.astype(np.uint64)
    planes = (unsigned[..., None] >> np.arange(bits - 1, -1, -1, dtype=np.uint64)) & np.uint64(1)
    return np.packbits(planes.reshape(rows.shape[0], -1).astype(np.uint8), axis=1).tobytes()


def packbits(data, row_bytes):
    return b"".join(imagecodecs.packbits_encode(data[i:i + row_bytes]) for i in range(0, len(data), row_bytes))


def predicted(block, predictor):
    if predictor == 2:
        out = block.copy()
        out[:, 1:] = block[:, 1:] - block[:, :-1]
        return out
    return block


def float_predicted(block, order):
    """Predictor 3: bytes of one row by significance, then differences."""
    kind = block.dtype.newbyteorder(">")
    rows = block.reshape(block.shape[0], -1)
    data = rows.astype(kind).view(np.uint8).reshape(rows.shape[0], rows.shape[1], kind.itemsize)
    data = data.transpose(0, 2, 1).reshape(rows.shape[0], -1).astype(np.int16)
    step = block.shape[2]
    out = data.copy()
    out[:, step:] -= data[:, :-step]
    return (out & 255).astype(np.uint8).tobytes()


def page(samples, bits, photometric, *, compression=1, predictor=1, planar=1, rows=None, tile=None, extra=None, form=None,
         fill=1, order="<", tags=None, encode=None, drop=()):
    """A page of samples of the shape (height, width, channels)."""
    height, width, channels = samples.shape
    values = {WIDTH: (SHORT, [width]), HEIGHT: (SHORT, [height]), BITS: (SHORT, [bits] * channels),
              COMPRESSION: (SHORT, [compression]), PHOTOMETRIC: (SHORT, [photometric]), SAMPLES: (SHORT, [channels])}
    if extra:
        values[EXTRA] = (SHORT, list(extra))
    if planar != 1:
        values[PLANAR] = (SHORT, [planar])
    if form is not None:
        values[FORMAT] = (SHORT, [form] * channels)
    if predictor != 1:
        values[PREDICTOR] = (SHORT, [predictor])
    if fill != 1:
        values[FILL_ORDER] = (SHORT, [fill])
    if tile:
        values[TILE_WIDTH], values[TILE_HEIGHT] = (SHORT, [tile[0]]), (SHORT, [tile[1]])
    else:
        rows = height if rows is None else rows
        values[ROWS] = (SHORT, [rows])
    chunks = []
    for plane in [samples] if planar == 1 else [samples[..., i:i + 1] for i in range(channels)]:
        for block in blocks(plane, rows, tile):
            if encode is not None:
                chunks.append(encode(block))
                continue
            raw = float_predicted(block, order) if predictor == 3 else sample_bytes(predicted(block, predictor), bits, order)
            if compression == 32773:
                data = packbits(raw, -(-block.shape[1] * block.shape[2] * bits // 8))
            else:
                data = ENCODERS[compression](raw)
            chunks.append(imagecodecs.bitorder_encode(bytes(data)) if fill == 2 else bytes(data))
    values.update(tags or {})
    return Page({k: v for k, v in values.items() if k not in drop}, chunks, tile is not None)


def blocks(plane, rows, tile):
    """Strips, or tiles padded by their edge."""
    height, width = plane.shape[:2]
    if not tile:
        return [plane[y:y + rows] for y in range(0, height, rows)]
    wide, high = tile
    padded = np.pad(plane, [(0, -height % high), (0, -width % wide), (0, 0)], mode="edge")
    return [padded[y:y + high, x:x + wide] for y in range(0, height, high) for x in range(0, width, wide)]


class Writer:
    """Collects the bytes of a file and remembers where pointers belong."""

    def __init__(self, order, big, lead):
        self.order, self.big = order, big
        mark = b"II" if order == "<" else b"MM"
        head = struct.pack(order + "HHHQ", 43, 8, 0, 0) if big else struct.pack(order + "HI", 42, 0)
        self.data = bytearray(mark + head + lead)
        self.link = 8 if big else 4

    def pack(self, kind, values):
        if isinstance(values, bytes):
            return values
        if kind == RATIONAL:
            return b"".join(struct.pack(self.order + "II", *v) for v in values)
        return struct.pack(f"{self.order}{len(values)}{FORMATS[kind]}", *values)

    def add(self, page):
        """Writes chunks, then the directory; returns its offset."""
        offsets = []
        for chunk in page.chunks:
            offsets.append(len(self.data))
            self.data += chunk + bytes(len(chunk) % 2)
        tags = dict(page.tags)
        where, length = (TILE_OFFSETS, TILE_COUNTS) if page.tiled else (STRIP_OFFSETS, STRIP_COUNTS)
        if page.chunks or page.offsets is not None:
            tags.setdefault(where, (page.offset_type, page.offsets or offsets))
            tags.setdefault(length, (page.offset_type, page.counts or [len(c) for c in page.chunks]))
        tags = {k: v for k, v in tags.items() if v is not None}
        if page.sub:
            tags[SUBIFDS] = (LONG8 if self.big else IFD, [self.add(s) for s in page.sub])
        entries, room = [], 8 if self.big else 4
        for number, (kind, values) in sorted(tags.items()):
            body = self.pack(kind, values)
            count = len(body) if isinstance(values, bytes) else len(values)
            if len(body) > room:
                at = len(self.data)
                self.data += body + bytes(len(body) % 2)
                body = struct.pack(self.order + ("Q" if self.big else "I"), at)
            entries.append(struct.pack(self.order + ("HHQ" if self.big else "HHI"), number, kind, count) + body.ljust(room, b"\0"))
        at = len(self.data)
        self.data += struct.pack(self.order + ("Q" if self.big else "H"), len(entries)) + b"".join(entries) + bytes(room)
        return at

    def point(self, at):
        struct.pack_into(self.order + ("Q" if self.big else "I"), self.data, self.link, at)


def tiff(pages, order="<", big=False, lead=b"", loop=False):
    """A file of one or several pages. Pages must be encoded in the same byte order."""
    writer = Writer(order, big, lead)
    first = None
    for each in [pages] if isinstance(pages, Page) else pages:
        at = writer.add(each)
        writer.point(at)
        first = at if first is None else first
        writer.link = len(writer.data) - (8 if big else 4)
    if loop:
        writer.point(first)
    return bytes(writer.data)
