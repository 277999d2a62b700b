"""Writes keras_golden.json beside this script: what Keras's optimisers, schedules and
callbacks do with fixed gradients. The Go tests compare themselves with it.

Made with Keras 3.15.1 on TensorFlow 2.21 (CPU):
    KERAS_BACKEND=tensorflow python3 keras_golden.py
"""

import json
import pathlib

import keras
import numpy as np

STEPS, N = 10, 13
rng = np.random.default_rng(20150522)
weights = (rng.normal(size=N) * 0.01).astype("float32")
# Magnitudes from 1e-9 to 1e3, one gradient that is always 0 and one that is 0 at first.
grads = (rng.normal(size=(STEPS, N)) * 10.0 ** np.linspace(-9, 3, N)).astype("float32")
grads[:, 3] = 0
grads[:4, 7] = 0

optimizers = keras.optimizers
cases = [
    ("sgd", {}, optimizers.SGD()),
    ("sgd", {"learning_rate": 0.1, "momentum": 0.9}, optimizers.SGD(0.1, momentum=0.9)),
    ("sgd", {"momentum": 0.9, "nesterov": True}, optimizers.SGD(momentum=0.9, nesterov=True)),
    ("rmsprop", {}, optimizers.RMSprop()),
    ("rmsprop", {"rho": 0.8, "momentum": 0.5, "centered": True, "epsilon": 1e-3},
     optimizers.RMSprop(rho=0.8, momentum=0.5, centered=True, epsilon=1e-3)),
    ("adam", {}, optimizers.Adam()),
    ("adam", {"learning_rate": 0.01, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3},
     optimizers.Adam(0.01, beta_1=0.5, beta_2=0.9, epsilon=1e-3)),
    ("adam", {"no_momentum": True}, optimizers.Adam(beta_1=0.0)),
    ("adamw", {}, optimizers.AdamW()),
    ("adamw", {"learning_rate": 0.02, "weight_decay": 0.1}, optimizers.AdamW(0.02, weight_decay=0.1)),
]


def numbers(array):
    return [float(v) for v in np.asarray(array, dtype="float64").ravel()]


def weights_after(optimizer):
    """The weights after each step."""
    variable = keras.Variable(weights)
    result = []
    for g in grads:
        optimizer.apply([keras.ops.convert_to_tensor(g)], [variable])
        result.append(numbers(variable))
    return result


averaged = optimizers.SGD(use_ema=True, ema_momentum=0.9)
weights_after(averaged)

clipped = optimizers.SGD(1.0, global_clipnorm=0.5)
variable = keras.Variable(np.zeros(N, "float32"))
clipped.apply([keras.ops.convert_to_tensor(grads[0])], [variable])

steps = list(range(0, 120, 7))
cosine = optimizers.schedules.CosineDecay(0.2, decay_steps=100, alpha=0.05)
exponential = optimizers.schedules.ExponentialDecay(0.2, decay_steps=10, decay_rate=0.9)

history = [5, 4, 4.1, 4, 3.99995, 3.9, 4, 4, 4, 4, 4, 3.8, 4, 4, 4, 4, 4, 4, 4, 4]


def plateau(values, **options):
    """The learning rate after each epoch."""
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizers.SGD(0.1), loss="mse")
    callback = keras.callbacks.ReduceLROnPlateau(monitor="m", **options)
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"m": value})
        rates.append(float(model.optimizer.learning_rate))
    return rates


result = {
    "keras": keras.__version__,
    "weights": numbers(weights),
    "gradients": [numbers(g) for g in grads],
    "optimizers": [
        {"name": name, "settings": settings, "weights": weights_after(optimizer)} for name, settings, optimizer in cases
    ],
    "ema": {"decay": 0.9, "average": numbers(averaged._model_variables_moving_average[0])},
    "clip": {"max": 0.5, "gradients": numbers(-variable.numpy())},
    "steps": steps,
    "cosine": [float(cosine(s)) for s in steps],
    "exponential": [float(exponential(s)) for s in steps],
    "history": history,
    "plateau": [
        {"settings": {"patience": 2, "cooldown": 1, "factor": 0.5, "min_rate": 0.01},
         "rates": plateau(history, mode="min", patience=2, cooldown=1, factor=0.5, min_lr=0.01)},
        {"settings": {"patience": 3, "factor": 0.1, "min_delta": 0.5, "maximize": True},
         "rates": plateau(history, mode="max", patience=3, factor=0.1, min_delta=0.5)},
    ],
}
pathlib.Path(__file__).with_name("keras_golden.json").write_text(json.dumps(result) + "\n")
