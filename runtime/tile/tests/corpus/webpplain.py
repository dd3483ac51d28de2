"""WebP files of plain pictures: few colours, flat areas and gradients, whose compressed data have long runs of one byte."""

import numpy as np
from PIL import Image, ImageDraw

from corpus import WHOLE, alpha_channel, over_white, picture, pillow, sized
from png import indices, palette_of
from webp import LOSSY, disc, libwebp, saved


def two(mask):
    """Paper and ink."""
    return np.where(mask[..., None], np.array([247, 243, 246]), np.array([96, 38, 130])).astype(np.uint8)


def plain(size, seed):
    """Pictures by name."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    tissue = picture(*size, seed)
    page = Image.new("1", size, 1)
    for row in range(0, height, 12):
        ImageDraw.Draw(page).text((3, row), f"Slide {row} of block B, level 2" * 4, fill=0)
    grey = np.repeat(np.arange(width)[None, :, None] * 255 // width, height, axis=0)
    pictures = {
        "white": np.full((height, width, 3), 255), "black": np.zeros((height, width, 3)), "colour": np.full((height, width, 3), (233, 201, 219)),
        "stripes-across": two(y // 4 % 2 == 0), "stripes-down": two(x // 4 % 2 == 0), "stripes-slanted": two((x + y) // 5 % 2 == 0),
        "checkerboard-1": two((x + y) % 2 == 0), "checkerboard-8": two((x // 8 + y // 8) % 2 == 0), "dots": two((x * 31 + y * 17) % 997 > 0),
        "gradient-across": np.repeat(grey, 3, axis=2), "gradient-down": np.repeat((y * 255 // height)[..., None], 3, axis=2),
        "gradient-colours": np.dstack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)]),
        "text": two(np.asarray(page)), "tissue-and-blank": np.where(x[..., None] > 0.6 * width, 255, tissue),
        "tissue-masked": np.where(disc(size)[..., None] > 0, tissue, 0),
    }
    for count in (2, 4, 16):
        table = palette_of(count, seed)
        pictures[f"palette-{count}"] = table[indices(size, count, seed)]
        pictures[f"palette-{count}-areas"] = table[indices((-(-width // 16), -(-height // 16)), count, seed)].repeat(16, 0).repeat(16, 1)[:height, :width]
    return {name: np.ascontiguousarray(pixels).astype(np.uint8) for name, pixels in pictures.items()}


def lossless(corpus):
    for size, methods, channels in (((67, 53), (0, 6), (disc, gradient)), (WHOLE, (0, 4), (disc,))):
        for name, rgb in plain(size, corpus.seed).items():
            files = [(name, rgb, rgb, 0)]
            for channel in channels:
                alpha = channel(size)
                files.append((f"{name}-{channel.__name__}", np.dstack([rgb, alpha]), over_white(rgb, alpha), 1))
            for label, pixels, shown, worst in files:
                for method in methods:
                    data = saved(Image.fromarray(pixels), lossless=True, method=method)
                    case = "webp-lossless-plain-fast" if method == 0 else "webp-lossless-plain"
                    corpus.add(case, f"{label}-method-{method}-{sized(size)}", "webp", data, shown, None, worst, worst, check=[pillow, libwebp])


def gradient(size):
    return alpha_channel(*size)


def lossy(corpus):
    for name, rgb in plain(WHOLE, corpus.seed).items():
        for quality in (30, 100):
            data = saved(Image.fromarray(rgb), quality=quality)
            corpus.add("webp-lossy-plain", f"{name}-q{quality}", "webp", data, pillow(data), None, check=libwebp, **LOSSY)
        data = saved(Image.fromarray(rgb), quality=100, method=0)
        corpus.add("webp-lossy-plain-fast", name, "webp", data, pillow(data), None, check=libwebp, **LOSSY)


def add_all(corpus):
    lossless(corpus)
    lossy(corpus)
