"""Writes WebP containers (RFC 9649) and lossless VP8L streams with any chosen transform."""

import struct

import numpy as np

PREDICTOR, CROSS_COLOUR, SUBTRACT_GREEN, INDEXED = range(4)


def riff(chunks, length=None, tail=b""):
    """A RIFF file of (four characters, payload) pairs."""
    body = b"WEBP" + b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) if length is None else length) + body + tail


def chunks_of(data):
    """The chunks of a RIFF file."""
    at, out = 12, []
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4:at + 8], "little")
        out.append((data[at:at + 4], data[at + 8:at + 8 + length]))
        at += 8 + length + length % 2
    return out


def extended(size, flags):
    """The VP8X chunk. Flags: 2 animation, 4 XMP, 8 Exif, 16 alpha, 32 ICC."""
    return b"VP8X", struct.pack("<I", flags) + (size[0] - 1).to_bytes(3, "little") + (size[1] - 1).to_bytes(3, "little")


class Bits:
    """Bits, least significant first."""

    def __init__(self):
        self.parts = []

    def put(self, value, count):
        if count:
            self.parts.append(format(int(value), f"0{count}b")[::-1])

    def bytes(self):
        text = "".join(self.parts)
        text += "0" * (-len(text) % 8)
        return int(text[::-1] or "0", 2).to_bytes(len(text) // 8, "little")


def flat_codes(bits):
    """Five prefix codes that give each of the 256 literals 8 bits, and one symbol to distances."""
    for alphabet in (280, 256, 256, 256):
        bits.put(0, 1)
        # Code lengths are written by a code of their own: the symbols 0 and 8 take one bit each.
        order = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8]
        bits.put(len(order) - 4, 4)
        for symbol in order:
            bits.put(1 if symbol in (0, 8) else 0, 3)
        bits.put(0, 1)
        for symbol in range(alphabet):
            bits.put(1 if symbol < 256 else 0, 1)
    bits.put(1, 1)
    bits.put(0, 1)
    bits.put(0, 1)
    bits.put(0, 1)


REVERSED = [int(format(i, "08b")[::-1], 2) for i in range(256)]


def pixels(bits, argb, main):
    """An entropy-coded image of the shape (height, width, 4), in the order A, R, G, B."""
    bits.put(0, 1)
    if main:
        bits.put(0, 1)
    flat_codes(bits)
    for a, r, g, b in argb.reshape(-1, 4).tolist():
        for value in (g, r, b, a):
            bits.put(REVERSED[value], 8)


def vp8l(argb, transforms=(), alpha=False):
    """A VP8L stream. Transforms are (PREDICTOR, mode), (CROSS_COLOUR, three bytes), (SUBTRACT_GREEN,), (INDEXED, table)."""
    bits = Bits()
    bits.put(0x2F, 8)
    height, width = argb.shape[:2]
    bits.put(width - 1, 14)
    bits.put(height - 1, 14)
    bits.put(alpha, 1)
    bits.put(0, 3)
    work = argb.astype(np.int64)
    for kind, *option in transforms:
        bits.put(1, 1)
        bits.put(kind, 2)
        if kind in (PREDICTOR, CROSS_COLOUR):
            shape = -(-work.shape[0] // 8), -(-work.shape[1] // 8)
            bits.put(1, 3)
            field = np.zeros((*shape, 4), np.int64)
            field[..., 0] = 255
            if kind == PREDICTOR:
                modes = np.arange(shape[0] * shape[1]).reshape(shape) % 14 if option[0] == "all" else np.full(shape, option[0])
                field[..., 2] = modes
                work = residuals(work, modes)
            else:
                green_to_red, green_to_blue, red_to_blue = option[0]
                field[..., 3], field[..., 2], field[..., 1] = (v & 255 for v in (green_to_red, green_to_blue, red_to_blue))
                work = cross_colour(work, *option[0])
            pixels(bits, field, False)
        elif kind == SUBTRACT_GREEN:
            work = work.copy()
            work[..., 1] -= work[..., 2]
            work[..., 3] -= work[..., 2]
            work &= 255
        else:
            table = option[0]
            bits.put(len(table) - 1, 8)
            steps = table.astype(np.int64).copy()
            steps[1:] -= table.astype(np.int64)[:-1]
            pixels(bits, (steps & 255)[None], False)
            work = bundled(work, table)
    bits.put(0, 1)
    pixels(bits, work, True)
    return bits.bytes()


def bundled(argb, table):
    """Indices of a palette in the green channel, several to a pixel for small palettes."""
    lookup = {tuple(c): i for i, c in enumerate(table.tolist())}
    index = np.array([[lookup[tuple(p)] for p in row] for row in argb.tolist()])
    count = len(table)
    per = 8 if count <= 2 else 4 if count <= 4 else 2 if count <= 16 else 1
    index = np.pad(index, [(0, 0), (0, -index.shape[1] % per)]).reshape(index.shape[0], -1, per)
    green = (index << (np.arange(per) * (8 // per))).sum(axis=2)
    out = np.zeros((*green.shape, 4), np.int64)
    out[..., 0], out[..., 2] = 255, green
    return out


def signed(values):
    return ((values & 255) ^ 128) - 128


def cross_colour(argb, green_to_red, green_to_blue, red_to_blue):
    out = argb.copy()
    green, red = signed(argb[..., 2]), signed(argb[..., 1])
    out[..., 1] = argb[..., 1] - (green_to_red * green >> 5)
    out[..., 3] = argb[..., 3] - (green_to_blue * green >> 5) - (red_to_blue * red >> 5)
    return out & 255


def residuals(argb, modes):
    """Differences from the 14 predictors of RFC 9649, section 4.1."""
    height, width = argb.shape[:2]
    out = np.zeros_like(argb)
    black = np.array([255, 0, 0, 0])
    rows = argb.tolist()
    for y in range(height):
        for x in range(width):
            if y == 0:
                guess = black if x == 0 else rows[y][x - 1]
            elif x == 0:
                guess = rows[y - 1][x]
            else:
                right = rows[y - 1][x + 1] if x + 1 < width else rows[y][0]
                guess = predict(modes[y // 8, x // 8], rows[y][x - 1], rows[y - 1][x], rows[y - 1][x - 1], right)
            out[y, x] = argb[y, x] - guess
    return out & 255


def predict(mode, left, top, corner, right):
    def mean(a, b):
        return [(p + q) // 2 for p, q in zip(a, b)]

    def clamp(value):
        return min(max(value, 0), 255)

    if mode == 11:
        toward_left = sum(abs(t - c) for t, c in zip(top, corner))
        toward_top = sum(abs(p - c) for p, c in zip(left, corner))
        return left if toward_left < toward_top else top
    if mode == 12:
        return [clamp(p + t - c) for p, t, c in zip(left, top, corner)]
    if mode == 13:
        return [clamp(m + int((m - c) / 2)) for m, c in zip(mean(left, top), corner)]
    return {0: [255, 0, 0, 0], 1: left, 2: top, 3: right, 4: corner, 5: mean(mean(left, right), top), 6: mean(left, corner), 7: mean(left, top),
            8: mean(corner, top), 9: mean(top, right), 10: mean(mean(left, corner), mean(top, right))}[int(mode)]
