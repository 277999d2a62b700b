"""PSNR of bilinear and bicubic enlargement by Pillow, under the protocol of the upscale recipes.

    python upscale_peer.py PHOTOGRAPHS

Every picture of the folder PHOTOGRAPHS/test is halved (bicubic, against aliasing), which is the
original, then shrunk four times bilinearly against aliasing, sizes rounded up, and enlarged to
the original's size. The small picture is not rounded to bytes, as in dataset.Downscale. PSNR is
psnr_rgb: over all three channels, values clipped to 0..1, maximum 1, the mean over the pictures.
Bilinear enlargement is what the recipes call psnr_input.
"""
import json
import pathlib
import sys

import numpy as np
import PIL
from PIL import Image

FACTOR = 4


def resize(picture, width, height, how):
    return [band.resize((width, height), how) for band in picture]


def psnr(picture, original):
    a, b = (np.stack([np.asarray(band, "float64") for band in p]) for p in (picture, original))
    return float(10 * np.log10(1 / np.mean((np.clip(a, 0, 1) - b) ** 2)))


result = {}
for file in sorted((pathlib.Path(sys.argv[1]) / "test").iterdir()):
    picture = Image.open(file).convert("RGB")
    picture = picture.resize((picture.width // 2, picture.height // 2), Image.BICUBIC)
    w, h = picture.size
    original = [Image.fromarray(np.asarray(band, "float32") / 255) for band in picture.split()]
    small = resize(original, -(-w // FACTOR), -(-h // FACTOR), Image.BILINEAR)
    result[file.stem] = {
        "size": [w, h],
        "bilinear": round(psnr(resize(small, w, h, Image.BILINEAR), original), 3),
        "bicubic": round(psnr(resize(small, w, h, Image.BICUBIC), original), 3),
    }
mean = {how: round(float(np.mean([r[how] for r in result.values()])), 3) for how in ("bilinear", "bicubic")}
print(json.dumps({"versions": f"Pillow {PIL.__version__}", "mean": mean, "pictures": result}, indent=1))
