"""TIFF files with one of several channels or planes in a page, or several of them behind one directory."""

import numpy as np

from corpus import grey_picture, grey_to_rgb, picture
from tiff import by_tifffile, reads
from tiffwriter import ASCII, BLACK_IS_ZERO, DESCRIPTION, LONG, RATIONAL, RGB, page, tiff

SIZE = (67, 53)
NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
UIC1, UIC2, UIC3, IMAGE_DEPTH = 33628, 33629, 33630, 32997


def metamorph(planes, photometric=BLACK_IS_ZERO):
    """One directory and one strip; the other planes follow in the file."""
    count = len(planes)
    made = page(planes[0], 8, photometric, tags={UIC1: (LONG, [0, 0]), UIC2: (RATIONAL, [(0, 1)] * count), UIC3: (RATIONAL, [(500, 1)] * count)})
    made.chunks, made.counts = [b"".join(plane.tobytes() for plane in planes)], [planes[0].nbytes]
    return tiff(made)


def volume(planes, photometric=BLACK_IS_ZERO):
    """One directory with a strip for each plane."""
    made = page(planes[0], 8, photometric, tags={IMAGE_DEPTH: (LONG, [len(planes)])})
    made.chunks = [plane.tobytes() for plane in planes]
    return tiff(made)


def several(corpus):
    rgb = picture(*SIZE, corpus.seed)
    channels = [np.ascontiguousarray(rgb[..., i:i + 1]) for i in range(3)]
    for case, write in (("metamorph", metamorph), ("image-depth", volume)):
        corpus.add(f"tiff-{case}", "channels", "tif", write(channels))
        corpus.add(f"tiff-{case}", "rgb", "tif", write([rgb] * 3, RGB))
        for samples, photometric, name, shown in ((channels[1], BLACK_IS_ZERO, "grey", grey_to_rgb(rgb[..., 1])), (rgb, RGB, "rgb", rgb)):
            corpus.add("tiff-stack-of-one", f"{case}-{name}", "tif", write([samples], photometric), shown, check=reads(samples, shown))


def shapes(corpus):
    """The description of tifffile tells the shape of all that was written, even if the page is smaller."""
    rgb, other = picture(*SIZE, corpus.seed), picture(*SIZE, corpus.seed + 1)
    channels = np.ascontiguousarray(np.moveaxis(rgb, -1, 0))
    deep = np.stack([grey_picture(*SIZE, n).astype(np.uint16) * 257 for n in range(4)])
    for name, array, photometric in (("channels", channels, "minisblack"), ("planes-16", deep, "minisblack"), ("two-images", np.stack([rgb, other]), "rgb")):
        corpus.add("tiff-shaped-truncated", name, "tif", by_tifffile(array, photometric=photometric, truncate=True))
    for name, array, twin, photometric in (("rgb", rgb, rgb, "rgb"), ("grey", rgb[..., 1], grey_to_rgb(rgb[..., 1]), "minisblack"), ("one-of-one", rgb[None], rgb, "rgb")):
        corpus.add("tiff-stack-of-one", f"shaped-{name}", "tif", by_tifffile(array, photometric=photometric), twin, check=reads(array.reshape(*SIZE[::-1], -1), twin))


def ome_xml(channels, planes=1, samples=1, prefix="", quote='"', equals="=", gap=" "):
    """OME-XML as different programs write it."""
    name, space = (f"{prefix}:", f":{prefix}") if prefix else ("", "")
    sizes = {"SizeX": SIZE[0], "SizeY": SIZE[1], "SizeC": channels, "SizeZ": planes, "SizeT": 1}
    attributes = gap.join(f"{key}{equals}{quote}{value}{quote}" for key, value in {"ID": "Pixels:0", "DimensionOrder": "XYCZT", "Type": "uint8", **sizes}.items())
    channel = "".join(f'<{name}Channel ID="Channel:0:{i}" SamplesPerPixel="{samples}"/>' for i in range(channels // samples))
    return f'<?xml version="1.0"?><{name}OME xmlns{space}="{NAMESPACE}"><{name}Image ID="Image:0"><{name}Pixels{gap}{attributes}>{channel}<{name}TiffData/></{name}Pixels></{name}Image></{name}OME>'


def described(samples, photometric, text):
    return tiff(page(samples, 8, photometric, tags={DESCRIPTION: (ASCII, text.encode() + b"\0")}))


FORMS = {"plain": {}, "prefix": {"prefix": "ns0"}, "single-quotes": {"quote": "'"}, "spaces": {"equals": " = "}, "line-breaks": {"gap": "\n  "},
         "all": {"prefix": "ome", "quote": "'", "equals": " =\t", "gap": "\r\n\t"}}


def ome(corpus):
    rgb = picture(*SIZE, corpus.seed)
    grey = rgb[..., 1:2]
    for name, form in FORMS.items():
        corpus.add("tiff-ome-part", f"channel-{name}", "tif", described(grey, BLACK_IS_ZERO, ome_xml(3, **form)))
        corpus.add("tiff-ome-part", f"plane-{name}", "tif", described(rgb, RGB, ome_xml(3, 5, 3, **form)))
        corpus.add("tiff-stack-of-one", f"ome-rgb-{name}", "tif", described(rgb, RGB, ome_xml(3, 1, 3, **form)), rgb, check=reads(rgb, rgb))
        corpus.add("tiff-stack-of-one", f"ome-grey-{name}", "tif", described(grey, BLACK_IS_ZERO, ome_xml(1, **form)), grey_to_rgb(grey[..., 0]), check=reads(grey, grey_to_rgb(grey[..., 0])))
    for prefix, space in (("", ""), ("ome:", ":ome")):
        text = f'<?xml version="1.0"?><{prefix}OME xmlns{space}="{NAMESPACE}" UUID="urn:uuid:1"><{prefix}BinaryOnly MetadataFile="tile.companion.ome" UUID="urn:uuid:2"/></{prefix}OME>'
        corpus.add("tiff-ome-part", f"companion-{prefix.strip(':') or 'plain'}", "tif", described(grey, BLACK_IS_ZERO, text))


def add_all(corpus):
    several(corpus)
    shapes(corpus)
    ome(corpus)
