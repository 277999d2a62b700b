"""Writes layers_golden_torch.json.gz and layers_golden_keras.json.gz beside this script:
outputs and gradients of normalisations, activations and merging layers, for randomly
drawn shapes and options. TestLayersGolden of package nn compares itself with them.

Made with PyTorch 2.13.0 and with Keras 3.15.1 on TensorFlow 2.21 (CPU), in double
precision:
    python3 layers_golden.py torch
    KERAS_BACKEND=tensorflow python3 layers_golden.py keras

A file: {"library", "cases": [{"name", "layer", "config", "training", "inputs",
"params", "outputs", "cotangent", "grad_inputs", "grad_params", "new_state"}]}. Layer and
config are a layer's type and fields as a model file holds them. Every tensor is {"shape",
"data"}, pictures NHWC. Gradients are those of the sum of output times cotangent.
"""

import gzip
import json
import pathlib
import sys

import numpy as np

library = sys.argv[1]
rng = np.random.default_rng({"torch": 4, "keras": 5}[library])
cases = []


def normal(*shape):
    # Few digits, so that the file is small.
    return np.round(rng.normal(size=shape) * 1.5, 2)


def dump(v):
    v = np.asarray(v, dtype=np.float64)
    return {"shape": list(v.shape), "data": [float(f"{x:.9g}") for x in v.ravel()]}


def pick(*choices):
    return choices[rng.integers(len(choices))]


def picture(channels=None):
    """The shape of a batch: not square, channels odd."""
    h, w = rng.permutation([2, 3, 4])[:2]
    return (int(pick(1, 2, 3)), int(h), int(w), channels or int(pick(1, 2, 3, 5)))


def case(name, layer, config, run, inputs, params, training=False, state=None):
    """run(inputs, params) -> output, in the library's tensors."""
    out, cot, gi, gp = differentiate(run, inputs, params)
    cases.append({
        "name": f"{len(cases)} {name}", "layer": layer, "config": config, "training": training,
        "inputs": [dump(x) for x in inputs],
        "params": {k: dump(v) for k, v in params.items()} | {k: dump(v[0]) for k, v in (state or {}).items()},
        "outputs": dump(out), "cotangent": dump(cot), "grad_inputs": [dump(g) for g in gi],
        "grad_params": {k: dump(g) for k, g in gp.items()},
        "new_state": {k: dump(v[1]()) for k, v in (state or {}).items()},
    })


def affine(shape, scale, center):
    return ({"gamma": normal(*shape)} if scale else {}) | ({"beta": normal(*shape)} if center else {})


