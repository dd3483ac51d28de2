"""reference.py openslide|tifffile SLIDE OUT < lines of "level x y width height": the RGB of each rectangle, one after the other."""
import sys
import numpy as np

reader, slide, out = sys.argv[1:4]
rectangles = [tuple(map(int, line.split())) for line in sys.stdin if line.strip()]

if reader == "openslide":
    import openslide

    handle = openslide.OpenSlide(slide)

    def read(level, x, y, width, height):
        down = handle.level_downsamples[level]
        region = np.asarray(handle.read_region((round(x * down), round(y * down)), level, (width, height))).astype(np.uint16)
        alpha = region[..., 3:]
        # Pillow's pixels are not premultiplied; slides here have data or none.
        assert set(np.unique(alpha)) <= {0, 255}
        return np.where(alpha == 255, region[..., :3], 255).astype(np.uint8)
else:
    import tifffile

    with tifffile.TiffFile(slide) as tiff:
        pages = [page for page in tiff.pages if page.is_tiled]
        levels = []
        for page in pages:
            data = page.asarray()
            data = np.moveaxis(data, 0, 2) if data.ndim == 3 and data.shape[2] != 3 else data
            data = (data >> 8).astype(np.uint8) if data.dtype == np.uint16 else data
            levels.append(data if data.ndim == 3 else np.repeat(data[..., None], 3, 2))
        levels.sort(key=lambda data: -data.shape[1])

    def read(level, x, y, width, height):
        region = np.full((height, width, 3), 255, np.uint8)
        data = levels[level]
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + width, data.shape[1]), min(y + height, data.shape[0])
        if left < right and top < bottom:
            region[top - y:bottom - y, left - x:right - x] = data[top:bottom, left:right]
        return region

with open(out, "wb") as file:
    for rectangle in rectangles:
        file.write(np.ascontiguousarray(read(*rectangle)).tobytes())
