"""Writes PNG files chunk by chunk (ISO/IEC 15948), so that each part can be wrong."""

import struct
import zlib

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, body=b"", crc=None):
    crc = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


def header(size, depth, colour, interlace=0, compression=0, filtering=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, compression, filtering, interlace))


def packed_rows(samples, depth):
    """Rows of bytes from samples of the shape (height, width, channels)."""
    rows = samples.reshape(samples.shape[0], -1)
    if depth == 16:
        return rows.astype(">u2").view(np.uint8)
    if depth == 8:
        return rows.astype(np.uint8)
    bits = ((rows[..., None] >> np.arange(depth - 1, -1, -1)) & 1).reshape(rows.shape[0], -1)
    return np.packbits(bits.astype(np.uint8), axis=1)


def filtered(rows, step, kind):
    """Rows with their filter byte; `kind` is 0..=4, or "mixed" for all in turn."""
    out = bytearray()
    above = np.zeros(rows.shape[1], dtype=np.int32)
    for number, row in enumerate(rows.astype(np.int32)):
        which = number % 5 if kind == "mixed" else kind
        left = np.concatenate([np.zeros(step, np.int32), row])[:len(row)]
        corner = np.concatenate([np.zeros(step, np.int32), above])[:len(row)]
        guess = left + above - corner
        pa, pb, pc = abs(guess - left), abs(guess - above), abs(guess - corner)
        paeth = np.where((pa <= pb) & (pa <= pc), left, np.where(pb <= pc, above, corner))
        prediction = [np.zeros_like(row), left, above, (left + above) // 2, paeth][which]
        out.append(which)
        out += ((row - prediction) & 255).astype(np.uint8).tobytes()
        above = row
    return bytes(out)


def image_data(samples, depth, adam7=False, kind="mixed"):
    """The bytes that IDAT compresses."""
    step = max(1, samples.shape[2] * depth // 8)
    if not adam7:
        return filtered(packed_rows(samples, depth), step, kind)
    passes = (samples[y::dy, x::dx] for x, y, dx, dy in ADAM7)
    return b"".join(filtered(packed_rows(part, depth), step, kind) for part in passes if part.size)


def png(samples, depth, colour, *, adam7=False, kind="mixed", before=b"", after=b"", pieces=1, data=None, head=None):
    """A PNG file. `before` holds chunks ahead of IDAT, `after` chunks behind it."""
    size = samples.shape[1], samples.shape[0]
    raw = zlib.compress(image_data(samples, depth, adam7, kind)) if data is None else data
    step = -(-len(raw) // pieces) or 1
    parts = b"".join(chunk(b"IDAT", raw[i:i + step]) for i in range(0, len(raw), step))
    head = header(size, depth, colour, int(adam7)) if head is None else head
    return SIGNATURE + head + before + parts + after + chunk(b"IEND")


def chunks_of(data):
    """(kind, start, end) of each chunk."""
    at = 8
    while at < len(data):
        length = int.from_bytes(data[at:at + 4], "big")
        yield data[at + 4:at + 8], at, at + 12 + length
        at += 12 + length
