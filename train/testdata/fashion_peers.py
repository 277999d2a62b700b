"""Test BCE of four small autoencoders on Fashion-MNIST in Keras and PyTorch.

Run once with a Python that has Keras, once with one that has PyTorch; each adds its
results to fashion_peers.json beside this file:

    python fashion_peers.py keras DIR     # strided, upsampling, dilated
    python fashion_peers.py torch DIR     # unpooling, which Keras has not

DIR holds Fashion-MNIST's four IDX files, gzipped. FASHION_SEEDS is how many seeds (1).
All: Glorot uniform kernels, zero biases, Adam 1e-3 (epsilon 1e-7), batches of 128,
EPOCHS epochs of the 60,000 training pictures; BCE is the mean over the test pixels.
"""
import gzip, json, os, pathlib, sys

for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ[name] = "2"
import numpy as np

EPOCHS, BATCH, CHANNELS = 3, 128, 8
OUT = pathlib.Path(__file__).with_suffix(".json")


def pictures(folder, part):
    raw = gzip.open(f"{folder}/{part}-images-idx3-ubyte.gz").read()
    return np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28, 1).astype("float32") / 255


def with_keras(train, test, seed):
    import keras
    from keras import layers

    def conv(n=CHANNELS, act="relu", **k):
        return layers.Conv2D(n, 3, padding="same", activation=act, **k)

    kinds = {
        "strided": [conv(strides=2),
                    layers.Conv2DTranspose(CHANNELS, 3, strides=2, padding="same", activation="relu")],
        "upsampling": [conv(), layers.MaxPooling2D(2), conv(), layers.UpSampling2D(2)],
        "dilated": [conv(), conv(dilation_rate=2)],
    }
    for kind, body in kinds.items():
        keras.utils.set_random_seed(seed)
        m = keras.Sequential([keras.Input((28, 28, 1)), *body, conv(1, None)])
        m.compile(keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy(from_logits=True))
        m.fit(train, train, batch_size=BATCH, epochs=EPOCHS, verbose=0)
        yield kind, float(m.evaluate(test, test, batch_size=500, verbose=0)), f"Keras {keras.__version__}"


def with_torch(train, test, seed):
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(2)
    torch.manual_seed(seed)
    train, test = (torch.from_numpy(x.transpose(0, 3, 1, 2).copy()) for x in (train, test))
    a, b, c = (nn.Conv2d(i, o, 3, padding=1) for i, o in ((1, CHANNELS), (CHANNELS, CHANNELS), (CHANNELS, 1)))
    net = nn.ModuleList([a, b, c])
    for l in net:
        nn.init.xavier_uniform_(l.weight)
        nn.init.zeros_(l.bias)

    def run(x):
        x, where = F.max_pool2d(F.relu(a(x)), 2, return_indices=True)
        return c(F.max_unpool2d(F.relu(b(x)), where, 2))

    adam = torch.optim.Adam(net.parameters(), 1e-3, eps=1e-7)
    for _ in range(EPOCHS):
        for i in torch.randperm(len(train)).split(BATCH):
            adam.zero_grad()
            F.binary_cross_entropy_with_logits(run(train[i]), train[i]).backward()
            adam.step()
    with torch.no_grad():
        bce = np.mean([F.binary_cross_entropy_with_logits(run(x), x).item() for x in test.split(500)])
    yield "unpooling", float(bce), f"PyTorch {torch.__version__}"


def main():
    peer, folder = sys.argv[1:]
    train, test = pictures(folder, "train"), pictures(folder, "t10k")
    found = {}
    for seed in range(1, 1 + int(os.environ.get("FASHION_SEEDS", "1"))):
        for kind, bce, version in {"keras": with_keras, "torch": with_torch}[peer](train, test, seed):
            found.setdefault(kind, {"peer": version, "bce": []})["bce"].append(bce)
            print(seed, kind, bce, version, flush=True)
    all = json.loads(OUT.read_text()) if OUT.exists() else {}
    all.update(epochs=EPOCHS, batch=BATCH, channels=CHANNELS)
    all.setdefault("kinds", {}).update(found)
    OUT.write_text(json.dumps(all, indent=1, sort_keys=True) + "\n")


main()
