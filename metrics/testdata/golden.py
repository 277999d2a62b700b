"""Makes golden.json: what scikit-image 0.26.0 and Keras 3.15.0 say of two batches.

python golden.py, in this folder. The pictures are a formula that the test repeats.
"""
import json, os
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def batch(n, h, w, c):
    """Integers modulo a prime, so that any language gets the same float32 values."""
    i = np.arange(n * h * w * c, dtype=np.int64)
    target = ((i * i * 7 + i * 13) % 251 / np.float32(250)).astype(np.float32)
    smooth = (i // c % w).astype(np.float32) / np.float32(w)
    target = (np.float32(0.25) * target + np.float32(0.75) * smooth).astype(np.float32)
    noise = ((i * 31 + i // 7 * 5) % 101).astype(np.float32) / np.float32(100)
    pred = (np.float32(0.75) * target + np.float32(0.25) * noise).astype(np.float32)
    return pred.reshape(n, h, w, c), target.reshape(n, h, w, c)


cases = []
for shape in [(2, 28, 28, 1), (3, 13, 19, 3), (1, 11, 11, 1), (1, 40, 12, 2)]:
    pred, target = batch(*shape)
    p64, t64 = pred.astype(np.float64), target.astype(np.float64)
    many = lambda f: float(np.mean([f(a, b) for a, b in zip(t64, p64)]))
    cases.append(dict(
        shape=shape,
        psnr=many(lambda a, b: peak_signal_noise_ratio(a, b, data_range=1)),
        ssim=many(lambda a, b: structural_similarity(
            a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1, channel_axis=-1)),
        mse=float(((p64 - t64) ** 2).mean()), mae=float(np.abs(p64 - t64).mean()),
        bce=float(np.mean(keras.losses.binary_crossentropy(target.reshape(shape[0], -1), pred.reshape(shape[0], -1)))),
    ))
json.dump(cases, open("golden.json", "w"), indent=1)
