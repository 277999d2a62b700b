"""Writes autoencoders_keras.json.gz and autoencoders_torch.json.gz beside this script: outputs
of autoencoders with random weights, at odd sizes. TestAutoencodersAgainstPeers of package
models compares itself with them.

Made with Keras 3.15.1 on TensorFlow 2.21.0 and with PyTorch 2.13.0 (CPU):
    KERAS_BACKEND=tensorflow python3 autoencoders_peers.py keras
    python3 autoencoders_peers.py torch

A file: {"library", "cases": [{"name", "architecture", "options", "params", "input", "outputs"}]}.
Architecture and options are those of package models; params and outputs are by the names of its
parameters and of the graph's nodes. Every tensor is {"shape", "data"}, pictures NHWC, kernels as
Keras has them. A network of stride 2^n sees the picture padded by reflection to a multiple of
2^n, the smaller half first, and its output is cropped.
"""
import gzip, json, pathlib, sys

import numpy as np

library = sys.argv[1]
rng = np.random.default_rng(6)
cases = []


def dump(v):
    v = np.asarray(v)
    return {"shape": list(v.shape), "data": [float(f"{x:.7g}") for x in v.ravel()]}


def weights(*shape):
    """Random ones of a size that keeps activations near 1."""
    return np.round(rng.normal(size=shape) / np.sqrt(max(np.prod(shape[:-1]), 1) / 2), 4).astype("float32")


class Params(dict):
    """Named parameters, drawn when they are first asked for."""

    def get(self, name, *shape):
        if name not in self:
            self[name] = weights(*shape)
        return self[name]

    def conv(self, name, cin, cout):
        return self.get(name + "/kernel", 3, 3, cin, cout), self.get(name + "/bias", cout)

    def transposed(self, name, cin, cout):
        return self.get(name + "/kernel", 3, 3, cout, cin), self.get(name + "/bias", cout)

    def dense(self, name, cin, cout):
        return self.get(name + "/kernel", cin, cout), self.get(name + "/bias", cout)


