"""Writes families_torch.json.gz and families_keras.json.gz beside this script: outputs of the
convolutional networks with pseudo-random weights at odd sizes, and the numbers of their
parameters. TestFamiliesAgainstPeers of package models compares itself with them.

Made with PyTorch 2.13.0 and with Keras 3.15.1 on TensorFlow 2.21.0 (CPU):
    python3 families.py torch
    KERAS_BACKEND=tensorflow python3 families.py keras

A file: {"library", "cases": [{"name", "architecture", "options", "parameters", "input",
"output"}]}. Weights and pictures are not stored: they follow from their names, see draw().
A case without output has parameters alone, counted at its full width. Of an output, every
"stride"-th number of the flattened NHWC array is stored. The networks are written down anew here, from the
papers, in the library's own operators; only the names of the parameters are ours.
"""
import gzip, json, pathlib, sys, zlib

import numpy as np

library = sys.argv[1]
cases = []


def uniform(name, shape):
    """Numbers in [-1, 1): SplitMix64 of the name's CRC-32 and the index."""
    n = int(np.prod(shape, dtype=np.int64))
    with np.errstate(over="ignore"):
        z = (np.uint64(zlib.crc32(name.encode())) << np.uint64(32)) + np.arange(1, n + 1, dtype=np.uint64)
        z *= np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1).reshape(shape)


def draw(name, shape):
    """The value of a parameter: kernels keep the size of what they read, gamma and variances are
    near 1, all else is near 0. "picture" is one with values in 0..1."""
    u = uniform(name, shape)
    kind = name.split("/")[-1]
    if kind == "kernel":
        u *= np.sqrt(6 / np.prod(shape[:-1]))
    elif kind in ("gamma", "moving_variance"):
        u = 1 + u / 2
    elif kind == "picture":
        u = (u + 1) / 2
    else:
        u /= 10
    return u.astype(np.float32)


