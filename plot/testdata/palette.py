"""Finds the ten colours of style.go: python palette.py (numpy; seeded, half a minute).

Maximises the least OKLab distance between any two colours over normal vision and full
protanopia, deuteranopia and tritanopia (simulated by Machado, Oliveira and Fernandes 2009),
and to the white page, by hill climbing, with lightness and chroma held where colours
look pleasant. Prints the least distances beside those of two well-known cycles.
"""
import itertools
import numpy as np

KNOWN = {
    "petroff": "3f90da ffa90e bd1f01 94a4a2 832db6 a96b59 e76300 b9ac70 717581 92dadd",
    "tab10": "1f77b4 ff7f0e 2ca02c d62728 9467bd 8c564b e377c2 7f7f7f bcbd22 17becf",
}
VISION = {
    "normal": np.eye(3),
    "protanopia": [[.152286, 1.052583, -.204868], [.114503, .786281, .099216], [-.003882, -.048116, 1.051998]],
    "deuteranopia": [[.367322, .860646, -.227968], [.280085, .672501, .047413], [-.011820, .042940, .968881]],
    "tritanopia": [[1.255528, -.076749, -.178779], [-.078411, .930809, .147602], [.004733, .691367, .303900]],
}
VISION = {k: np.array(m) for k, m in VISION.items()}
LMS = np.array([[.4122214708, .5363325363, .0514459929], [.2119034982, .6806995451, .1073969566],
                [.0883024619, .2817188376, .6299787005]])
LAB = np.array([[.2104542553, .7936177850, -.0040720468], [1.9779984951, -2.4285922050, .4505937099],
                [.0259040371, .7827717662, -.8086757660]])


def parse(cycle):
    return np.array([[int(c[i:i + 2], 16) / 255 for i in (0, 2, 4)] for c in cycle.split()])


def oklab(srgb, vision):
    linear = np.where(srgb <= .04045, srgb / 12.92, ((srgb + .055) / 1.055) ** 2.4)
    return np.cbrt(np.clip(linear @ vision.T, 0, 1) @ LMS.T) @ LAB.T


def least(srgb):
    """The least distance between two colours under each vision, and to white."""
    out = {}
    for name, m in VISION.items():
        lab = oklab(srgb, m)
        out[name] = min(np.linalg.norm(a - b) for a, b in itertools.combinations(lab, 2))
    out["white"] = np.linalg.norm(oklab(srgb, np.eye(3)) - [1, 0, 0], axis=1).min()
    return out


def score(srgb):
    worst = 9
    for name, m in VISION.items():
        lab = oklab(srgb, m)
        d = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + 9 * np.eye(len(lab))
        worst = min(worst, d.min() * (.75 if name == "normal" else 1))
    lab = oklab(srgb, np.eye(3))
    light, chroma = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    bounds = max((.34 - light).max(), (light - .84).max(), (.05 - chroma).max(), (chroma - .2).max(), 0)
    return worst - 3 * bounds


rng = np.random.default_rng(1)
best = (-9, None)
for start in list(KNOWN.values()) * 2:
    x, step = parse(start), .1
    f = score(x)
    for _ in range(15000):
        y = x.copy()
        i = rng.integers(len(y))
        y[i] = np.clip(y[i] + rng.normal(0, step, 3), 0, 1)
        if (g := score(y)) > f:
            x, f = y, g
        step = max(.008, step * .9997)
    if f > best[0]:
        best = (f, x)
x = np.round(best[1] * 255) / 255
# Blue and orange first, then always the colour farthest, by its worst vision, from those taken.
order = [int(np.argmin(np.linalg.norm(oklab(x, VISION["normal"]) - oklab(parse(c), VISION["normal"]), axis=1)))
         for c in ("3f7fd0", "f08020")]
while len(order) < len(x):
    rest = [i for i in range(len(x)) if i not in order]
    near = lambda i: min(np.linalg.norm(oklab(x, m)[i] - oklab(x, m)[j]) for m in VISION.values() for j in order)
    order.append(max(rest, key=near))
x = x[order]
print(" ".join("%02x%02x%02x" % tuple(int(round(v * 255)) for v in c) for c in x))
for name, c in [("ours", x)] + [(k, parse(v)) for k, v in KNOWN.items()]:
    print(name.ljust(8), {k: round(float(v), 3) for k, v in least(c).items()})
