"""Writes keras_golden.json beside this script: outputs and gradients of Keras's layers
and losses, and small networks trained ten steps. Tests of package nn compare
themselves with it.

Made with Keras 3.15.1 on TensorFlow 2.21 (CPU), float32:
    KERAS_BACKEND=tensorflow python3 keras_golden.py

The file: {"keras": version, "cases": [{"name", "layer", "config", "tensors":
{name: {"shape", "data"}}}]}, where "layer" is the layer's type in a model file. Every
gradient, "grad_X", is that of sum(output*cotangent) with respect to the tensor "X".

dense: input, kernel, bias -> output.
batch_norm: input, gamma, beta, moving_mean, moving_variance -> output; in training
    also new_moving_mean, new_moving_variance.
flatten, reshape: input -> output.
Losses: input (the prediction; logits where config says from_logits), target -> output,
    one number a sample, the mean over its elements.
autoencoder: batch, initial_I_kernel, initial_I_bias of layer I = 0..3, then
    final_I_kernel, final_I_bias and losses, the mean loss before each of the ten steps.
"""

import json
import pathlib

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(1998)
cases = []


def normal(*shape):
    return rng.normal(size=shape).astype("float32")


def dump(value):
    value = np.asarray(value, dtype="float32")
    # The shortest decimal that reads back as the same float32.
    return {"shape": list(value.shape), "data": [float(str(v)) for v in value.ravel()]}


def add(name, layer, config, tensors):
    tensors = {key: dump(value) for key, value in tensors.items()}
    cases.append({"name": name, "layer": layer, "config": config, "tensors": tensors})


def differentiate(function, tensors):
    """Output and gradients of function(tensors) with respect to every tensor."""
    variables = {key: tf.Variable(value) for key, value in tensors.items()}
    with tf.GradientTape() as tape:
        output = function(variables)
        cotangent = normal(*output.shape)
        total = tf.reduce_sum(output * cotangent)
    grads = tape.gradient(total, variables)
    result = dict(tensors, output=output, cotangent=cotangent)
    return result | {"grad_" + key: value for key, value in grads.items() if value is not None}


def dense(name, activation, config):
    for label, shape in [("2d", (3, 5)), ("4d", (2, 3, 4, 5))]:
        layer = keras.layers.Dense(7, activation=activation)
        layer.build(shape)
        tensors = {"input": normal(*shape), "kernel": normal(5, 7), "bias": normal(7)}

        def run(v):
            return layer.stateless_call([v["kernel"], v["bias"]], [], v["input"])[0]

        add(f"dense/{name}/{label}", "dense", {"units": 7} | config, differentiate(run, tensors))


dense("linear", None, {"activation": "linear"})
for kind in ["relu", "elu", "sigmoid", "tanh", "softplus", "softmax"]:
    dense(kind, kind, {"activation": kind})
for slope in [0.2, 0.3]:
    dense(f"leaky_relu_{slope}", keras.layers.LeakyReLU(negative_slope=slope),
          {"activation": "leaky_relu", "alpha": slope})


def batch_norm(label, shape, training, config):
    layer = keras.layers.BatchNormalization(**config)
    layer.build(shape)
    c = shape[-1]
    tensors = {"input": 2 * normal(*shape) + 1, "gamma": normal(c), "beta": normal(c)}
    state = {"moving_mean": normal(c), "moving_variance": rng.uniform(0.5, 2, c).astype("float32")}
    after = {}

    def run(v):
        output, new = layer.stateless_call(
            [v["gamma"], v["beta"]], [state["moving_mean"], state["moving_variance"]], v["input"], training=training)
        after["new_moving_mean"], after["new_moving_variance"] = new
        return output

    tensors = differentiate(run, tensors) | state
    if training:
        tensors |= after
    mode = "training" if training else "inference"
    config = {"momentum": 0.99, "epsilon": 1e-3} | config | {"training": training}
    add(f"batch_norm/{mode}/{label}", "batch_norm", config, tensors)


for training in [True, False]:
    batch_norm("2d", (7, 5), training, {})
    batch_norm("4d", (3, 4, 2, 5), training, {"momentum": 0.9, "epsilon": 1e-5})

