"""Writes losses_keras.json beside this script: losses and their gradients as Keras and
TensorFlow compute them, in single precision. A test of package nn compares itself with it.

Made with Keras 3.15.1 on TensorFlow 2.21 (CPU):
    KERAS_BACKEND=tensorflow python3 losses_keras.py

The file is as those of losses_torch.py, with "tolerance" added. Keras adds its epsilon, 1e-7, to the
divisors of Dice and Tversky, and TensorFlow computes structural similarity in single precision.
"""

import json
import pathlib

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(1987)
cases = []
SINGLE = 1e-5


def short(x):
    """Values that are exact in single precision and short to write."""
    return (np.round(np.asarray(x) * 64) / 64).astype("float32")


def uniform(lo, hi, *shape):
    return short(rng.uniform(lo, hi, size=shape))


def labels(classes, *shape):
    return rng.integers(0, classes, size=shape).astype("float32")


def distribution(*shape):
    x = rng.integers(1, 9, size=shape).astype("float32")
    x[..., -1] = 0
    x[..., -1] = 64 - x.sum(-1)
    return x / 64


def dump(value):
    value = np.asarray(value, dtype="float64")
    return {"shape": list(value.shape), "data": [float(f"{v:.8g}") for v in value.ravel()]}


def add(name, kind, config, inputs, function, tolerance=SINGLE, constants=()):
    variables = {k: tf.Variable(v) for k, v in inputs.items()}
    with tf.GradientTape() as tape:
        output = function(**variables)
        cotangent = uniform(-1, 1, *output.shape)
        total = tf.reduce_sum(output * cotangent)
    grads = tape.gradient(total, {k: v for k, v in variables.items() if k not in constants})
    values = dict(inputs, output=output, cotangent=cotangent) | {"grad_" + k: tf.convert_to_tensor(g) for k, g in grads.items()}
    cases.append({"name": name, "type": kind, "config": config, "tolerance": tolerance, "inputs": list(inputs),
                  "tensors": {k: dump(v) for k, v in values.items()}})


def mean(x):
    return tf.reduce_mean(tf.reshape(x, (x.shape[0], -1)), 1)


hot = lambda target, classes: tf.one_hot(tf.cast(tf.squeeze(target, -1), "int32"), classes)
shape = (3, 4, 3, 5)
for smoothing in [0.0, 0.125]:
    add(f"categorical cross-entropy/logits/{smoothing}", "categorical_cross_entropy", {"Logits": True, "LabelSmoothing": smoothing},
        {"prediction": uniform(-4, 4, *shape), "target": distribution(*shape)},
        lambda prediction, target: mean(keras.losses.categorical_crossentropy(target, prediction, True, smoothing)), constants={"target"})
    add(f"categorical focal/logits/{smoothing}", "categorical_focal",
        {"Logits": True, "LabelSmoothing": smoothing, "ClassWeights": [0.25] * 5, "Gamma": 2},
        {"prediction": uniform(-4, 4, *shape), "target": distribution(*shape)},
        lambda prediction, target: mean(keras.losses.categorical_focal_crossentropy(
            target, prediction, 0.25, 2.0, True, smoothing)), constants={"target"})
add("sparse categorical cross-entropy/logits", "categorical_cross_entropy", {"Logits": True, "Sparse": True},
    {"prediction": uniform(-4, 4, *shape), "target": labels(5, *shape[:-1], 1)},
    lambda prediction, target: mean(keras.losses.sparse_categorical_crossentropy(target, prediction, True)), constants={"target"})
add("sparse categorical cross-entropy/ignored", "categorical_cross_entropy", {"Logits": True, "Sparse": True, "Ignore": [2], "PerSample": True},
    {"prediction": uniform(-4, 4, *shape), "target": labels(5, *shape[:-1], 1)},
    lambda prediction, target: tf.stack([keras.losses.SparseCategoricalCrossentropy(True, ignore_class=2)(t, p)
                                         for t, p in zip(tf.unstack(target), tf.unstack(prediction))]), constants={"target"})
