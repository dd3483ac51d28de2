"""Files of other formats under a tile's name, and tiles under another tile's name."""

import base64
import io
import struct
import zlib

import imagecodecs
import numpy as np
from PIL import Image

from corpus import alpha_channel, grey_picture, picture, pillow
from pngwriter import RGB, png

SIZE = (64, 48)
TILE_NAMES = ("png", "jpg", "tif", "bmp", "webp")


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def foreign(corpus):
    rgb = picture(*SIZE, corpus.seed)
    image = Image.fromarray(rgb)
    clear = image.copy()
    clear.putalpha(Image.fromarray(alpha_channel(*SIZE)))
    frames = [Image.fromarray(picture(*SIZE, n)) for n in range(2)]
    box = struct.pack(">I4s4sI8s", 24, b"ftyp", b"heic", 0, b"mif1heic")
    files = {
        "gif": saved(image, "GIF"), "gif-animated": saved(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "avif": imagecodecs.avif_encode(rgb), "avif-header": struct.pack(">I4s4sI8s", 24, b"ftyp", b"avif", 0, b"mif1avif"), "heic-header": box + bytes(200),
        "psd": b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, SIZE[1], SIZE[0], 8, 3) + bytes(12) + b"\0\0" + rgb.transpose(2, 0, 1).tobytes(),
        "dicom": bytes(128) + b"DICM" + b"\2\0\0\0UL\4\0" + bytes(400), "netpbm": b"P6 64 48 255\n" + rgb.tobytes(), "netpbm-grey": b"P5 64 48 255\n" + rgb[..., 1].tobytes(),
        "netpbm-text": b"P3 1 1 255\n1 2 3\n", "pam": b"P7\nWIDTH 64\nHEIGHT 48\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + rgb.tobytes(),
        "ico": saved(clear.resize((32, 32)), "ICO"), "ico-bmp": saved(clear.resize((32, 32)), "ICO", bitmap_format="bmp"), "cur": b"\0\0\2\0" + saved(clear.resize((16, 16)), "ICO")[4:],
        "tga": saved(image, "TGA"), "pcx": saved(image, "PCX"), "sgi": saved(image, "SGI"), "xbm": saved(image.convert("1"), "XBM"), "dds": saved(image, "DDS"), "qoi": imagecodecs.qoi_encode(rgb),
        "hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 48 +X 64\n" + bytes(SIZE[0] * SIZE[1] * 4), "exr": b"\x76\x2f\x31\x01\2\0\0\0" + bytes(300), "farbfeld": b"farbfeld" + struct.pack(">II", *SIZE) + bytes(SIZE[0] * SIZE[1] * 8),
        "pdf": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n", "eps": saved(image, "EPS"), "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"><rect width="9" height="9"/></svg>',
        "text": b"This is no image.\n", "html": b"<!doctype html><html><body>404 Not Found</body></html>", "json": b'{"error": "not found"}', "xml": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        "git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n", "empty": b"", "one-zero": b"\0", "zeros": bytes(5000), "ff": b"\xff" * 5000,
        "noise": corpus.rng("noise").bytes(5000), "zip": b"PK\3\4" + bytes(300), "gzip-of-png": gzipped(png(rgb, 8, RGB)), "zlib-of-png": zlib.compress(png(rgb, 8, RGB)), "base64-of-png": base64.b64encode(png(rgb, 8, RGB)),
        "npy": npy(rgb), "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(500), "elf": b"\x7fELF" + bytes(300), "resource-fork": b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(60), "desktop-ini": b"[.ShellClassInfo]\r\n", "mp4": struct.pack(">I4s4sI8s", 24, b"ftyp", b"isom", 0, b"isommp41"),
        "wav": b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + bytes(28), "avi": b"RIFF" + struct.pack("<I", 36) + b"AVI LIST" + bytes(28), "jpeg-2000-jp2": imagecodecs.jpeg2k_encode(picture(*SIZE, 3), codecformat="jp2"),
        "jpeg-xl": imagecodecs.jpegxl_encode(picture(*SIZE, 3)), "jpeg-ls": imagecodecs.jpegls_encode(grey_picture(*SIZE, 1)), "bpg": b"BPG\xfb" + bytes(200), "flif": b"FLIF" + bytes(200), "mng": b"\x8aMNG\r\n\x1a\n" + bytes(100),
        "emf": b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(100), "wmf": b"\xd7\xcd\xc6\x9a" + bytes(100), "utf8-mark-png": b"\xef\xbb\xbf" + png(rgb, 8, RGB), "newline-png": b"\n" + png(rgb, 8, RGB),
    }
    for number, (name, data) in enumerate(files.items()):
        extension = TILE_NAMES[number % len(TILE_NAMES)]
        case = "other-empty" if not data else "other-format"
        corpus.add(case, name, extension, data)
    for extension in TILE_NAMES:
        corpus.add("other-empty", f"named-{extension}", extension, b"")


def gzipped(data):
    coder = zlib.compressobj(9, zlib.DEFLATED, 31)
    return coder.compress(data) + coder.flush()


def npy(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def misnamed(corpus):
    """The content decides, not the name."""
    rgb = picture(*SIZE, corpus.seed)
    image = Image.fromarray(rgb)
    made = {"png": saved(image, "PNG"), "jpg": saved(image, "JPEG", quality=92, subsampling=0), "tif": saved(image, "TIFF"), "bmp": saved(image, "BMP"), "webp": saved(image, "WEBP", lossless=True)}
    for kind, data in made.items():
        for extension in (*TILE_NAMES, "jpeg", "tiff", "PNG", "TIF"):
            if extension.lower() != kind:
                worst, mean = (3, 0.6) if kind == "jpg" else (0, 0)
                label = f"{kind}-as-{extension}" + "-upper" * extension.isupper()
                corpus.add("other-extension", label, extension, data, pillow(data), None, worst, mean)


def add_all(corpus):
    foreign(corpus)
    misnamed(corpus)