def record(name, architecture, options, parameters, size=None, output=None):
    case = {"name": name, "architecture": architecture, "options": options, "parameters": parameters}
    if output is not None:
        flat = np.asarray(output).ravel()
        stride = max(1, flat.size // 300) | 1
        case["input"] = list(size)
        case["output"] = {"shape": list(output.shape), "stride": stride, "data": [float(f"{v:.7g}") for v in flat[::stride]]}
    cases.append(case)


# ---------------------------------------------------------------------------------- PyTorch


def with_torch():
    import torch
    from torch.nn import functional as F

    class Net:
        """Operators whose parameters are made by name, or only counted."""

        def __init__(self, count):
            self.count, self.known, self.parameters = count, {}, 0

        def get(self, name, *shape):
            if name not in self.known:
                self.parameters += int(np.prod(shape))
                self.known[name] = torch.empty(shape, device="meta") if self.count else torch.from_numpy(draw(name, shape))
            return self.known[name]

        def conv(self, name, x, n, k=3, stride=1, pad=None, dilation=1, bias=True):
            w = self.get(name + "/kernel", k, k, x.shape[1], n).permute(3, 2, 0, 1)
            b = self.get(name + "/bias", n) if bias else None
            return F.conv2d(x, w, b, stride, (k - 1) * dilation // 2 if pad is None else pad, dilation)

        def up(self, name, x, n, k=2, stride=2, pad=0, bias=True):
            w = self.get(name + "/kernel", k, k, n, x.shape[1]).permute(3, 2, 0, 1)
            return F.conv_transpose2d(x, w, self.get(name + "/bias", n) if bias else None, stride, pad)

        def norm(self, name, x, kind="batch", eps=1e-3):
            n = x.shape[1]
            g, b = self.get(name + "/gamma", n), self.get(name + "/beta", n)
            if kind == "batch":
                return F.batch_norm(x, self.get(name + "/moving_mean", n), self.get(name + "/moving_variance", n), g, b, eps=eps)
            groups = n
            if kind == "group":
                groups = 32
                while n % groups:
                    groups //= 2
            return F.group_norm(x, groups, g, b, eps)

        def dense(self, name, x, n):
            return x @ self.get(name + "/kernel", x.shape[-1], n) + self.get(name + "/bias", n)

    def multiple(f, m, rest=0):
        """f on a picture of any size: reflected up to a multiple, the smaller half first."""
        def run(net, x):
            h, w = x.shape[2:]
            ph, pw = (rest - h) % m, (rest - w) % m
            y = f(net, F.pad(x, (pw // 2, pw - pw // 2, ph // 2, ph - ph // 2), mode="reflect"))
            return y[:, :, ph // 2:ph // 2 + h, pw // 2:pw // 2 + w]
        return run

    def case(name, architecture, options, f, size=(1, 45, 71, 3), count=None):
        """count is (options, f) at full width, where f is narrow."""
        net = Net(False)
        x = torch.from_numpy(draw("picture", size)).permute(0, 3, 1, 2)
        with torch.no_grad():
            y = f(net, x)
        if y.ndim == 4:
            y = y.permute(0, 2, 3, 1)
        record(name, architecture, options, net.parameters, size, y.contiguous().numpy())
        if count:
            net = Net(True)
            count[1](net, torch.empty(1, size[3], 224, 224, device="meta"))
            record(name + ", full width", architecture, count[0], net.parameters)

    # VGG, FCN

    convolutions = {11: [1, 1, 2, 2, 2], 13: [2, 2, 2, 2, 2], 16: [2, 2, 3, 3, 3], 19: [2, 2, 4, 4, 4]}

    def vgg(net, x, layers, width, bn=False, ceil=False):
        skips, pools = [], []
        for i, n in enumerate(convolutions[layers]):
            for j in range(n):
                name = f"block{i + 1}_conv{j + 1}"
                x = net.conv(name, x, width * min(2**i, 8))
                x = F.relu(net.norm(name + "_norm", x, eps=1e-5) if bn else x)
            skips.append(x)
            x = F.max_pool2d(x, 2, ceil_mode=ceil)
            pools.append(x)
        return skips, pools

    def classifier(layers, width, hidden, classes, bn):
        def f(net, x):
            x = vgg(net, x, layers, width, bn)[1][-1].permute(0, 2, 3, 1).flatten(1)
            x = F.relu(net.dense("fc1", x, hidden))
            x = F.relu(net.dense("fc2", x, hidden))
            return net.dense("predictions", x, classes).softmax(-1)
        return f

    for layers in convolutions:
        for bn in (False, True):
            case("odd picture", f"vgg-{layers}" + ("-bn" if bn else ""), {"picture": [45, 71, 3], "width": 4, "hidden": 24, "classes": 11},
                 classifier(layers, 4, 24, 11, bn), (2, 45, 71, 3), ({}, classifier(layers, 64, 4096, 1000, bn)))

    def fcn(stride, width, hidden, classes, form="paper", wide=False, scale=False, relu=False, end=None):
        def up(net, name, x, times, act=False):
            x = net.up(name, x, classes, 2 * times, times, 0 if wide else times // 2)
            return F.relu(x) if act else x

        def f(net, x):
            size = x.shape[2:]
            if wide:
                x = F.pad(x, (99,) * 4)
            pools = vgg(net, x, 16, width, ceil=wide)[1]
            x = pools[4]
            if form == "paper":
                x = F.relu(net.conv("fc6", x, hidden, 7, pad=0 if wide else None))
                x = F.relu(net.conv("fc7", x, hidden, 1))
            x = net.conv("score_fr", x, classes, 1)
            for name, fuse, pool, factor, offset in (("score_pool4", "upscore2", 3, 0.01, 5), ("score_pool3", "upscore_pool4", 2, 0.0001, 9)):
                if stride == 32 or stride == 16 and pool == 2:
                    continue
                x = up(net, fuse, x, 2, relu)
                finer = net.conv(name, pools[pool] * (factor if scale else 1), classes, 1)
                if wide:
                    finer = finer[:, :, offset:offset + x.shape[2], offset:offset + x.shape[3]]
                x = x + finer
            x = up(net, f"upscore{stride}", x, stride)
            if wide:
                o = {32: 19, 16: 27, 8: 31}[stride]
                x = x[:, :, o:o + size[0], o:o + size[1]]
            return end(x) if end else x
        return f if wide else multiple(f, 32)

    narrow = {"width": 4, "hidden": 16, "classes": 5}
    for stride in (32, 16, 8):
        case("paper", f"fcn-{stride}s", narrow, fcn(stride, 4, 16, 5), count=({}, fcn(stride, 64, 4096, 21)))
        case("pad 100", f"fcn-{stride}s", narrow | {"padding": "pad100"}, fcn(stride, 4, 16, 5, wide=True))
        case("light", f"fcn-{stride}s", narrow | {"form": "light"}, fcn(stride, 4, 16, 5, "light"),
             count=({"form": "light"}, fcn(stride, 64, 0, 21, "light")))
    case("at once", "fcn-8s", narrow | {"pool_scale": True}, fcn(8, 4, 16, 5, scale=True))
    case("restoring", "fcn-8s", {"width": 4, "classes": 3, "form": "light", "relu": True, "activation": "sigmoid"},
         fcn(8, 4, 0, 3, "light", relu=True, end=torch.sigmoid))

    # U-Net

    def unet(width=32, depth=4, outputs=1, k=3, norm=None, biases=False, act=F.relu, squeeze=False, up="transpose2", active=False,
             merge="concat", resize=False, residual=False, border="constant", end=None):
        def finish(net, name, x):
            return act(net.norm(name + "_norm", x, norm) if norm else x)

        def conv(net, name, x, n):
            if border != "constant":
                x, pad = F.pad(x, (k // 2,) * 4, mode=border), 0
            else:
                pad = None
            return finish(net, name, net.conv(name, x, n, k, pad=pad, bias=biases or not norm))

        def level(net, name, x, n):
            x = conv(net, name + "_conv2", conv(net, name + "_conv1", x, n), n)
            if squeeze:
                s = F.relu(net.dense(name + "_squeeze_reduce", x.mean((2, 3)), max(n // 16, 1)))
                x = x * net.dense(name + "_squeeze_expand", s, n).sigmoid()[:, :, None, None]
            return x

        def enlarge(net, name, x, n, skip, indices):
            if up == "transpose2":
                return net.up(name, x, n)
            if up == "transpose4":
                return net.up(name, x, n, 4, 2, 1)
            if up == "shuffle":
                return F.pixel_shuffle(net.conv(name + "_conv", x, 4 * n), 2)
            if up == "unpool":
                return F.max_unpool2d(net.conv(name + "_conv", x, n), indices, 2, output_size=skip.shape[2:])
            return net.conv(name, F.interpolate(x, scale_factor=2, mode=up, **({"align_corners": False} if up == "bilinear" else {})), n)

        def f(net, x):
            skips = []
            for i in range(depth):
                x = level(net, f"down{i + 1}", x, width << i)
                skip = x
                x, indices = F.max_pool2d(x, 2, return_indices=True)
                skips.append((skip, indices))
            x = level(net, "bottom", x, width << depth)
            for i in reversed(range(depth)):
                name, (skip, indices) = f"up{i + 1}", skips[i]
                x = enlarge(net, name + "_enlarge", x, width << i, skip, indices)
                if active:
                    x = finish(net, name + "_enlarge", x)
                if resize:
                    x = F.interpolate(x, skip.shape[2:], mode="bilinear", align_corners=False)
                x = torch.cat([skip, x], 1) if merge == "concat" else skip + x
                x = level(net, name, x, width << i)
            return net.conv("head", x, outputs, 1)

        inner = f if resize else multiple(f, 2**depth)

        def g(net, x):
            y = inner(net, x)
            y = x + y if residual else y
            return end(y) if end else y
        return g

    case("plain", "unet", {"width": 4}, unet(4), count=({}, unet(32)))
    case("batch", "unet", {"width": 4, "norm": "batch", "output_activation": "sigmoid"}, unet(4, norm="batch", end=torch.sigmoid),
         count=({"norm": "batch"}, unet(32, norm="batch")))
    case("group", "unet", {"width": 6, "depth": 2, "norm": "group", "biases": True, "activation": "elu"},
         unet(6, 2, norm="group", biases=True, act=F.elu))
    case("instance", "unet", {"width": 4, "depth": 3, "norm": "instance", "activation": "leaky_relu(0.1)", "border": "reflect"},
         unet(4, 3, norm="instance", act=lambda x: F.leaky_relu(x, 0.1), border="reflect"))
    case("border edge", "unet", {"width": 3, "depth": 2, "border": "edge", "kernel": 5}, unet(3, 2, k=5, border="replicate"))
    for up in ("transpose4", "nearest", "bilinear", "shuffle", "unpool"):
        case(up, "unet", {"width": 4, "depth": 3, "up": up}, unet(4, 3, up=up))
        case(up + ", resized", "unet", {"width": 4, "depth": 3, "up": up, "odd": "resize", "merge": "add"},
             unet(4, 3, up=up, resize=True, merge="add"))
    case("squeeze and excitation", "unet", {"width": 8, "depth": 2, "squeeze_excite": True}, unet(8, 2, squeeze=True))
    case("residual", "unet", {"width": 4, "depth": 2, "outputs": 3, "residual": True, "up_activation": True, "norm": "batch"},
         unet(4, 2, 3, residual=True, active=True, norm="batch"))

    def unet_paper(width, outputs, pad=True):
        def level(net, name, x, n):
            for j in (1, 2):
                x = F.relu(net.conv(f"{name}_conv{j}", x, n, pad=0))
            return x

        def middle(x, size):
            t, l = (x.shape[2] - size[0]) // 2, (x.shape[3] - size[1]) // 2
            return x[:, :, t:t + size[0], l:l + size[1]]

        def valid(net, x):
            skips = []
            for i in range(4):
                x = level(net, f"down{i + 1}", x, width << i)
                skips.append(x)
                x = F.max_pool2d(x, 2)
            x = level(net, "bottom", x, width << 4)
            for i in reversed(range(4)):
                x = net.up(f"up{i + 1}_enlarge", x, width << i)
                x = level(net, f"up{i + 1}", torch.cat([middle(skips[i], x.shape[2:]), x], 1), width << i)
            return net.conv("head", x, outputs, 1)

        def f(net, x):
            if not pad:
                return valid(net, x)
            size, x = x.shape[2:], F.pad(x, (92,) * 4, mode="reflect")
            ph, pw = (12 - x.shape[2]) % 16, (12 - x.shape[3]) % 16
            x = F.pad(x, (pw // 2, pw - pw // 2, ph // 2, ph - ph // 2), mode="reflect")
            return middle(valid(net, x), size)
        return f

    case("mirrored", "unet-paper", {"width": 3, "outputs": 3, "channels": 2}, unet_paper(3, 3), (1, 97, 103, 2), ({"channels": 2}, unet_paper(64, 2)))
    case("valid", "unet-paper", {"width": 3, "no_pad": True}, unet_paper(3, 2, False), (1, 188, 220, 1), ({}, unet_paper(64, 2)))

    def res_unet(width, depth=3):
        def conv(net, name, x, n, k, stride):
            if stride == 2 and k == 3:
                x = F.pad(x, (0, 1, 0, 1))
            return net.conv(name, x, n, k, stride, 0 if stride == 2 else None)

        def unit(net, name, x, n, stride, first=False):
            h = x if first else F.relu(net.norm(name + "_before1_norm", x))
            h = conv(net, name + "_conv1", h, n, 3, stride)
            h = net.conv(name + "_conv2", F.relu(net.norm(name + "_before2_norm", h)), n)
            return h + conv(net, name + "_shortcut", x, n, 1, stride)

        def f(net, x):
            skips = []
            for i in range(depth):
                x = unit(net, f"down{i + 1}", x, width << i, 1 + (i > 0), i == 0)
                skips.append(x)
            x = unit(net, "bottom", x, width << depth, 2)
            for i in reversed(range(depth)):
                x = torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), skips[i]], 1)
                x = unit(net, f"up{i + 1}", x, width << i, 1)
            return net.conv("head", x, 1, 1)
        return multiple(f, 2**depth)

    case("plain", "res-unet", {"width": 4}, res_unet(4), count=({}, res_unet(64)))

    def tiramisu(first, growth, layers, bottom, outputs=1):
        def layer(net, name, x, n, k=3):
            return net.conv(name, F.relu(net.norm(name + "_norm", x)), n, k)

        def block(net, name, n, x):
            made = []
            for i in range(n):
                new = layer(net, f"{name}_layer{i + 1}", x, growth)
                made.append(new)
                x = torch.cat([x, new], 1)
            return torch.cat(made, 1)

        def f(net, x):
            x, skips = net.conv("first", x, first), []
            for i, n in enumerate(layers):
                x = torch.cat([x, block(net, f"down{i + 1}", n, x)], 1)
                skips.append(x)
                x = F.max_pool2d(layer(net, f"down{i + 1}_transition", x, x.shape[1], 1), 2)
            made = block(net, "bottom", bottom, x)
            for i in reversed(range(len(layers))):
                x = net.up(f"up{i + 1}_enlarge", made, made.shape[1], 3)[:, :, :-1, :-1]
                x = torch.cat([x, skips[i]], 1)
                made = block(net, f"up{i + 1}", layers[i], x)
            return net.conv("head", torch.cat([x, made], 1), outputs, 1)
        return multiple(f, 2 ** len(layers))

    case("narrow", "dense-unet", {"first": 5, "growth": 3, "layers": [2, 1, 3], "bottom": 2}, tiramisu(5, 3, [2, 1, 3], 2),
         count=({}, tiramisu(48, 12, [4] * 5, 4)))
    for name, growth, layers, bottom in ("67", 16, [5] * 5, 5), ("103", 16, [4, 5, 7, 10, 12], 15):
        net = Net(True)
        tiramisu(48, growth, layers, bottom)(net, torch.empty(1, 3, 224, 224, device="meta"))
        record("FC-DenseNet" + name, "dense-unet", {"growth": growth, "layers": layers, "bottom": bottom}, net.parameters)

    def nested(width, depth=4, average=False, end=lambda x: x):
        def units(net, i, j, x):
            for k in (1, 2):
                x = F.relu(net.conv(f"x{i}{j}_conv{k}", x, width << i))
            return x

        def f(net, x):
            node = {}
            for i in range(depth + 1):
                node[i, 0] = units(net, i, 0, F.max_pool2d(node[i - 1, 0], 2) if i else x)
                for j in range(1, i + 1):  # the diagonal that x(i,0) makes possible
                    a = i - j
                    up = net.up(f"x{a}{j}_enlarge", node[a + 1, j - 1], width << a)
                    node[a, j] = units(net, a, j, torch.cat([node[a, b] for b in range(j)] + [up], 1))
            heads = range(1, depth + 1) if average else [depth]
            return sum(end(net.conv(f"head{j}", node[0, j], 1, 1)) for j in heads) / len(heads)
        return multiple(f, 2**depth)

    case("plain", "unet-plus-plus", {"width": 4}, nested(4), count=({}, nested(32)))
    case("average", "unet-plus-plus", {"width": 4, "depth": 3, "average": True, "output_activation": "sigmoid"},
         nested(4, 3, True, torch.sigmoid), count=({"average": True}, nested(32, 4, True)))

    def attention(width, depth=4):
        def level(net, name, x, n):
            for j in (1, 2):
                x = F.relu(net.norm(f"{name}_conv{j}_norm", net.conv(f"{name}_conv{j}", x, n, bias=False)))
            return x

        def gate(net, name, x, g):
            n = max(x.shape[1] // 2, 1)
            q = F.relu(net.conv(name + "_x", x, n, 2, 2, 0, bias=False) + net.conv(name + "_g", g, n, 1))
            alpha = net.conv(name + "_psi", q, 1, 1).sigmoid()
            return x * F.interpolate(alpha, x.shape[2:], mode="bilinear", align_corners=False)

        def f(net, x):
            skips = []
            for i in range(depth):
                x = level(net, f"down{i + 1}", x, width << i)
                skips.append(x)
                x = F.max_pool2d(x, 2)
            x = level(net, "bottom", x, width << depth)
            for i in reversed(range(depth)):
                gated = gate(net, f"up{i + 1}_attention", skips[i], x)
                x = torch.cat([gated, net.up(f"up{i + 1}_enlarge", x, width << i)], 1)
                x = level(net, f"up{i + 1}", x, width << i)
            return net.conv("head", x, 1, 1)
        return multiple(f, 2**depth)

    case("plain", "attention-unet", {"width": 4}, attention(4), count=({}, attention(32)))

    def r2(width, depth=4, steps=2):
        def act(net, name, x):
            return F.relu(net.norm(name + "_norm", net.conv(name, x, width_of(name, x)), eps=1e-5))

        def width_of(name, x):
            i = depth if name.startswith("bottom") else int(name.split("_")[0].lstrip("downup")) - 1
            return width << i

        def unit(net, name, x, n):
            h = net.conv(name + "_in", x, n, 1)
            y = h
            for layer in (1, 2):
                f = f"{name}_recurrent{layer}"
                x0, y = y, act(net, f, y)
                for _ in range(steps):
                    y = act(net, f, x0 + y)
            return h + y

        def f(net, x):
            skips = []
            for i in range(depth):
                x = unit(net, f"down{i + 1}", x, width << i)
                skips.append(x)
                x = F.max_pool2d(x, 2)
            x = unit(net, "bottom", x, width << depth)
            for i in reversed(range(depth)):
                x = act(net, f"up{i + 1}_enlarge", F.interpolate(x, scale_factor=2, mode="nearest"))
                x = unit(net, f"up{i + 1}", torch.cat([skips[i], x], 1), width << i)
            return net.conv("head", x, 1, 1)
        return multiple(f, 2**depth)

    case("plain", "r2-unet", {"width": 3, "depth": 3}, r2(3, 3), count=({}, r2(64)))

    # with the encoders of classifiers

    def vgg_unet(layers, width, bn):
        def f(net, x):
            skips = vgg(net, x, layers, width, bn)[0]
            x = skips[4]
            for i in reversed(range(4)):
                n = width << i
                x = torch.cat([skips[i], net.up(f"up{i + 1}_enlarge", x, n)], 1)
                for j in (1, 2):
                    name = f"up{i + 1}_conv{j}"
                    x = net.conv(name, x, n)
                    x = F.relu(net.norm(name + "_norm", x, eps=1e-5) if bn else x)
            return net.conv("head", x, 1, 1)
        return multiple(f, 16)

    case("16", "vgg-unet", {"width": 4}, vgg_unet(16, 4, False), count=({}, vgg_unet(16, 64, False)))
    case("11, normalised", "vgg-unet", {"width": 4, "layers": 11, "batch_norm": True}, vgg_unet(11, 4, True))

    def resnet(net, x, layers, width, strides=(1, 2, 2, 2), dilations=(1, 1, 1, 1)):
        def cn(name, x, n, k, stride=1, dilation=1):
            return net.norm(name + "_norm", net.conv(name, x, n, k, stride, None, dilation, bias=False), eps=1e-5)

        x = F.relu(cn("stem", x, width, 7, 2))
        values = [x]
        x, d = F.max_pool2d(x, 3, 2, 1), 1
        for s, blocks in enumerate({18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3]}[layers]):
            n, out = width << s, (width << s) * (4 if layers == 50 else 1)
            for b in range(blocks):
                name, stride = f"layer{s + 1}_{b + 1}", strides[s] if b == 0 else 1
                if layers == 50:
                    h = F.relu(cn(name + "_conv1", x, n, 1))
                    h = F.relu(cn(name + "_conv2", h, n, 3, stride, d))
                    h = cn(name + "_conv3", h, out, 1)
                else:
                    h = F.relu(cn(name + "_conv1", x, n, 3, stride, d))
                    h = cn(name + "_conv2", h, n, 3, 1, d)
                if stride > 1 or x.shape[1] != out:
                    x = cn(name + "_shortcut", x, out, 1, stride)
                x, d = F.relu(h + x), dilations[s]
            values.append(x)
        return values

    def resnet_unet(layers, width):
        def f(net, x):
            skips = resnet(net, x, layers, width)
            x = skips[4]
            for i in reversed(range(5)):
                n = max(skips[i - 1].shape[1] // 2, width) if i else width // 2
                x = net.up(f"up{i + 1}_enlarge", x, n)
                if i:
                    x = torch.cat([skips[i - 1], x], 1)
                for j in (1, 2):
                    name = f"up{i + 1}_conv{j}"
                    x = F.relu(net.norm(name + "_norm", net.conv(name, x, n, bias=False), eps=1e-5))
            return net.conv("head", x, 1, 1)
        return multiple(f, 32)

    for layers in (18, 34, 50):
        case(str(layers), "resnet-unet", {"width": 4, "layers": layers}, resnet_unet(layers, 4),
             count=({"layers": layers}, resnet_unet(layers, 64)))

    def deeplab(layers, width, classes, rates):
        def f(net, x):
            def cnr(name, x, n, k=1, dilation=1):
                return F.relu(net.norm(name + "_norm", net.conv(name, x, n, k, 1, None, dilation, bias=False), eps=1e-5))

            size = x.shape[2:]
            x = resnet(net, x, layers, width, (1, 2, 1, 1), (1, 1, 2, 4))[4]
            n = 4 * width
            branches = [cnr("pyramid_1x1", x, n)] + [cnr(f"pyramid_rate{r}", x, n, 3, r) for r in rates]
            mean = cnr("pyramid_mean_conv", x.mean((2, 3), keepdim=True), n)
            branches.append(F.interpolate(mean, x.shape[2:], mode="bilinear", align_corners=False))
            x = cnr("classifier", cnr("pyramid_project", torch.cat(branches, 1), n), n, 3)
            return F.interpolate(net.conv("score", x, classes, 1), size, mode="bilinear", align_corners=False)
        return f

    case("50", "deeplab", {"width": 4, "classes": 4, "rates": [2, 3]}, deeplab(50, 4, 4, [2, 3]), count=({}, deeplab(50, 64, 21, [12, 24, 36])))
    case("18", "deeplab", {"width": 4, "classes": 4, "layers": 18}, deeplab(18, 4, 4, [12, 24, 36]))

    # restoration, discrimination

    def dncnn(width, depth, bn):
        def f(net, x):
            y = F.relu(net.conv("conv1", x, width))
            for i in range(2, depth):
                y = net.conv(f"conv{i}", y, width, bias=not bn)
                y = F.relu(net.norm(f"conv{i}_norm", y) if bn else y)
            y = net.conv(f"conv{depth}", y, x.shape[1])
            return x - y if bn else y
        return f

    case("plain", "dncnn", {"width": 5, "depth": 6, "channels": 3}, dncnn(5, 6, False), count=({"channels": 3}, dncnn(64, 17, False)))
    case("the paper's", "dncnn", {"width": 5, "depth": 6, "channels": 3, "residual": True, "batch_norm": True}, dncnn(5, 6, True),
         count=({"channels": 3, "residual": True, "batch_norm": True}, dncnn(64, 17, True)))

    def espcn(width, scale):
        def f(net, x):
            y = torch.tanh(net.conv("conv1", x, width, 5))
            y = torch.tanh(net.conv("conv2", y, width // 2))
            return F.pixel_shuffle(net.conv("conv3", y, x.shape[1] * scale**2), scale)
        return f

    case("plain", "espcn", {"width": 6}, espcn(6, 3), (2, 13, 22, 1), ({}, espcn(64, 3)))

    def edsr(width, blocks, scale, factor=1):
        def f(net, x):
            channels, x = x.shape[1], net.conv("head", x, width)
            head = x
            for i in range(1, blocks + 1):
                x = x + factor * net.conv(f"block{i}_conv2", F.relu(net.conv(f"block{i}_conv1", x, width)), width)
            x = head + net.conv("body", x, width)
            for i, s in enumerate([2, 2] if scale == 4 else [scale]):
                x = F.pixel_shuffle(net.conv(f"enlarge{i + 1}", x, width * s * s), s)
            return net.conv("tail", x, channels)
        return f

    for scale in (2, 3, 4):
        case(f"x{scale}", "edsr", {"width": 4, "blocks": 2, "scale": scale, "block_scale": 0.1}, edsr(4, 2, scale, 0.1), (1, 11, 18, 3),
             ({"scale": scale}, edsr(64, 16, scale)))

    def patchgan(width, layers, norm):
        def f(net, x):
            x = F.leaky_relu(net.conv("conv1", x, width, 4, 2, 1), 0.2)
            for i in range(1, layers + 1):
                name = f"conv{i + 1}"
                x = net.conv(name, x, width * min(2**i, 8), 4, 2 if i < layers else 1, 1, bias=False)
                x = F.leaky_relu(net.norm(name + "_norm", x, norm, 1e-5), 0.2)
            return net.conv(f"conv{layers + 2}", x, 1, 4, 1, 1)
        return f

    case("70x70", "patch-gan", {"width": 4}, patchgan(4, 3, "batch"), (1, 45, 71, 6), ({}, patchgan(64, 3, "batch")))
    case("instance", "patch-gan", {"width": 4, "layers": 4, "norm": "instance", "channels": 3}, patchgan(4, 4, "instance"), (1, 67, 91, 3))


# ------------------------------------------------------------------------------------ Keras


def with_keras():
    import keras
    from keras import layers as L

    def fill(model):
        """Gives every layer the weights of its name."""
        for layer in model.layers:
            values = []
            for w in layer.weights:
                values.append(draw(f"{layer.name}/{w.name}", tuple(w.shape)))
            layer.set_weights(values)

    def case(name, architecture, options, model, size):
        fill(model)
        record(name, architecture, options, model.count_params(), size, model.predict(draw("picture", size), verbose=0))

    # keras.applications' own
    case("keras.applications, no top", "vgg-16", {"no_top": True}, keras.applications.VGG16(weights=None, include_top=False, input_shape=(37, 50, 3)), (1, 37, 50, 3))
    case("keras.applications, no top", "vgg-19", {"no_top": True}, keras.applications.VGG19(weights=None, include_top=False, input_shape=(33, 35, 3)), (1, 33, 35, 3))
    for n, net in (16, keras.applications.VGG16), (19, keras.applications.VGG19):
        record("keras.applications", f"vgg-{n}", {}, net(weights=None).count_params())

    def book(width, depth, size):
        x = picture = keras.Input(size[1:])

        def act(name, x):
            return L.LeakyReLU(negative_slope=0.3)(L.BatchNormalization(name=name + "_norm")(x))

        def level(name, x, n):
            for j in (1, 2):
                x = act(f"{name}_conv{j}", L.Conv2D(n, 4, padding="same", name=f"{name}_conv{j}")(x))
            return L.Dropout(0.2)(x)

        skips = []
        for i in range(depth):
            x = level(f"down{i + 1}", x, width << i)
            skips.append(x)
            x = L.MaxPooling2D()(x)
        x = level("bottom", x, width << depth)
        for i in reversed(range(depth)):
            name = f"up{i + 1}_enlarge"
            x = act(name, L.Conv2DTranspose(width << i, 4, strides=2, padding="same", name=name)(x))
            x = L.Resizing(*skips[i].shape[1:3])(x)
            x = level(f"up{i + 1}", L.Concatenate()([skips[i], x]), width << i)
        return keras.Model(picture, L.Conv2D(3, 1, name="head")(x))

    size = (1, 45, 71, 3)
    case("narrow", "unet-book", {"width": 4, "depth": 3}, book(4, 3, size), size)
    record("full width", "unet-book", {}, book(32, 4, size).count_params())

    def fcn8(size, classes, form):
        picture = keras.Input(size[1:])
        base = keras.applications.VGG16(weights=None, include_top=False, input_tensor=picture)
        pools = [base.get_layer(f"block{i}_pool").output for i in (3, 4, 5)]
        x = pools[2]
        if form == "paper":
            x = L.Conv2D(24, 7, padding="same", activation="relu", name="fc6")(x)
            x = L.Conv2D(24, 1, activation="relu", name="fc7")(x)
        x = L.Conv2D(classes, 1, name="score_fr")(x)
        for name, enlarge, pool in ("score_pool4", "upscore2", pools[1]), ("score_pool3", "upscore_pool4", pools[0]):
            x = L.Conv2DTranspose(classes, 4, strides=2, padding="same", name=enlarge)(x)
            x = L.Add()([x, L.Conv2D(classes, 1, name=name)(pool)])
        return keras.Model(picture, L.Conv2DTranspose(classes, 16, strides=8, padding="same", name="upscore8")(x))

    for form in ("paper", "light"):
        options = {"classes": 3, "form": form} | ({"hidden": 24} if form == "paper" else {})
        case("Keras, " + form, "fcn-8s", options, fcn8((1, 64, 96, 3), 3, form), (1, 64, 96, 3))


{"torch": with_torch, "keras": with_keras}[library]()
text = json.dumps({"library": library, "cases": cases}, separators=(",", ":")).encode()
out = pathlib.Path(__file__).with_name(f"families_{library}.json.gz")
out.write_bytes(gzip.compress(text, 9, mtime=0))
print(out.name, out.stat().st_size, len(cases))
