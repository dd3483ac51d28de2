"""The collection that the format modules add files to, and the pictures that the files hold.

Guarantees that every twin which a second decoder can read was compared with that decoder. The expectation for a case
(decoded or refused) is left to the tests in Rust.
"""

import csv
import io
import pathlib
import warnings
import zlib
from collections import Counter

import numpy as np
from PIL import Image

Image.MAX_IMAGE_PIXELS = None
warnings.simplefilter("ignore")

SMALL = [(67, 53), (64, 48), (33, 40)]
SIZES = [*SMALL, (16, 16), (1, 1), (8, 200)]
WHOLE = (256, 256)


class Corpus:
    """Files, twins and the rows of the index."""

    def __init__(self, out, seed):
        self.out = pathlib.Path(out)
        self.seed = seed
        self.rows = []
        self.skipped = []

    def clear(self):
        """Makes the folders and removes old files."""
        for folder in ("files", "twins"):
            (self.out / folder).mkdir(parents=True, exist_ok=True)
            for old in (self.out / folder).iterdir():
                old.unlink()

    def add(self, case, variant, extension, data, twin=None, size=None, max_abs=0, mean_abs=0, check=()):
        """Writes one file. `check` lists decoders that must agree with the twin within the tolerance."""
        name = f"{case}--{variant}" if variant else case
        file = f"{name}.{extension}"
        (self.out / "files" / file).write_bytes(data)
        if twin is None:
            width, height = size or ("", "")
            self.rows.append([name, file, case, width, height, "", ""])
            return
        if twin.dtype != np.uint8 or twin.ndim != 3 or twin.shape[2] != 3:
            raise ValueError(f"{name}: the twin is {twin.dtype} {twin.shape}")
        for decode in [check] if callable(check) else check:
            compare(name, decode, data, twin, max_abs, mean_abs)
        (self.out / "twins" / f"{name}.rgb").write_bytes(np.ascontiguousarray(twin).tobytes())
        height, width = twin.shape[:2]
        self.rows.append([name, file, case, width, height, int(max_abs), float(mean_abs)])

    def skip(self, what):
        """Reports a variant that cannot be made on this machine."""
        self.skipped.append(what)

    def rng(self, name):
        """A generator of random numbers for one file, independent of all other files."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])

    def finish(self):
        """Writes the index and prints the number of files of each case."""
        repeated = [name for name, count in Counter(row[0] for row in self.rows).items() if count > 1]
        if repeated:
            raise ValueError(f"names used twice: {repeated}")
        with open(self.out / "index.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["name", "file", "case", "width", "height", "max_abs", "mean_abs"])
            writer.writerows(self.rows)
        for case, count in sorted(Counter(row[2] for row in self.rows).items()):
            print(f"{count:5} {case}")
        for what in self.skipped:
            print(f"skipped: {what}")
        twins = sum(row[5] != "" for row in self.rows)
        cases = len({row[2] for row in self.rows})
        print(f"{len(self.rows)} files, {twins} twins, {cases} cases")


def compare(name, decode, data, twin, max_abs, mean_abs):
    """Fails where a decoder shows another picture than the twin."""
    label = getattr(decode, "__name__", repr(decode))
    try:
        seen = decode(data)
    except Exception as error:
        raise AssertionError(f"{name}: {label} cannot read it: {error}") from error
    if seen.shape != twin.shape:
        raise AssertionError(f"{name}: {label} shows {seen.shape}, the twin is {twin.shape}")
    worst, mean = difference(seen, twin)
    if worst > max_abs or mean > mean_abs:
        raise AssertionError(f"{name}: {label} differs by {worst}, {mean:.3f} in the mean")


def difference(a, b):
    """Largest and mean difference in levels."""
    delta = np.abs(a.astype(np.int32) - b.astype(np.int32))
    return int(delta.max()), float(delta.mean())


def pillow(data):
    """RGB rows by Pillow, alpha over white."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
            pixels = np.asarray(image.convert("RGBA"))
            return over_white(pixels[..., :3], pixels[..., 3])
        if image.mode.startswith("I;16"):
            return grey_to_rgb(to_8(np.asarray(image).astype(np.uint16)))
        return np.asarray(image.convert("RGB"))