def torch_cases():
    import torch
    import torch.nn.functional as F

    global differentiate

    def differentiate(run, inputs, params):
        xs = [torch.tensor(x, requires_grad=True) for x in inputs]
        ps = {k: torch.tensor(v, requires_grad=True) for k, v in params.items()}
        out = run(xs, ps)
        cot = normal(*out.shape)
        (out * torch.tensor(cot)).sum().backward()
        return out.detach(), cot, [x.grad for x in xs], {k: p.grad for k, p in ps.items()}

    def nchw(f):
        def g(x, *args, **kw):
            y = f(x.movedim(-1, 1), *args, **kw)
            # instance_norm of one sample takes the gradient's memory for contiguous (2.13.0).
            y.register_hook(lambda dy: dy.contiguous())
            return y.movedim(1, -1)
        return g

    functions = {
        "swish": F.silu, "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
        "hard_sigmoid": F.hardsigmoid, "hard_swish": F.hardswish, "softplus": F.softplus,
        "elu(0.7)": lambda x: F.elu(x, 0.7), "leaky_relu(0.01)": F.leaky_relu,
        "swish(1.702)": lambda x: x * torch.sigmoid(1.702 * x),
        "softmax": nchw(lambda x: F.softmax(x, dim=1)),
    }
    for _ in range(2):
        for name, f in functions.items():
            case(name, "activation", {"Function": name}, lambda x, p: f(x[0]), [2 * normal(*picture())], {})
    for _ in range(4):
        s = picture()
        case("prelu", "prelu", {}, lambda x, p: nchw(F.prelu)(x[0], p["alpha"].reshape(-1)), [normal(*s)], {"alpha": normal(1, 1, s[3])})
        case("prelu of one slope", "prelu", {"SharedAxes": [1, 2, 3]}, lambda x, p: F.prelu(x[0], p["alpha"].reshape(-1)),
             [normal(*s)], {"alpha": normal(1, 1, 1)})
    for _ in range(5):
        eps = pick(1e-5, 1e-3, 0.1)
        s, scale, center = picture(), pick(True, True, False), pick(True, True, False)
        options = {"Epsilon": eps, "NoScale": not scale, "NoCenter": not center}
        for axes in ([3], [2, 3], [1, 2, 3]):
            shape = [s[a] for a in axes]
            case("layer norm", "layer_norm", options | {"Axes": axes},
                 lambda x, p: F.layer_norm(x[0], shape, p.get("gamma"), p.get("beta"), eps), [normal(*s)], affine(shape, scale, center))
        groups, width = int(pick(1, 2, 3)), int(pick(1, 2, 3))
        s = picture(groups * width)
        case("group norm", "group_norm", options | {"Groups": groups},
             lambda x, p: nchw(F.group_norm)(x[0], groups, p.get("gamma"), p.get("beta"), eps), [normal(*s)], affine([s[3]], scale, center))
        s = picture()
        case("instance norm", "instance_norm", options,
             lambda x, p: nchw(lambda v: F.instance_norm(v, None, None, p.get("gamma"), p.get("beta"), eps=eps))(x[0]),
             [normal(*s)], affine([s[3]], scale, center))
        for training in (True, False):
            momentum = float(pick(0.1, 0.25))
            for name, layer, f, more in (("instance norm", "instance_norm", F.instance_norm, {"Moving": True}),
                                         ("batch norm", "batch_norm", F.batch_norm, {"Unbiased": True})):
                s = picture()
                mean, variance = torch.tensor(normal(s[3])), torch.tensor(np.abs(normal(s[3])) + 0.1)
                old = mean.clone(), variance.clone()
                flag = "use_input_stats" if layer == "instance_norm" else "training"
                case(f"{name} with running statistics", layer, options | more | {"Momentum": 1 - momentum},
                     lambda x, p: nchw(lambda v: f(v, mean, variance, p.get("gamma"), p.get("beta"), momentum=momentum, eps=eps,
                                                   **{flag: training}))(x[0]),
                     [normal(*s)], affine([s[3]], scale, center), training,
                     {"moving_mean": (old[0], lambda: mean), "moving_variance": (old[1], lambda: variance)})
    merges(torch.add, torch.sub, torch.mul, torch.cat)


def merges(add, sub, mul, cat):
    for _ in range(3):
        s = picture()
        for other in (s, (s[0], 1, 1, s[3]), (s[0], s[1], s[2], 1)):
            for layer, f in (("add", add), ("subtract", sub), ("multiply", mul)):
                case(layer, layer, {}, lambda x, p: f(x[0], x[1]), [normal(*s), normal(*other)], {})
        for axis in (1, 2, 3):
            parts = [normal(*(s[:axis] + (int(pick(1, 2, 3)),) + s[axis + 1:])) for _ in range(pick(2, 3))]
            case("concatenate", "concatenate", {"Axis": axis}, lambda x, p: cat(x, axis), parts, {})


