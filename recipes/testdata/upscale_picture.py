"""A crop of an enlarged photograph, one way of enlarging it beside the other.

    python upscale_picture.py PHOTOGRAPH LEFT TOP OUT HOURGLASS NAME=MODEL...

The photograph is halved, shrunk four times and enlarged as upscale_peer.py says, but the small
picture is rounded to bytes, as a file is; each MODEL enlarges it by `HOURGLASS upscale`. What is
shown is SIDE pixels from LEFT, TOP of the halved photograph, ZOOM times as large.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image, ImageDraw

SIDE, ZOOM, FACTOR = 120, 2, 4
photograph, left, top, out, hourglass = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
original = Image.open(photograph).convert("RGB")
original = original.resize((original.width // 2, original.height // 2), Image.BICUBIC)
original = original.crop((0, 0, original.width // FACTOR * FACTOR, original.height // FACTOR * FACTOR))
small = original.resize((original.width // FACTOR, original.height // FACTOR), Image.BILINEAR)
panels = [("bilinear", small.resize(original.size, Image.BILINEAR)), ("bicubic", small.resize(original.size, Image.BICUBIC))]
with tempfile.TemporaryDirectory() as folder:
    file, result = (pathlib.Path(folder) / n for n in ("small.png", "large.png"))
    small.save(file)
    for choice in sys.argv[6:]:
        name, model = choice.split("=", 1)
        subprocess.run([hourglass, "upscale", "--quiet", file, "-o", result, "--model", model], check=True)
        panels.append((name, Image.open(result).convert("RGB")))
panels.append(("original", original))

rows = -(-len(panels) // 3)
sheet = Image.new("RGB", (3 * (SIDE * ZOOM + 8), rows * (SIDE * ZOOM + 24)), "white")
for i, (name, picture) in enumerate(panels):
    error = np.mean((np.asarray(picture, "float64") - np.asarray(original, "float64")) ** 2) / 255**2
    label = name if error == 0 else f"{name} {-10 * np.log10(error):.2f} dB"
    x, y = i % 3 * (SIDE * ZOOM + 8), i // 3 * (SIDE * ZOOM + 24)
    ImageDraw.Draw(sheet).text((x + 4, y + 4), label, fill="black", font_size=14)
    crop = picture.crop((left, top, left + SIDE, top + SIDE))
    sheet.paste(crop.resize((SIDE * ZOOM, SIDE * ZOOM), Image.NEAREST), (x + 4, y + 22))
sheet.save(out, optimize=True)
