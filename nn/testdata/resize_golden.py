"""Writes resize_golden_NAME.json beside this script: what PyTorch, TensorFlow with Keras,
and ONNX's reference make of pictures when they resize, pad, crop and reorder them, with
the gradients. Tests of package nn compare themselves with it.

Made with PyTorch 2.13 (float64), Keras 3.15.1 on TensorFlow 2.21 (float32), ONNX 1.23.2:
    python3 resize_golden.py torch
    KERAS_BACKEND=tensorflow python3 resize_golden.py keras
    python3 resize_golden.py onnx

The file: {"versions", "cases": [{"name", "type", "config", "in", "seed", "out", "y", "dx",
"tolerance"}]}. Type and config are the layer's in a model file. The input x of shape "in",
[N, H, W, C], and the cotangent of shape "out" are fill(shape, seed) and fill(shape, seed+1);
"x", where it is there, is the input instead. "dx" is the gradient of sum(y*cotangent),
left out where the framework has none. "tolerance" is of max|difference| over max|reference|.
"""

import json
import pathlib
import sys

import numpy as np

rng = np.random.default_rng(1998)
cases = []


def fill(shape, seed):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    return (((i * 7919 + 13 * seed) % 1009) / 504.5 - 1).astype(np.float32).reshape(shape)


def short(values):
    return [float("%.7g" % v) for v in np.asarray(values, np.float64).ravel()]


def add(name, kind, config, shape, run, tolerance=2e-6, channels_first=False):
    """run(x, cotangent of y's shape as a function) -> y, dx or None, as arrays."""
    seed = len(cases)
    x = fill(shape, seed)
    y, dx = run(x, lambda s: fill(s, seed + 1))
    case = dict(name=name, type=kind, config=config, seed=seed, out=list(y.shape), y=short(y), tolerance=tolerance)
    case["in"] = list(shape)
    if dx is not None:
        case["dx"] = short(dx)
    cases.append(case)


def draw(lo, hi):
    return int(rng.integers(lo, hi + 1))


def some_shape(channels=(1, 2, 3), least=1):
    return draw(1, 2), draw(least, 7), draw(least, 8), int(rng.choice(channels))


def some_size():
    return [draw(1, 10), draw(1, 9)]


def margins(limit_y=4, limit_x=4):
    return dict(Top=draw(0, limit_y), Bottom=draw(0, limit_y), Left=draw(0, limit_x), Right=draw(0, limit_x))


