"""Writes vgg16_pools.json beside this script: what Keras's VGG16 with the weights trained on
ImageNet makes of a picture at its five pools, 200 numbers of each, and their mean.

Made with Keras 3.15.1 on TensorFlow 2.21.0 (CPU), safetensors 0.8.0:
    KERAS_BACKEND=tensorflow python3 vgg16_pools.py $HOURGLASS_DATA/vgg16/vgg16-imagenet-notop.safetensors

The picture, 97x131x3, is (13x + 7y + 5c) % 29 / 28 at row y, column x, channel c (red first),
through keras.applications' preprocessing.
"""

import json
import pathlib
import sys

import keras
import numpy as np
from safetensors.numpy import load_file

H, W = 97, 131
net = keras.applications.VGG16(weights=None, include_top=False, input_shape=(H, W, 3))
weights = load_file(sys.argv[1])
for layer in net.layers:
    if layer.weights:
        layer.set_weights([weights[f"{layer.name}/{w.name}"] for w in layer.weights])
y, x, c = np.meshgrid(np.arange(H), np.arange(W), np.arange(3), indexing="ij")
picture = keras.applications.vgg16.preprocess_input(255 * ((13 * x + 7 * y + 5 * c) % 29 / 28).astype(np.float32)[None])
names = [f"block{i}_pool" for i in range(1, 6)]
outputs = keras.Model(net.input, [net.get_layer(n).output for n in names]).predict(picture, verbose=0)
pools = []
for name, out in zip(names, outputs):
    flat = out.ravel()
    stride = flat.size // 200 | 1
    pools.append({"name": name, "shape": list(out.shape), "mean": float(flat.mean()), "most": float(flat.max()),
                  "stride": stride, "data": [float(f"{v:.7g}") for v in flat[::stride][:200]]})  # fmt: skip
pathlib.Path(__file__).with_name("vgg16_pools.json").write_text(json.dumps({"pools": pools}, separators=(",", ":")) + "\n")