for balanced in [False, True]:
    add(f"binary focal/balanced={balanced}", "binary_focal", {"Gamma": 1.5, "Alpha": 0.25 if balanced else 0, "Logits": True},
        {"prediction": uniform(-4, 4, *shape), "target": uniform(0, 1, *shape)},
        lambda prediction, target: mean(keras.losses.binary_focal_crossentropy(target, prediction, balanced, 0.25, 1.5, True)),
        constants={"target"})
for seed in range(2):
    truth = np.eye(5, dtype="float32")[rng.integers(0, 5, size=(3, 6, 5))]
    truth[:, 0, :5] = np.eye(5)  # every class is in every truth
    pair = {"prediction": distribution(3, 6, 5, 5), "target": truth}
    add(f"Dice/{seed}", "dice_loss", {}, pair,
        lambda prediction, target: tf.reduce_mean(keras.losses.dice(target, prediction, axis=(1, 2)), 1), constants={"target"})
    # Keras calls what is true and not predicted a false positive: its alpha is our Beta.
    add(f"Tversky/{seed}", "tversky_loss", {"Alpha": 0.75, "Beta": 0.25}, pair,
        lambda prediction, target: tf.reduce_mean(keras.losses.tversky(target, prediction, 0.25, 0.75, axis=(1, 2)), 1), constants={"target"})


def pictures(*shape):
    target = uniform(0.1, 1, *shape)
    return {"prediction": short(0.75 * target + uniform(0, 0.25, *shape)), "target": target}


for name, shape in [("colour", (2, 13, 12, 3)), ("grey", (2, 11, 15, 1))]:
    add(f"SSIM/{name}", "ssim_loss", {}, pictures(*shape),
        lambda prediction, target: 1 - tf.image.ssim(prediction, target, 1.0), 1e-4)
powers = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
add("MS-SSIM/5 scales", "ms_ssim_loss", {"Window": 3, "Sigma": 0.75}, pictures(1, 34, 35, 1),
    lambda prediction, target: 1 - tf.image.ssim_multiscale(prediction, target, 1.0, powers, 3, 0.75), 1e-4)
add("MS-SSIM/2 scales", "ms_ssim_loss", {"Weights": [0.25, 0.75]}, pictures(1, 23, 21, 2),
    lambda prediction, target: 1 - tf.image.ssim_multiscale(prediction, target, 1.0, [0.25, 0.75]), 1e-4)

# tf.image.total_variation sums over both axes; for one, ours is that over the pairs.
for name, shape, pairs in [("row", (3, 1, 9, 2), 16), ("column", (3, 7, 1, 3), 18)]:
    distinct = (rng.permutation(np.prod(shape)).reshape(shape) / 64).astype("float32")
    add(f"total variation/{name}", "total_variation", {}, {"prediction": distinct},
        lambda prediction: tf.image.total_variation(prediction) / pairs)


def score_loss(goal):
    real = goal != "fake"
    label = tf.ones_like if real else tf.zeros_like
    return lambda score: mean(keras.ops.binary_crossentropy(label(score), score, True))


for goal in ["real", "fake", "fool"]:
    add(f"adversarial BCE/{goal}", "adversarial_bce", {"Goal": goal}, {"score": uniform(-4, 4, 3, 4, 2, 1)}, score_loss(goal))
# Keras's hinge takes labels of -1 and 1.
for goal, label in [("real", 1), ("fake", -1)]:
    add(f"adversarial hinge/{goal}", "adversarial_hinge", {"Goal": goal}, {"score": uniform(-3, 3, 3, 4, 2, 1) + 1 / 128},
        lambda score: mean(keras.losses.hinge(label * tf.ones_like(score), score)))

path = pathlib.Path(__file__).with_name("losses_keras.json")
path.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(len(cases), "cases,", path.stat().st_size, "bytes, Keras", keras.__version__, "TensorFlow", tf.__version__)
