"""Writes resample.json: one picture resized by Pillow and as MATLAB's imresize does it.

Pillow 13.0.0, numpy: python resample.py, in this folder. MATLAB is not at hand; its
"contributions" (kernel, symmetric borders, antialiasing, the order of the axes and the
rounding of 8-bit pictures after each) are written down again below, from the published
description of imresize.
"""
import json
import numpy as np
from PIL import Image

rng = np.random.default_rng(11)
H, W = 7, 11
pix = rng.integers(0, 256, (H, W, 3)).astype(np.uint8)
# None puts the border of a box exactly on a pixel, where rounding errors decide.
SIZES = [(7, 11), (3, 4), (3, 11), (7, 5), (14, 22), (10, 7), (15, 25), (1, 1), (12, 19), (19, 1), (5, 7), (3, 13), (3, 9), (5, 13)]
cases = []


def keep(program, name, size, whole, real):
    pix = [] if whole is None else whole.astype(int).reshape(-1).tolist()
    cases.append(dict(program=program, filter=name, size=size, pix=pix,
                      real=[float("%.7g" % v) for v in real.reshape(-1)]))


for name in ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos3"]:
    kind = getattr(Image.Resampling, name.replace("lanczos3", "lanczos").upper())
    for h, w in SIZES:
        if name == "nearest" and (W * (2 * np.arange(w) + 1) % (2 * w) == 0).any() or (H * (2 * np.arange(h) + 1) % (2 * h) == 0).any():
            continue  # on the border between two pixels Pillow's sum of steps may fall short
        whole = np.asarray(Image.fromarray(pix).resize((w, h), kind))
        real = np.asarray(Image.fromarray(pix[..., 0].astype(np.float32)).resize((w, h), kind))
        keep("PIL", name, (h, w), whole, real)


def cubic(x):
    x = np.abs(x)
    return np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, np.where(x <= 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0))


def lanczos(n):
    return lambda x: np.where(np.abs(x) < n, np.sinc(x) * np.sinc(x / n), 0)


KERNELS = dict(box=(lambda x: (-0.5 <= x) & (x < 0.5), 1), bilinear=(lambda x: np.maximum(1 - np.abs(x), 0), 2),
               bicubic=(cubic, 4), lanczos2=(lanczos(2), 4), lanczos3=(lanczos(3), 6))


def contributions(length, out, kernel, width):
    scale = out / length
    if scale < 1:
        k, width = (lambda x: scale * kernel(scale * x)), width / scale
    else:
        k = kernel
    x = np.arange(1, out + 1)
    u = x / scale + 0.5 * (1 - 1 / scale)
    left = np.floor(u - width / 2)
    indices = left[:, None] + np.arange(int(np.ceil(width)) + 2)
    weights = k(u[:, None] - indices).astype(float)
    weights /= weights.sum(1, keepdims=True)
    mirror = np.concatenate([np.arange(length), np.arange(length)[::-1]])
    return weights, mirror[(indices.astype(int) - 1) % (2 * length)]


def imresize(a, size, name):
    kernel, width = KERNELS[name]
    scale = [size[i] / a.shape[i] for i in range(2)]
    for axis in np.argsort(scale, kind="stable"):
        if size[axis] == a.shape[axis]:
            continue
        weights, indices = contributions(a.shape[axis], size[axis], kernel, width)
        moved = np.moveaxis(a, axis, 0).astype(float)
        moved = np.einsum("ok,ok...->o...", weights, moved[indices])
        if a.dtype == np.uint8:
            if (abs(moved % 1 - 0.5) < 1e-9).any():
                return None  # a half, which the order of a sum may turn either way
            moved = np.floor(np.clip(moved, 0, 255) + 0.5).astype(np.uint8)
        a = np.moveaxis(moved, 0, axis)
    return a


for name in KERNELS:
    for size in SIZES:
        keep("MATLAB", name, size, imresize(pix, size, name), imresize(pix[..., 0].astype(float), size, name))

text = json.dumps(dict(shape=pix.shape, pix=pix.reshape(-1).tolist(), cases=cases), separators=(",", ":"))
open("resample.json", "w").write(text.replace('{"program"', '\n{"program"') + "\n")