for name, layer, config in [
    ("flatten", keras.layers.Flatten(), {}),
    ("reshape", keras.layers.Reshape((4, 6)), {"shape": [4, 6]}),
]:
    add(name, name, config, differentiate(lambda v, layer=layer: layer(v["input"]), {"input": normal(2, 3, 4, 2)}))


def loss(name, kind, config, function, prediction):
    for label, shape in [("2d", (4, 9)), ("4d", (3, 2, 5, 3))]:
        target = rng.uniform(size=shape).astype("float32")
        target.ravel()[:4] = [0, 1, 0, 1]

        def run(v):
            each = function(target, v["input"])  # the mean over the last axis
            return tf.reduce_mean(tf.reshape(each, [shape[0], -1]), axis=1)

        tensors = differentiate(run, {"input": prediction(shape)})
        add(f"{name}/{label}", kind, config, tensors | {"target": target})


def probabilities(shape):
    p = rng.uniform(0.01, 0.99, shape).astype("float32")
    p.ravel()[3:7] = [0, 1, 1, 0]  # beyond the clip of 1e-7
    return p


def logits(shape):
    z = 3 * normal(*shape)
    z.ravel()[:6] = [40, -40, 100, -100, 0, -0.0]
    return z


entropy = keras.losses.BinaryCrossentropy
loss("binary_cross_entropy/logits", "binary_cross_entropy", {"from_logits": True},
     entropy(from_logits=True, reduction=None), logits)
loss("binary_cross_entropy/probabilities", "binary_cross_entropy", {"from_logits": False},
     entropy(reduction=None), probabilities)
loss("mean_absolute_error", "mean_absolute_error", {},
     keras.losses.MeanAbsoluteError(reduction=None), lambda shape: normal(*shape))
loss("mean_squared_error", "mean_squared_error", {},
     keras.losses.MeanSquaredError(reduction=None), lambda shape: normal(*shape))
for delta in [1.0, 0.3]:
    loss(f"huber_{delta}", "huber", {"delta": delta},
         keras.losses.Huber(delta=delta, reduction=None), lambda shape: 2 * normal(*shape))

units = [12, 8, 4, 8, 12]
initial = []
for fan_in, fan_out in zip(units, units[1:]):
    limit = np.sqrt(6 / (fan_in + fan_out))
    initial.append(rng.uniform(-limit, limit, (fan_in, fan_out)).astype("float32"))
    initial.append(0.1 * normal(fan_out))
batch = rng.uniform(size=(6, units[0])).astype("float32")


def autoencoder(name, config, optimizer):
    weights = [keras.Variable(w) for w in initial]
    losses = []
    for _ in range(10):
        with tf.GradientTape() as tape:
            h = batch
            for i in range(0, len(weights), 2):
                h = keras.ops.matmul(h, weights[i]) + weights[i + 1]
                if i + 2 < len(weights):
                    h = keras.ops.relu(h)
            # The same function as a sigmoid with the loss of probabilities, but exact.
            value = entropy(from_logits=True)(batch, h)
        losses.append(value)
        grads = tape.gradient(value, [w.value for w in weights])
        optimizer.apply(grads, weights)
    tensors = {"batch": batch, "losses": losses}
    for i, part in [(i, part) for i in range(4) for part in ("kernel", "bias")]:
        at = 2 * i + (part == "bias")
        tensors[f"initial_{i}_{part}"] = initial[at]
        tensors[f"final_{i}_{part}"] = weights[at]
    config |= {"units": units, "hidden": "relu", "output": "sigmoid", "loss": "binary_cross_entropy", "steps": 10}
    add(f"autoencoder/{name}", "autoencoder", config, tensors)


autoencoder("adam", {"optimizer": "adam", "settings": {"learning_rate": 0.01}}, keras.optimizers.Adam(0.01))
autoencoder("rmsprop", {"optimizer": "rmsprop", "settings": {"learning_rate": 0.01}}, keras.optimizers.RMSprop(0.01))
autoencoder("sgd", {"optimizer": "sgd", "settings": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}},
            keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True))

result = {"keras": keras.__version__, "cases": cases}
pathlib.Path(__file__).with_name("keras_golden.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")