def to_8(values, maximum=65535):
    """Rounds samples of `0..=maximum` to 8 bits."""
    values = values.astype(np.uint64)
    if maximum > 1 << 32:
        values, maximum = values >> np.uint64(32), maximum >> 32
    return ((values * 510 + maximum) // (2 * maximum)).astype(np.uint8)


def over_white(rgb, alpha):
    """Straight alpha over white."""
    value, a = rgb.astype(np.int32), alpha.astype(np.int32)[..., None]
    return ((value * a + 255 * (255 - a) + 127) // 255).astype(np.uint8)


def premultiplied_over_white(rgb, alpha):
    """Associated alpha over white."""
    value = rgb.astype(np.int32) + 255 - alpha.astype(np.int32)[..., None]
    return value.clip(0, 255).astype(np.uint8)


def grey_to_rgb(grey):
    """Replicates one channel."""
    return np.repeat(grey[..., None], 3, axis=2)


def picture(width, height, seed=0, fine=1.0):
    """Tissue-like RGB: slow changes of colour, fine structure of brightness, no symmetry in any direction."""
    rng = np.random.default_rng([seed, width, height])
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    u, v = (x + 0.5) / width, (y + 0.5) / height
    phase = rng.uniform(0, 1)
    luma = 158 - 62 * u + 30 * v * v - 18 * u * v + 9 * fine * np.sin(0.9 * x + 0.35 * y + 6 * phase)
    luma -= 34 * np.exp(-(((u - 0.7) / 0.12) ** 2 + ((v - 0.25) / 0.1) ** 2))
    luma += fine * rng.uniform(-7, 7, size=luma.shape)
    span = min(1.0, width / 40), min(1.0, height / 40)
    cb = 11 + 16 * span[0] * (u - 0.3) - 9 * span[1] * v
    cr = 22 - 12 * span[0] * u + 13 * span[1] * (v - 0.4) + 4 * phase
    rgb = np.stack([luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb], axis=2)
    return rgb.round().clip(0, 255).astype(np.uint8)


def picture_16(width, height, seed=0):
    """The picture with 16 significant bits."""
    rng = np.random.default_rng([seed, width, height, 16])
    base = picture(width, height, seed).astype(np.int64) * 257
    return (base + rng.integers(-128, 129, size=base.shape)).clip(0, 65535).astype(np.uint16)


def grey_picture(width, height, seed=0):
    """Brightness alone."""
    return picture(width, height, seed)[..., 1]


def grey_picture_16(width, height, seed=0):
    """Brightness alone, with 16 significant bits."""
    return picture_16(width, height, seed)[..., 1]


def alpha_channel(width, height):
    """Opaque at the left, transparent in the lower right corner, all values in between."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    slope = 1.2 - 0.9 * (x + 0.5) / width - 0.6 * (y + 0.5) / height
    return (255 * slope).round().clip(0, 255).astype(np.uint8)


def sized(size):
    """A size as it appears in file names."""
    return f"{size[0]}x{size[1]}"


def damages(data, start, seed, cuts=(0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)):
    """Ways in which transfers damage a file from byte `start` on: (case suffix, variant, bytes)."""
    rng = np.random.default_rng(seed)
    length = len(data)
    at = [start + round((length - start) * cut) for cut in cuts]
    for cut, position in zip(cuts, at):
        label = f"{round(cut * 100):02}"
        yield "truncated", label, data[:position]
        yield "zero-tail", label, data[:position] + bytes(length - position)
        yield "ff-tail", label, data[:position] + b"\xff" * (length - position)
    for cut, position in list(zip(cuts, at))[1:-1]:
        hole = min(max(16, (length - start) // 10), length - position - 4)
        if hole > 0:
            yield "zero-hole", f"{round(cut * 100):02}", data[:position] + bytes(hole) + data[position + hole:]
    for number in range(6):
        position = int(rng.integers(start, length - 2))
        bit = 1 << int(rng.integers(0, 8))
        yield "flipped-bits", f"{number}", data[:position] + bytes([data[position] ^ bit]) + data[position + 1:]


def text_modes(data):
    """Transfers in text mode that change the bytes."""
    changed = {"crlf": data.replace(b"\n", b"\r\n"), "lf": data.replace(b"\r", b"\n"),
               "7-bit": bytes(b & 127 for b in data), "utf8": data.decode("latin-1").encode("utf-8")}
    return [(name, other) for name, other in changed.items() if other != data]
