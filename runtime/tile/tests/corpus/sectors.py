"""WebP and JPEG files of a whole tile in which sectors of a disk are zeros, erased, or a copy of another one."""

from PIL import Image

from corpus import WHOLE, picture
from jpeg import LAYOUTS, planes_for
from jpegwriter import encode
from webp import saved

PLACES = (0.03, 0.1, 0.3, 0.5, 0.7, 0.9)


def places(data, sector):
    """Beginnings of sectors inside of the image data."""
    for share in PLACES:
        at = max(int(len(data) * share) // sector, 1) * sector
        if at + sector < len(data) - 2:
            yield f"{round(share * 100):02}", at


def overwritten(data, at, content):
    return data[:at] + content + data[at + len(content):]


def webp(corpus):
    image = Image.fromarray(picture(*WHOLE, corpus.seed))
    kinds = {"lossless": saved(image, lossless=True), "lossless-fast": saved(image, lossless=True, method=0), "lossy": saved(image, quality=80)}
    for kind, data in kinds.items():
        for place, at in places(data, 512):
            corpus.add("webp-zero-tail", f"tile-{kind}-{place}", "webp", overwritten(data, at, bytes(len(data) - at)))
            corpus.add("webp-ff-sector", f"{kind}-{place}", "webp", overwritten(data, at, b"\xff" * 512))
            corpus.add("webp-duplicated-sector", f"{kind}-{place}", "webp", overwritten(data, at, data[at - 512:at]))
        for sector in (512, 4096):
            for place, at in places(data, sector):
                corpus.add("webp-zero-sector", f"{sector}-{kind}-{place}", "webp", overwritten(data, at, bytes(sector)))


def jpeg(corpus):
    for layout in ("444", "420"):
        data = encode(planes_for(LAYOUTS[layout], WHOLE, corpus.seed), LAYOUTS[layout], quality=75).bytes()
        for place, at in places(data, 512):
            # The headers take up two sectors.
            if at >= 1536:
                corpus.add("jpeg-duplicated-sector", f"{layout}-{place}", "jpg", overwritten(data, at, data[at - 512:at]))


def add_all(corpus):
    webp(corpus)
    jpeg(corpus)