def case(name, architecture, options, run, shape, levels):
    """run(picture, params) -> outputs by node; the last, "pixels", is cropped."""
    x = np.round(rng.random(size=shape), 3).astype("float32")
    side, params = 2**levels, Params()
    pads = [(0, 0)] + [((-n % side) // 2, -n % side - (-n % side) // 2) for n in shape[1:3]] + [(0, 0)]
    outputs = {k: np.asarray(v) for k, v in run(np.pad(x, pads, mode="reflect"), params).items()}
    (top, _), (left, _) = pads[1:3]
    outputs["pixels"] = outputs["pixels"][:, top:top + shape[1], left:left + shape[2]]
    cases.append({"name": name, "architecture": architecture, "options": options, "input": dump(x),
                  "params": {k: dump(v) for k, v in params.items()},
                  "outputs": {k: dump(v) for k, v in outputs.items()}})


def with_keras():
    from keras import layers

    def apply(layer, x, *params):
        layer.build(x.shape)
        layer.set_weights(params)
        return layer(x)

    def conv(p, name, x, n, act="relu", **k):
        return apply(layers.Conv2D(n, 3, padding="same", activation=act, **k), x, *p.conv(name, x.shape[-1], n))

    def transposed(p, name, x, n, act="relu", **k):
        return apply(layers.Conv2DTranspose(n, 3, padding="same", activation=act, **k), x, *p.transposed(name, x.shape[-1], n))

    def conv_autoencoder(channels, filters, down, up):
        def run(x, p):
            for i, n in enumerate(filters):
                last = i == len(filters) - 1
                if down == "pool":
                    x = layers.MaxPooling2D(2)(conv(p, f"encoder_{i + 1}", x, n))
                else:
                    x = conv(p, "code" if last else f"encoder_{i + 1}", x, n, strides=2)
            code = x
            for i, n in reversed(list(enumerate(filters))):
                if up == "transposed":
                    x = transposed(p, f"decoder_{i + 1}", x, n, strides=2)
                else:
                    x = conv(p, f"decoder_{i + 1}", layers.UpSampling2D(2)(x), n)
            return {"code": code, "pixels": conv(p, "pixels", x, channels, "sigmoid")}
        return run

    def dense(p, name, x, n, act="linear"):
        return apply(layers.Dense(n, activation=act), x, *p.dense(name, x.shape[-1], n))

    def vae(channels, filters, hidden, latent):
        def run(x, p):
            for i, n in enumerate(filters):
                x = conv(p, f"encoder_{i + 1}", x, n, strides=2)
            small = x.shape[1:]
            x = dense(p, "encoder_dense", layers.Flatten()(x), hidden, "relu")
            code, log_variance = dense(p, "mean", x, latent), dense(p, "log_variance", x, latent)
            x = layers.Reshape(small)(dense(p, "decoder_dense", code, int(np.prod(small)), "relu"))
            for i, n in reversed(list(enumerate(filters))):
                x = transposed(p, f"decoder_{i + 1}", x, n, strides=2)
            return {"code": code, "log_variance": log_variance, "pixels": transposed(p, "pixels", x, channels, "sigmoid")}
        return run

    for channels, filters, hidden, latent, shape in [(1, [3, 4], 5, 2, (2, 12, 8, 1)), (2, [4, 3], 7, 3, (3, 10, 13, 2))]:
        case(f"code of {latent}", "vae", {"picture": shape[1:], "filters": filters, "hidden": hidden, "latent": latent},
             vae(channels, filters, hidden, latent), shape, len(filters))

    for down, up, channels, filters, shape in [
        ("pool", "transposed", 1, [5, 3], (2, 13, 22, 1)), ("pool", "upsampling", 3, [4, 6, 3], (1, 19, 10, 3)),
        ("stride", "transposed", 2, [3], (3, 7, 11, 2)), ("stride", "upsampling", 1, [3, 5], (2, 9, 17, 1)),
    ]:
        case(f"{down}, {up}", "conv-autoencoder", {"channels": channels, "filters": filters, "down": down, "up": up},
             conv_autoencoder(channels, filters, down, up), shape, len(filters))


def vqvae_layers(conv, transposed, add, relu):
    """VQ-VAE as a function of a library's layers, up to the code and from a quantised one."""
    def residual(p, side, x, width, blocks, inner):
        for i in range(blocks):
            name = f"{side}_block_{i + 1}"
            h = conv(p, name + "_conv", relu(x), inner, 3, 1, True)
            x = add(x, conv(p, name + "_out", h, width, 1, 1, False))
        return relu(x)

    def encode(p, x, o):
        for level in range(o["levels"]):
            n = o["width"] // 2 if level == 0 and o["levels"] > 1 else o["width"]
            x = conv(p, f"encoder_{level + 1}", x, n, 4, 2, True)
        x = residual(p, "encoder", conv(p, "encoder_conv", x, o["width"], 3, 1, False), o["width"], o["blocks"], o["residual"])
        return conv(p, "code", x, o["size"], 1, 1, False)

    def decode(p, q, o):
        x = residual(p, "decoder", conv(p, "decoder_conv", q, o["width"], 3, 1, False), o["width"], o["blocks"], o["residual"])
        for level in reversed(range(1, o["levels"])):
            x = transposed(p, f"decoder_{level + 1}", x, o["width"] // 2 if level == 1 else o["width"], relu)
        return transposed(p, "pixels", x, o["channels"], None)
    return encode, decode


def with_torch():
    import torch
    from torch.nn import functional as F

    def conv(p, name, x, n, act=F.relu):
        kernel, bias = p.conv(name, x.shape[1], n)
        return act(F.conv2d(x, torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()), torch.from_numpy(bias), padding=1))

    def nhwc(x):
        return x.permute(0, 2, 3, 1).contiguous().numpy()

    def unpool_autoencoder(channels, filters):
        def run(x, p):
            x, masks = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), []
            for i, n in enumerate(filters):
                x, mask = F.max_pool2d(conv(p, f"encoder_{i + 1}", x, n), 2, return_indices=True)
                masks.append(mask)
            code = x
            for i in reversed(range(len(filters))):
                x = conv(p, f"decoder_{i + 1}", F.max_unpool2d(x, masks[i], 2), filters[max(i - 1, 0)])
            return {"code": nhwc(code), "pixels": nhwc(conv(p, "pixels", x, channels, torch.sigmoid))}
        return run

    def same(x, k, s):
        """Pads as Keras does: the smaller half first."""
        pads = []
        for n in (x.shape[3], x.shape[2]):
            total = max((-(-n // s) - 1) * s + k - n, 0)
            pads += [total // 2, total - total // 2]
        return F.pad(x, pads)

    def any_conv(p, name, x, n, k, s, act):
        kernel, bias = p.get(name + "/kernel", k, k, x.shape[1], n), p.get(name + "/bias", n)
        y = F.conv2d(same(x, k, s), torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()), torch.from_numpy(bias), stride=s)
        return F.relu(y) if act else y

    def any_transposed(p, name, x, n, act):
        kernel, bias = p.get(name + "/kernel", 4, 4, n, x.shape[1]), p.get(name + "/bias", n)
        y = F.conv_transpose2d(x, torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()), torch.from_numpy(bias), stride=2, padding=1)
        return act(y) if act else torch.sigmoid(y)

    encode, decode = vqvae_layers(any_conv, any_transposed, torch.add, F.relu)

    def vqvae(options):
        def run(x, p):
            code = encode(p, torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), options)
            book = torch.from_numpy(p.get("quantized/codebook", options["codes"], options["size"]))
            z = code.permute(0, 2, 3, 1)
            k = torch.cdist(z.double().reshape(-1, z.shape[-1]), book.double()).argmin(1)
            q = book[k].reshape(z.shape)
            pixels = decode(p, q.permute(0, 3, 1, 2), options)
            per_sample = ((q - z) ** 2).mean((1, 2, 3))
            return {"code": z.numpy(), "quantized": q.numpy(), "quantized:2": k.reshape(*z.shape[:3], 1).float().numpy(),
                    "codebook": per_sample.numpy(), "commitment": per_sample.numpy(), "pixels": nhwc(pixels)}
        return run

    for options, shape in [
        ({"channels": 1, "levels": 2, "width": 6, "blocks": 2, "residual": 3, "size": 4, "codes": 7}, (2, 13, 22, 1)),
        ({"channels": 3, "levels": 1, "width": 4, "blocks": 1, "residual": 5, "size": 2, "codes": 12}, (1, 9, 7, 3)),
        ({"channels": 2, "levels": 3, "width": 4, "blocks": 1, "residual": 2, "size": 3, "codes": 5}, (2, 10, 17, 2)),
    ]:
        case(f"{options['levels']} levels", "vqvae", options, vqvae(options), shape, options["levels"])

    for channels, filters, shape in [(1, [4, 3], (2, 13, 22, 1)), (3, [2, 5, 3], (1, 19, 10, 3))]:
        case(f"{len(filters)} levels", "unpool-autoencoder", {"channels": channels, "filters": filters},
             unpool_autoencoder(channels, filters), shape, len(filters))


{"keras": with_keras, "torch": with_torch}[library]()
text = json.dumps({"library": library, "cases": cases}, separators=(",", ":")).encode()
out = pathlib.Path(__file__).with_name(f"autoencoders_{library}.json.gz")
out.write_bytes(gzip.compress(text, 9, mtime=0))
