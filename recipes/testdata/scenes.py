"""The folders of docs/scenes.md: photographs, and cut-outs to lay over them.

    apt-get download lomiri-wallpapers-16.04 mate-backgrounds plasma-workspace-wallpapers tuxpaint-stamps-default
    for d in *.deb; do dpkg -x $d x; done
    python scenes.py x OUT

makes OUT/photographs/train and test, the longer side at most 1280 pixels, and OUT/composites with
its folders background, the same photographs, and cutout: stamps with a clear outline, cropped to
it, at most 256 pixels. All are PNG. Packages of Debian 12, scikit-image 0.26.0, Pillow 13.0.0.
"""
import pathlib
import sys

import skimage.data
from PIL import Image

WALLPAPERS = "BytheWater ColdRipple ColorfulCups DarkestHour EveningGlow FallenLeaf Kite OneStandsOut Path"
DRAWN = {"analogpattern_by_Peter_Nerlich", "umang_by_Abhishek_Mudgal"}  # no photographs
TEST = {
    "ColorfulCups", "Dragonfly_by_Bolly", "Garden", "chelsea", "coffee", "friends_by_Aitzol_Berasategi",
    "picosdeeuropa_by_Aitzol_Berasategi",
}


def shrunk(picture, most):
    k = most / max(picture.size)
    return picture if k >= 1 else picture.resize([max(1, round(n * k)) for n in picture.size], Image.LANCZOS)


def photographs(share):
    for file in [*share.glob("backgrounds/*.jpg"), *share.glob("backgrounds/mate/nature/*.jpg")]:
        if file.stem not in DRAWN:
            yield file.stem, Image.open(file)
    for name in WALLPAPERS.split():
        yield name, Image.open(share / f"wallpapers/{name}/contents/images/2560x1600.jpg")
    for name in "astronaut chelsea coffee rocket".split():
        yield name, Image.fromarray(getattr(skimage.data, name)())


def cutouts(stamps):
    for kind in "animals clothes food hobbies household plants sports vehicles".split():
        for file in sorted((stamps / kind).rglob("*.png")):
            picture = Image.open(file)
            if picture.mode not in ("RGBA", "LA", "P"):
                continue
            picture = picture.convert("RGBA")
            alpha = picture.getchannel("A")
            counts, pixels = alpha.histogram(), picture.width * picture.height
            solid, clear = sum(counts[250:]) / pixels, sum(counts[:6]) / pixels
            if solid >= .15 and clear >= .05 and solid + clear >= .85 and max(picture.size) >= 100:
                yield f"{kind}-{file.relative_to(stamps / kind)}".replace("/", "-"), picture.crop(alpha.getbbox())


share, out = pathlib.Path(sys.argv[1]) / "usr/share", pathlib.Path(sys.argv[2])
for folder in ("photographs/train", "photographs/test", "composites/cutout"):
    (out / folder).mkdir(parents=True, exist_ok=True)
for name, picture in photographs(share):
    part = "test" if name in TEST else "train"
    shrunk(picture.convert("RGB"), 1280).save(out / f"photographs/{part}/{name}.png")
(out / "composites/background").symlink_to("../photographs")
for name, picture in cutouts(share / "tuxpaint/stamps"):
    shrunk(picture, 256).save(out / f"composites/cutout/{name}")