def with_torch():
    import torch
    import torch.nn.functional as F

    def run(f):
        def go(x, cotangent):
            x = torch.tensor(x.astype(np.float64), requires_grad=True)
            y = f(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            (y * torch.tensor(cotangent(tuple(y.shape)).astype(np.float64))).sum().backward()
            return y.detach().numpy(), x.grad.numpy()
        return go

    cubic = dict(Method="bicubic", CubicA=-0.75, Border="edge")
    kinds = [
        ("nearest", {}, dict(Method="nearest", Coordinates="asymmetric", Rounding="floor")),
        ("nearest-exact", {}, dict(Method="nearest")),
        ("area", {}, dict(Method="adaptive")),
        ("bilinear", dict(align_corners=False), dict(Method="bilinear")),
        ("bilinear", dict(align_corners=True), dict(Method="bilinear", Coordinates="align_corners", Border="edge")),
        ("bilinear", dict(antialias=True), dict(Method="bilinear", Antialias=True)),
        ("bicubic", dict(align_corners=False), cubic),
        ("bicubic", dict(align_corners=True), dict(cubic, Coordinates="align_corners")),
        ("bicubic", dict(antialias=True), dict(Method="bicubic", Antialias=True)),
    ]
    for mode, options, config in kinds:
        # PyTorch 2.13 makes all rows alike of one channel resized to one column with antialias.
        channels = (2, 3) if options.get("antialias") else (1, 2, 3)
        for i in range(6):
            size = some_size()
            add(f"interpolate {mode} {options} to {size}", "resize", dict(config, Size=size), some_shape(channels),
                run(lambda x: F.interpolate(x, size=size, mode=mode, **options)))
        for scale in [(1.7, 0.6), (2, 3), (0.45, 2.5)]:
            if mode == "area":  # takes the sizes' ratio whatever the scale
                continue
            add(f"interpolate {mode} {options} by {scale}", "resize", dict(config, Scale=scale), some_shape(channels, least=3),
                run(lambda x: F.interpolate(x, scale_factor=scale, mode=mode, **options)))
    for mode in ["bilinear", "bicubic"]:  # antialias with align_corners scales about the half pixels
        for i in range(3):
            shape, size = some_shape(least=2), [draw(2, 9), draw(2, 9)]
            scale = [(o - 1) / (n - 1) for o, n in zip(size, shape[1:])]
            add(f"interpolate {mode} antialias, align_corners to {size}", "resize", dict(Method=mode, Antialias=True, Size=size, Scale=scale), shape,
                run(lambda x: F.interpolate(x, size=size, mode=mode, antialias=True, align_corners=True)))
    for block in [2, 3]:
        n, h, w, c = some_shape()
        config = dict(Block=[block, block], Order="CRD")
        add(f"pixel shuffle {block}", "depth_to_space", config, (n, h, w, c * block * block), run(lambda x: F.pixel_shuffle(x, block)))
        add(f"pixel unshuffle {block}", "space_to_depth", config, (n, h * block, w * block, c), run(lambda x: F.pixel_unshuffle(x, block)))
    for mode, kind, lim in [("constant", "constant_pad", 9), ("reflect", "reflect_pad", -1), ("replicate", "edge_pad", 9), ("circular", "wrap_pad", 0)]:
        for i in range(4):
            shape = some_shape(least=2)
            m = margins(*(min(s + lim, 5) for s in shape[1:3]))
            options = dict(value=0.3) if mode == "constant" else {}
            add(f"pad {mode} {m}", kind, dict(m, **{k.title(): v for k, v in options.items()}), shape,
                run(lambda x: F.pad(x, (m["Left"], m["Right"], m["Top"], m["Bottom"]), mode=mode, **options)))
    return dict(torch=torch.__version__)


def with_keras():
    import keras
    import tensorflow as tf

    def run(f, differentiable=True):
        def go(x, cotangent):
            x = tf.Variable(x)
            with tf.GradientTape() as tape:
                y = f(x)
                total = tf.reduce_sum(y * cotangent(tuple(y.shape)))
            return y.numpy(), tape.gradient(total, x).numpy() if differentiable else None
        return go

    # TensorFlow takes the weights of its plain bicubic from a table of 1024 places.
    table = dict(tolerance=2e-3)
    for method in ["nearest", "bilinear", "bicubic"]:
        for i in range(5):
            factor = [draw(1, 4), draw(1, 4)]
            add(f"UpSampling2D {method} {factor}", "up_sampling_2d", dict(Factor=factor, Method=method), some_shape(),
                run(keras.layers.UpSampling2D(factor, interpolation=method)), **table if method == "bicubic" else {})
    methods = dict(nearest="nearest", bilinear="bilinear", bicubic="bicubic", area="area", lanczos3="lanczos3",
                   lanczos5="lanczos5", mitchellcubic="mitchell", gaussian="gaussian")
    for name, method in methods.items():
        for antialias in [False, True]:
            for i in range(4):
                size = some_size()
                config = dict(Size=size, Method=method, Antialias=antialias)
                add(f"tf.image.resize {name} antialias={antialias} to {size}", "resize", config, some_shape(),
                    run(lambda x: tf.image.resize(x, size, method=name, antialias=antialias), differentiable=name != "area"),
                    **table if name == "bicubic" and not antialias else {})
    old = tf.compat.v1.image
    for name, f, config in [("nearest", old.resize_nearest_neighbor, dict(Method="nearest")), ("bilinear", old.resize_bilinear, {}),
                            ("bicubic", old.resize_bicubic, dict(Method="bicubic", CubicA=-0.75))]:
        for align in [False, True]:
            for i in range(4):
                size = some_size()
                more = dict(Size=size, Border="edge", Coordinates="align_corners" if align else "asymmetric")
                if name == "nearest" and not align:
                    more["Rounding"] = "floor"
                add(f"tf v1 {name} align_corners={align} to {size}", "resize", dict(config, **more), some_shape(),
                    run(lambda x: f(x, size, align_corners=align)), **table if name == "bicubic" else {})
    for name in ["bilinear", "nearest"]:
        for box in [(0.1, 0.2, 0.9, 0.7), (-0.2, 0.1, 1.1, 1.5), (0.9, 1, 0.2, 0)]:
            size, shape = some_size(), some_shape()
            config = dict(Size=size, Method=name, Coordinates="tf_crop_and_resize", Border="edge", Region=box, Extrapolation=0.7)
            add(f"tf.image.crop_and_resize {name} {box} to {size}", "resize", config, shape,
                run(lambda x: tf.image.crop_and_resize(x, [box] * shape[0], list(range(shape[0])), size, method=name, extrapolation_value=0.7)))
    for block in [2, 3]:
        n, h, w, c = some_shape()
        config = dict(Block=[block, block])
        add(f"depth_to_space {block}", "depth_to_space", config, (n, h, w, c * block * block), run(lambda x: tf.nn.depth_to_space(x, block)))
        add(f"space_to_depth {block}", "space_to_depth", config, (n, h * block, w * block, c), run(lambda x: tf.nn.space_to_depth(x, block)))
    for mode, kind, less in [("REFLECT", "reflect_pad", 1), ("SYMMETRIC", "symmetric_pad", 0)]:
        for i in range(4):
            shape = some_shape(least=2)
            m = margins(*(s - less for s in shape[1:3]))
            add(f"tf.pad {mode} {m}", kind, m, shape,
                run(lambda x: tf.pad(x, [(0, 0), (m["Top"], m["Bottom"]), (m["Left"], m["Right"]), (0, 0)], mode)))
    for layer, kind in [(keras.layers.ZeroPadding2D, "zero_pad"), (keras.layers.Cropping2D, "crop")]:
        for i in range(4):
            m = margins(2, 2)
            add(f"{layer.__name__} {m}", kind, m, some_shape(least=5), run(layer(((m["Top"], m["Bottom"]), (m["Left"], m["Right"])))))
    return dict(keras=keras.__version__, tensorflow=tf.__version__)


def with_onnx():
    """ONNX's own node tests, as far as they concern the height and the width of pictures."""
    import onnx
    from onnx.backend.test.case.node import collect_testcases

    left_out = []
    for test in collect_testcases(None):
        node = test.model.graph.node[0]
        if len(test.model.graph.node) != 1 or node.op_type not in ("Resize", "Pad", "DepthToSpace", "SpaceToDepth", "Upsample"):
            continue
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        attributes = {k: v.decode() if isinstance(v, bytes) else v for k, v in attributes.items()}
        inputs, outputs = test.data_sets[0]
        named = dict(zip([i for i in node.input if i], inputs))
        given = {k: named[v] for k, v in zip(operands[node.op_type], node.input) if v}
        x, y = np.asarray(given.pop("x")), np.asarray(outputs[0])
        made = translate(node.op_type, attributes, given, x.shape)
        if made is None or x.ndim != 4 or y.ndim != 4:
            left_out.append(test.name)
            continue
        kind, config = made
        to_nhwc = lambda a: np.asarray(a).transpose(0, 2, 3, 1)
        case = dict(name=test.name, type=kind, config=config, seed=0, out=list(to_nhwc(y).shape), y=short(to_nhwc(y)), tolerance=1e-5)
        case["in"], case["x"] = list(to_nhwc(x).shape), short(to_nhwc(x))
        cases.append(case)
    return dict(onnx=onnx.__version__, left_out=left_out)


operands = dict(Resize=["x", "roi", "scales", "sizes"], Pad=["x", "pads", "value", "axes"], DepthToSpace=["x"],
                SpaceToDepth=["x"], Upsample=["x", "scales"])


def translate(op, a, given, shape):
    """The layer and its configuration, None where it is none of pictures."""
    rank = len(shape)
    if op in ("DepthToSpace", "SpaceToDepth"):
        return ("depth_to_space" if op == "DepthToSpace" else "space_to_depth",
                dict(Block=[a["blocksize"]] * 2, Order=a.get("mode", "DCR")))
    if op == "Pad":
        axes = [int(i) % rank for i in given.get("axes", range(rank))]
        pads, n = [int(p) for p in given["pads"]], len(axes)
        before, after = [0] * rank, [0] * rank
        for i, axis in enumerate(axes):
            before[axis], after[axis] = pads[i], pads[n + i]
        if rank != 4 or any(before[:2] + after[:2]) or min(pads) < 0:
            return None
        kind = {"constant": "constant_pad", "reflect": "reflect_pad", "edge": "edge_pad", "wrap": "wrap_pad"}[a.get("mode", "constant")]
        config = dict(Top=before[2], Bottom=after[2], Left=before[3], Right=after[3])
        if "value" in given:
            config["Value"] = float(given["value"])
        return kind, config
    axes = [int(i) % rank for i in a.get("axes", range(rank))]
    config = dict(Border="edge", CubicA=a.get("cubic_coeff_a", -0.75), Antialias=bool(a.get("antialias", 0)))
    if a.get("exclude_outside"):
        config["Border"] = "exclude"
    config["Method"] = dict(nearest="nearest", linear="bilinear", cubic="bicubic")[a.get("mode", "nearest")]
    mode = a.get("coordinate_transformation_mode", "half_pixel" if op == "Resize" else "asymmetric")
    config["Coordinates"] = "align_corners_scale" if mode == "align_corners" else mode
    config["Rounding"] = a.get("nearest_mode", "round_prefer_floor" if op == "Resize" else "floor")
    config["Extrapolation"] = a.get("extrapolation_value", 0.0)
    aspect = a.get("keep_aspect_ratio_policy", "stretch")
    if aspect != "stretch":
        config["Aspect"] = aspect
    def spread(values, rest):
        full = list(rest)
        for axis, v in zip(axes, values):
            full[axis] = v
        return full

    if "roi" in given and len(given["roi"]):
        roi, n = [float(v) for v in given["roi"]], len(axes)
        start, end = spread(roi[:n], [0.0] * rank), spread(roi[n:], [1.0] * rank)
        config["Region"] = start[-2:] + end[-2:]
    if "sizes" in given and len(given["sizes"]):
        sizes = spread([int(v) for v in given["sizes"]], shape)
        if aspect != "stretch" and len(set(axes) & {rank - 2, rank - 1}) < 2:
            return None  # the size of one axis alone
        config["Size"] = sizes[-2:]
        changed = sizes[:-2] != list(shape[:-2])
    else:
        scales = spread([float(v) for v in given["scales"]], [1.0] * rank)
        config["Scale"] = scales[-2:]
        changed = any(s != 1 for s in scales[:-2])
    return None if changed else ("resize", config)


name = sys.argv[1]
versions = dict(torch=with_torch, keras=with_keras, onnx=with_onnx)[name]()
path = pathlib.Path(__file__).with_name(f"resize_golden_{name}.json")
path.write_text(json.dumps(dict(versions=versions, cases=cases), separators=(",", ":")).replace('},{"name"', '},\n{"name"') + "\n")
print(path.name, len(cases), "cases,", path.stat().st_size, "bytes", versions)
