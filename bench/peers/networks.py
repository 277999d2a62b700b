"""What the scripts of the convolutional networks share: the networks, the options, the
clock and the report.

A network is written once, over a builder: each framework has one with the operations
conv, up (transposed convolution), pool, concat and add. All convolutions are same, and
biased but for those that a batch normalisation follows. The numbers of parameters are
those of the same networks in package models.
"""

import argparse
import json
import statistics
import time

import numpy as np


def unet(b, x, norm=False):
    def double(x, filters):
        return b.conv(b.conv(x, filters, 3, relu=True, norm=norm), filters, 3, relu=True, norm=norm)

    skips = []
    for level in range(4):
        x = double(x, 32 << level)
        skips.append(x)
        x = b.pool(x)
    x = double(x, 512)
    for level in reversed(range(4)):
        x = b.up(x, 32 << level, 2, 2)
        x = double(b.concat(skips[level], x), 32 << level)
    return b.conv(x, 1, 1)


def dncnn(b, x):
    for _ in range(16):
        x = b.conv(x, 64, 3, relu=True)
    return b.conv(x, 1, 3)


def fcn8s(b, x):
    pools = []
    for convolutions, filters in (2, 64), (2, 128), (3, 256), (3, 512), (3, 512):
        for _ in range(convolutions):
            x = b.conv(x, filters, 3, relu=True)
        x = b.pool(x)
        pools.append(x)
    x = b.conv(x, 4096, 7, relu=True)
    x = b.conv(x, 4096, 1, relu=True)
    x = b.up(b.conv(x, 21, 1), 21, 4, 2)
    x = b.add(x, b.conv(pools[3], 21, 1))
    x = b.up(x, 21, 4, 2)
    x = b.add(x, b.conv(pools[2], 21, 1))
    return b.up(x, 21, 16, 8)


# name: builder, channels in and out, what sides have to be multiples of, parameters
NETWORKS = {
    "unet": (unet, 3, 1, 16, 7_760_097),
    "unet-bfloat16": (unet, 3, 1, 16, 7_760_097),  # the precision is the variant's
    "unet-bn": (lambda b, x: unet(b, x, norm=True), 3, 1, 16, 7_760_097 + 3 * 2944),
    "dncnn": (dncnn, 1, 1, 1, 555_137),
    "fcn-8s": (fcn8s, 3, 21, 32, 134_489_822),
}

BN_EPSILON = 1e-3
BN_MOMENTUM = 0.99  # of what was, as Keras says it; PyTorch says 0.01


class Case:
    """A case of `hourglass bench`: network/infer|train/[N x]size."""

    def __init__(self, name):
        self.name = name
        network, mode, size = name.split("/")
        self.build, self.channels, self.outputs, multiple, self.parameters = NETWORKS[network]
        self.training = {"infer": False, "train": True}[mode]
        numbers = [int(n) for n in size.split("x")]
        # 256 is a side, 333x517 height and width, 8x128 a batch of squares.
        if len(numbers) == 1:
            self.batch, h, w = 1, numbers[0], numbers[0]
        elif len(numbers) == 3:
            self.batch, h, w = numbers
        elif numbers[0] < 64:
            self.batch, h, w = numbers[0], numbers[1], numbers[1]
        else:
            self.batch, (h, w) = 1, numbers
        self.h, self.w = -h % multiple + h, -w % multiple + w
        self.note = "" if (self.h, self.w) == (h, w) else f"{self.h}x{self.w}, as sides must be multiples of {multiple}"

    def input(self, nchw=False):
        """The pictures: from 0 to 1."""
        return self._noise(1, self.channels, nchw)

    def target(self, nchw=False):
        return self._noise(2, self.outputs, nchw)

    def _noise(self, seed, channels, nchw):
        x = np.random.default_rng(seed).random((self.batch, self.h, self.w, channels), np.float32)
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if nchw else x

    def check(self, parameters, output_shape, nchw=False):
        """Stops where the network is another one than ours."""
        want = (self.batch, self.h, self.w, self.outputs)
        if nchw:
            want = (want[0], want[3], want[1], want[2])
        if parameters != self.parameters or tuple(output_shape) != want:
            raise SystemExit(f"{self.name}: {parameters} parameters, output {tuple(output_shape)}; "
                             f"want {self.parameters}, {want}")


class Weights:
    """The same weights for every framework, where outputs are to be compared: drawn in the
    order in which the network is built, kernels as [kh, kw, in, out]."""

    def __init__(self):
        self.rng = np.random.default_rng(7)

    def kernel(self, k, fan_in, fan_out):
        limit = (6 / (k * k * fan_in)) ** 0.5
        return self.rng.uniform(-limit, limit, (k, k, fan_in, fan_out)).astype(np.float32)

    def bias(self, n):
        return self.rng.uniform(-0.1, 0.1, n).astype(np.float32)


def options(variants, model=False):
    parser = argparse.ArgumentParser()
    parser.add_argument("case", type=Case, help="such as unet/infer/256, unet/train/8x128")
    parser.add_argument("--variant", choices=variants, default=variants[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2.5, help="how long to measure, after warming up")
    parser.add_argument("--output", metavar="FILE", help="write the output for weights that all scripts draw alike, "
                        "as .npy [N, H, W, C], instead of measuring")
    if model:
        parser.add_argument("--model", metavar="FILE", required=True, help="the ONNX file that onnx_networks.py writes")
    return parser.parse_args()


# A case is measured in so many repetitions at least, after so many to warm up.
LEAST, WARM_UP = 3, 3


def measure(once, seconds):
    """The milliseconds of every repetition."""
    for _ in range(WARM_UP):
        once()
    times, begin = [], time.perf_counter()
    while len(times) < LEAST or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        once()
        times.append((time.perf_counter() - start) * 1000)
    return times


def report(name, version, case, times):
    """Prints one JSON object."""
    print(json.dumps({
        "name": name,
        "version": version,
        "case": case.name,
        "note": case.note,
        "ms_median": round(statistics.median(times), 4),
        "ms_min": round(min(times), 4),
        "repetitions": len(times),
    }))
