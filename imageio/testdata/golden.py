"""Makes pictures/* and golden.json, what other programs read in and compute from them.

Pillow 13.0.0, TensorFlow 2.21.0, numpy: python golden.py, in this folder.
"""
import json, os, struct, zlib
import numpy as np
import tensorflow as tf
from PIL import Image, ImageCms

os.makedirs("pictures", exist_ok=True)
rng = np.random.default_rng(7)
H, W = 9, 13
yy, xx = np.mgrid[0:H, 0:W]
smooth = np.stack([20 + 15 * xx, 30 + 20 * yy, 240 - 8 * xx - 10 * yy], -1).clip(0, 255).astype(np.uint8)
grey = smooth[..., 0]
alpha = (255 * (xx + yy) / (H + W - 2)).astype(np.uint8)
icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

files = {}


def keep(name, picture, **options):
    path = "pictures/" + name
    if picture is not None:
        picture.save(path, **options)
    with Image.open(path) as p:
        p.seek(0)
        exif = p.getexif().get(274, 0)
        has_icc = bool(p.info.get("icc_profile"))
        mode = p.mode
        if mode in ("1",):
            p = p.convert("L")
        if mode == "P":
            p = p.convert("RGBA" if "transparency" in p.info else "RGB")
        a = np.asarray(p)
    if a.ndim == 2:
        a = a[..., None]
    files[name] = dict(shape=list(a.shape), orientation=exif, icc=has_icc, pix=a.reshape(-1).tolist())


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png16(name, a):
    """Pillow reads 16-bit colour as 8 bits, so these are written by hand."""
    h, w, c = a.shape
    rows = b"".join(b"\0" + a[y].astype(">u2").tobytes() for y in range(h))
    head = struct.pack(">IIBBBBB", w, h, 16, {1: 0, 2: 4, 3: 2, 4: 6}[c], 0, 0, 0)
    with open("pictures/" + name, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    files[name] = dict(shape=list(a.shape), orientation=0, icc=False, pix=a.reshape(-1).tolist())


exif = Image.Exif()
exif[274] = 6
exif[271] = "maker"
keep("grey.png", Image.fromarray(grey))
keep("grey1.png", Image.fromarray(grey > 100))
keep("greyalpha.png", Image.fromarray(np.stack([grey, alpha], -1)))
keep("rgb.png", Image.fromarray(smooth), icc_profile=icc, exif=exif)
keep("rgba.png", Image.fromarray(np.dstack([smooth, alpha])))
keep("opaque.png", Image.fromarray(np.dstack([smooth, np.full_like(alpha, 255)])))
keep("palette.png", Image.fromarray(smooth).quantize(16))
keep("paletteclear.png", Image.fromarray(smooth).quantize(16), transparency=3)
for c in 1, 2, 3, 4:
    png16("sixteen%d.png" % c, rng.integers(0, 65536, (H, W, c)))
keep("rgb.jpg", Image.fromarray(smooth), quality=95, subsampling=0, icc_profile=icc, exif=exif)
keep("grey.jpg", Image.fromarray(grey), quality=95)
keep("progressive.jpg", Image.fromarray(smooth), quality=95, subsampling=0, progressive=True)
keep("cmyk.jpg", Image.fromarray(smooth).convert("CMYK"))
keep("clear.gif", Image.fromarray(smooth).quantize(16), transparency=3)
keep("rgb.bmp", Image.fromarray(smooth))
keep("grey.bmp", Image.fromarray(grey))
keep("rgb.tif", Image.fromarray(smooth), compression="tiff_lzw", icc_profile=icc, tiffinfo={274: 3})
keep("rgba.tif", Image.fromarray(np.dstack([smooth, alpha])))
keep("grey.tif", Image.fromarray(grey))
keep("grey16.tif", Image.fromarray((grey.astype(np.uint16) * 257 + 3).astype(np.uint16)))
keep("lossy.webp", Image.fromarray(smooth).resize((48, 32)), quality=95, icc_profile=icc, exif=exif)
keep("lossyalpha.webp", Image.fromarray(np.dstack([smooth, 128 + alpha // 2])).resize((48, 32)), quality=95)
keep("lossless.webp", Image.fromarray(smooth), lossless=True)
keep("losslessalpha.webp", Image.fromarray(np.dstack([smooth, alpha])), lossless=True, exact=True)

resizes = []
x = rng.random((7, 11, 2), np.float32)
for size in [(7, 11), (3, 4), (5, 3), (14, 22), (10, 5), (1, 1), (20, 9), (6, 12)]:
    for name in ["nearest", "bilinear", "bicubic", "lanczos3", "area"]:
        for antialias in [False, True]:
            if name in ("nearest", "area") and antialias or name == "lanczos3" and not antialias and size[0] < 7:
                continue
            y = tf.image.resize(x[None], size, method=name, antialias=antialias)[0].numpy()
            resizes.append(dict(filter=name, antialias=antialias, size=size, values=[float("%.8g" % v) for v in y.reshape(-1)]))
luma = np.asarray(Image.fromarray(smooth).convert("L")).reshape(-1).tolist()
json.dump(
    dict(files=files, input=dict(shape=[7, 11, 2], values=[float("%.9g" % v) for v in x.reshape(-1)]), resizes=resizes,
         smooth=smooth.reshape(-1).tolist(), luma=luma),
    open("golden.json", "w"), separators=(",", ":"))