def keras_cases():
    import keras
    import tensorflow as tf

    keras.backend.set_floatx("float64")
    global differentiate

    def differentiate(run, inputs, params):
        xs = [tf.Variable(x) for x in inputs]
        ps = {k: tf.Variable(v) for k, v in params.items()}
        with tf.GradientTape() as tape:
            out = run(xs, ps)
            cot = normal(*out.shape)
            total = tf.reduce_sum(out * cot)
        gi, gp = tape.gradient(total, (xs, ps))
        return out, cot, gi, gp

    def stateless(layer, state=None, training=False):
        """A keras layer as a function of inputs and parameters."""
        def run(x, p):
            if not layer.built:
                layer.build(x[0].shape)
            before = [v[0] for v in (state or {}).values()]
            trained = [p[v.name] for v in layer.trainable_variables]
            out, after = layer.stateless_call(trained, before, x[0], **({"training": training} if state else {}))
            for v, new in zip((state or {}).values(), after):
                v.append(lambda new=new: new)
            return out
        return run

    a = keras.activations
    functions = {
        "swish": a.silu, "gelu": a.gelu, "gelu_tanh": lambda x: a.gelu(x, approximate=True), "hard_sigmoid": a.hard_sigmoid,
        "hard_swish": a.hard_silu, "softplus": a.softplus, "elu": a.elu, "leaky_relu": a.leaky_relu, "softmax": a.softmax,
    }
    for _ in range(2):
        for name, f in functions.items():
            case(name, "activation", {"Function": name}, lambda x, p: f(x[0]), [2 * normal(*picture())], {})
    for _ in range(3):
        s = picture()
        case("prelu", "prelu", {"PerElement": True}, stateless(keras.layers.PReLU()), [normal(*s)], {"alpha": normal(*s[1:])})
        for axes in ([1, 2], [1], [3], [2, 3]):
            shape = [1 if k in axes else s[k] for k in (1, 2, 3)]
            case("prelu", "prelu", {"SharedAxes": axes}, stateless(keras.layers.PReLU(shared_axes=axes)), [normal(*s)], {"alpha": normal(*shape)})
    for _ in range(4):
        eps = pick(1e-5, 1e-3, 0.1)
        s, scale, center = picture(), pick(True, True, False), pick(True, True, False)
        options = {"Epsilon": eps, "NoScale": not scale, "NoCenter": not center}
        kw = {"epsilon": eps, "scale": scale, "center": center}
        for axes in ([3], [1], [1, 2], [1, 3], [1, 2, 3]):
            case("layer norm", "layer_norm", options | {"Axes": axes}, stateless(keras.layers.LayerNormalization(axis=axes, **kw)),
                 [normal(*s)], affine([s[k] for k in axes], scale, center))
        groups, width = int(pick(1, 2, 3)), int(pick(1, 2, 3))
        s = picture(groups * width)
        case("group norm", "group_norm", options | {"Groups": groups}, stateless(keras.layers.GroupNormalization(groups, **kw)),
             [normal(*s)], affine([s[3]], scale, center))
        case("instance norm", "instance_norm", options, stateless(keras.layers.GroupNormalization(-1, **kw)),
             [normal(*s)], affine([s[3]], scale, center))
        for training in (True, False):
            state = {"moving_mean": [normal(s[3])], "moving_variance": [np.abs(normal(s[3])) + 0.1]}
            layer = keras.layers.BatchNormalization(momentum=0.9, **kw)
            case("batch norm", "batch_norm", options | {"Momentum": 0.9}, stateless(layer, state, training),
                 [normal(*s)], affine([s[3]], scale, center), training, state)
    keep = keras.layers
    merges(lambda x, y: keep.Add()([x, y]), lambda x, y: keep.Subtract()([x, y]), lambda x, y: keep.Multiply()([x, y]),
           lambda x, axis: keep.Concatenate(axis=axis)(x))


{"torch": torch_cases, "keras": keras_cases}[library]()
text = json.dumps({"library": library, "cases": cases}, separators=(",", ":"))
path = pathlib.Path(__file__).with_name(f"layers_golden_{library}.json.gz")
path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
print(len(cases), "cases,", path.stat().st_size, "bytes")
