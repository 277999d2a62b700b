"""Sizes and PSNR of Pillow's JPEG on sheets of Fashion-MNIST.

    python jpeg_peer.py DIR

DIR holds Fashion-MNIST's four IDX files, gzipped. Sheet i is 280x280: test pictures 100*i to
100*i+99, in rows of ten. PSNR is that of the whole sheet, maximum 255. Results go to
jpeg_peer.json beside this file: for each quality, a list of [bytes, psnr], one a sheet.
"""
import gzip, io, json, math, pathlib, sys

import numpy as np
import PIL
from PIL import Image

QUALITIES, SHEETS = (5, 10, 20, 30, 50, 75, 85), 10
OUT = pathlib.Path(__file__).with_suffix(".json")

raw = gzip.open(f"{sys.argv[1]}/t10k-images-idx3-ubyte.gz").read()
pictures = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 10, 10, 28, 28)
result = {"versions": f"Pillow {PIL.__version__}", "qualities": {}}
for quality in QUALITIES:
    rows = []
    for sheet in pictures[:SHEETS].transpose(0, 1, 3, 2, 4).reshape(SHEETS, 280, 280):
        file = io.BytesIO()
        Image.fromarray(sheet).save(file, "JPEG", quality=quality, optimize=True)
        again = np.asarray(Image.open(file)).astype(float)
        rows.append([len(file.getvalue()), round(10 * math.log10(255**2 / np.mean((again - sheet) ** 2)), 3)])
    result["qualities"][quality] = rows
OUT.write_text(json.dumps(result) + "\n")
