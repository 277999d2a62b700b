"""The recipe membrane-unet in Keras: the same network, loss, optimiser and schedule, patches of
the same slices with the same kinds of augmentation.

    python membrane_peer.py DATA MODEL OUT [--seed N] [--threads N]
    python membrane_peer.py DATA MODEL --measure STEPS [--threads N] [--xla]

DATA holds the folders image and label; MODEL is a model file of the recipe, whose header says
what to train: its recipe, its tensors. The weights are written to OUT under that header, so that
`hourglass eval OUT` judges both by the same code on the same five slices. Weights begin as Keras
has them begin, not as the model's. With --measure nothing is written but the seconds of a step
on patches made beforehand, the median, and the process's peak memory, as JSON.

Made with Keras 3.15.1, TensorFlow 2.21.0, SciPy 1.17.1.
"""
import argparse
import json
import os
import pathlib
import resource
import struct
import time

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""
parser = argparse.ArgumentParser()
parser.add_argument("data", type=pathlib.Path)
parser.add_argument("model", type=pathlib.Path)
parser.add_argument("out", type=pathlib.Path, nargs="?")
parser.add_argument("--measure", type=int, default=0)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--xla", action="store_true")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from PIL import Image
from scipy import ndimage

# The slices that the recipe's seed holds out.
TEST = {"5", "6", "9", "12", "16"}
PATCH, PER_SLICE, WIDTH, DEPTH, BATCH, EPOCHS, RATE = 128, 8, 16, 4, 8, 40, 1e-3
ROTATE, ELASTIC, GRID = 15, 10, 3


def conv(name, filters, x):
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(name=name + "_norm")(x)
    return layers.ReLU()(x)


def unet():
    x = picture = keras.Input((PATCH, PATCH, 1))
    skips = []
    for level in range(1, DEPTH + 1):
        for i in (1, 2):
            x = conv(f"down{level}_conv{i}", WIDTH << level - 1, x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    for i in (1, 2):
        x = conv(f"bottom_conv{i}", WIDTH << DEPTH, x)
    for level in range(DEPTH, 0, -1):
        filters = WIDTH << level - 1
        x = layers.Conv2DTranspose(filters, 2, 2, name=f"up{level}_enlarge")(x)
        x = layers.Concatenate()([skips.pop(), x])
        for i in (1, 2):
            x = conv(f"up{level}_conv{i}", filters, x)
    return keras.Model(picture, layers.Conv2D(1, 1, activation="sigmoid", name="head")(x))


def slices():
    """Pictures and labels of the training slices, from 0 to 1."""
    names = sorted(p.name for p in (args.data / "image").iterdir() if p.stem not in TEST)
    read = lambda part, name: np.asarray(Image.open(args.data / part / name), "float32") / 255
    return [(read("image", n), read("label", n)) for n in names]


def keys(t):
    """Keys's cubic, a = -1/2: the weights of four points around a place t behind the second."""
    return np.stack([-t**3 / 2 + t**2 - t / 2, 3 * t**3 / 2 - 5 * t**2 / 2 + 1, -3 * t**3 / 2 + 2 * t**2 + t / 2, t**3 / 2 - t**2 / 2])


def spread():
    """The weight of each grid point at each pixel along an axis, [PATCH, GRID]."""
    g = np.arange(PATCH) / (PATCH - 1) * (GRID - 1)
    first, weights = np.floor(g).astype(int), np.zeros((PATCH, GRID))
    for i, w in enumerate(keys(g - first)):
        np.add.at(weights, (np.arange(PATCH), np.clip(first + i - 1, 0, GRID - 1)), w)
    return weights


SPREAD = spread()


def patch(rng, picture, label):
    """A patch, turned, flipped and deformed as dataset.Augmentation says."""
    middle = (PATCH - 1) / 2
    place = np.stack(np.meshgrid(np.arange(PATCH), np.arange(PATCH), indexing="ij")) - middle
    place = place + np.stack([SPREAD @ rng.normal(0, ELASTIC, (GRID, GRID)) @ SPREAD.T for _ in range(2)])
    if rng.random() < .5:
        place[1] = -place[1]
    angle = np.radians(90 * rng.integers(4) + rng.uniform(-ROTATE, ROTATE))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corner = [rng.integers(n - PATCH + 1) for n in picture.shape]
    place = np.tensordot(turn, place, 1) + middle + np.reshape(corner, (2, 1, 1))
    return (ndimage.map_coordinates(picture, place, order=1, mode="mirror"),
            ndimage.map_coordinates(label, place, order=0, mode="mirror"))


def batches(rng, data):
    """The batches of an epoch: PER_SLICE patches of each slice, in random order."""
    order = rng.permutation(np.repeat(np.arange(len(data)), PER_SLICE))
    for start in range(0, len(order), BATCH):
        made = [patch(rng, *data[i]) for i in order[start:start + BATCH]]
        yield [np.stack(part)[..., None].astype("float32") for part in zip(*made)]


def write(model):
    """Writes the weights under the header of the recipe's model file."""
    raw = args.model.read_bytes()
    length = 8 + struct.unpack("<Q", raw[:8])[0]
    header, body = json.loads(raw[8:length]), bytearray(len(raw) - length)
    values = {f"{layer.name}/{v.name}": v.numpy() for layer in model.layers for v in layer.weights}
    del header["__metadata__"]
    if set(header) != set(values):
        raise SystemExit(f"the tensors differ: {sorted(set(header) ^ set(values))}")
    for name, entry in header.items():
        if list(values[name].shape) != entry["shape"]:
            raise SystemExit(f"{name} is {values[name].shape}, the model file has {entry['shape']}")
        start, end = entry["data_offsets"]
        body[start:end] = values[name].astype("<f4").tobytes()
    args.out.write_bytes(raw[:length] + body)


tf.config.threading.set_intra_op_parallelism_threads(args.threads)
tf.config.threading.set_inter_op_parallelism_threads(1)
keras.utils.set_random_seed(args.seed)
rng = np.random.default_rng(args.seed)
data = slices()
model = unet()
steps = len(data) * PER_SLICE // BATCH
rate = keras.optimizers.schedules.CosineDecay(RATE, EPOCHS * steps)
model.compile(keras.optimizers.Adam(rate), loss="binary_crossentropy", jit_compile=args.xla)
if args.measure:
    ready, seconds = list(batches(rng, data)), []
    for i in range(3 + args.measure):
        x, y = ready[i % len(ready)]
        start = time.perf_counter()
        model.train_on_batch(x, y)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"program": f"Keras {keras.__version__}, TensorFlow {tf.__version__}, XLA {args.xla}",
                      "seconds": round(float(np.median(seconds[3:])), 4),
                      "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}))
    raise SystemExit
for epoch in range(EPOCHS):
    model.reset_metrics()
    for x, y in batches(rng, data):
        loss = model.train_on_batch(x, y)
    print(f"epoch {epoch + 1}: loss {float(loss):.4f}", flush=True)
write(model)
