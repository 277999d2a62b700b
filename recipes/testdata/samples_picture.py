"""What several models make of the same test pictures, out of the samples.png of their runs.

    python samples_picture.py OUT NAME=RUN...

The rows "picture" and "classes" are the first run's, then comes each run's "predicted".
"""
import pathlib
import sys

from PIL import Image, ImageDraw

MARGIN, GAP, COLUMNS = 22, 4, 5  # of a grid of package plot: pixels around it and between pictures; pictures in a row
LABELS = 70  # pixels in front
runs = [choice.split("=", 1) for choice in sys.argv[2:]]
samples = [(name, Image.open(pathlib.Path(run) / "samples.png").convert("RGB")) for name, run in runs]
first = samples[0][1]
height = (first.height - 2 * MARGIN - 2 * GAP) // 3
start = first.width - MARGIN - COLUMNS * (height + GAP)


def row(picture, i):
    y = MARGIN + i * (height + GAP)
    return picture.crop((start, y, picture.width - MARGIN, y + height))


rows = [("picture", row(first, 0)), ("classes", row(first, 1))] + [(name, row(picture, 2)) for name, picture in samples]
sheet = Image.new("RGB", (LABELS + rows[0][1].width, len(rows) * (height + GAP)), "white")
for i, (name, picture) in enumerate(rows):
    y = i * (height + GAP)
    ImageDraw.Draw(sheet).text((4, y + height // 2 - 8), name, fill="black", font_size=14)
    sheet.paste(picture, (LABELS, y))
sheet.save(sys.argv[1], optimize=True)
