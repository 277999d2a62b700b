"""Makes golden.json: what scikit-image 0.26.0, scikit-learn, Keras 3.15.1 and TensorFlow 2.21 say
of batches of pictures, of segmentations and of depth maps.

python golden.py, in this folder. The pictures are a formula that the test repeats.
"""
import json, os
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
import scipy.signal
import tensorflow as tf
from skimage.color import rgb2ycbcr
from skimage.metrics import adapted_rand_error, peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, jaccard_score, recall_score


def batch(n, h, w, c):
    """Integers modulo a prime, so that any language gets the same float32 values."""
    i = np.arange(n * h * w * c, dtype=np.int64)
    target = ((i * i * 7 + i * 13) % 251 / np.float32(250)).astype(np.float32)
    smooth = (i // c % w).astype(np.float32) / np.float32(w)
    target = (np.float32(0.25) * target + np.float32(0.75) * smooth).astype(np.float32)
    noise = ((i * 31 + i // 7 * 5) % 101).astype(np.float32) / np.float32(100)
    pred = (np.float32(0.75) * target + np.float32(0.25) * noise).astype(np.float32)
    return pred.reshape(n, h, w, c), target.reshape(n, h, w, c)


def ssim(a, b):
    return structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1, channel_axis=-1)


def ms_ssim(a, b):
    """Wang's msssim.m in double precision; TensorFlow's is in single."""
    g = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5 ** 2))
    g = np.outer(g, g) / g.sum() ** 2
    weights = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
    values = []
    for x, y in zip(np.moveaxis(a, -1, 0), np.moveaxis(b, -1, 0)):
        value = 1
        for j, weight in enumerate(weights):
            if j > 0:
                x, y = [np.pad(v, ((0, v.shape[0] % 2), (0, v.shape[1] % 2)), "symmetric") for v in (x, y)]
                x, y = [(v[::2, ::2] + v[::2, 1::2] + v[1::2, ::2] + v[1::2, 1::2]) / 4 for v in (x, y)]
            f = lambda v: scipy.signal.convolve2d(v, g, "valid")
            mx, my = f(x), f(y)
            factor = (2 * (f(x * y) - mx * my) + 0.03 ** 2) / (f(x * x) - mx ** 2 + f(y * y) - my ** 2 + 0.03 ** 2)
            if j == len(weights) - 1:
                factor = factor * (2 * mx * my + 0.01 ** 2) / (mx ** 2 + my ** 2 + 0.01 ** 2)
            value *= max(factor.mean(), 0) ** weight
        values.append(value)
    theirs = float(tf.image.ssim_multiscale(a.astype("float32"), b.astype("float32"), 1.0))
    assert abs(np.mean(values) - theirs) < 1e-5, (values, theirs)
    return np.mean(values)


def luma(x):
    """MATLAB's rgb2ycbcr of a picture of 8 bits."""
    eight = np.floor(255 * np.clip(x.astype(np.float64), 0, 1) + 0.5)
    # In thousandths, so that halves are exact, which they are not in scikit-image.
    y = 16 + np.floor((eight @ [65481, 128553, 24966] + 127500) / 255000)
    assert np.abs(y - rgb2ycbcr(eight.astype(np.uint8))[..., 0]).max() < 0.5 + 1e-9
    return y


cases = []
for shape in [(2, 28, 28, 1), (3, 13, 19, 3), (1, 11, 11, 1), (1, 40, 12, 2), (1, 170, 161, 1), (2, 165, 162, 3)]:
    pred, target = batch(*shape)
    p64, t64 = pred.astype(np.float64), target.astype(np.float64)
    many = lambda f, a=t64, b=p64: float(np.mean([f(x, y) for x, y in zip(a, b)]))
    psnr = lambda a, b: peak_signal_noise_ratio(a, b, data_range=1)
    values = dict(
        psnr=many(psnr), ssim=many(ssim),
        rmse=many(lambda a, b: np.sqrt(((a - b) ** 2).mean())),
        mse=float(((p64 - t64) ** 2).mean()), mae=float(np.abs(p64 - t64).mean()),
        bce=float(np.mean(keras.losses.binary_crossentropy(target.reshape(shape[0], -1), pred.reshape(shape[0], -1)))),
    )
    if shape[3] == 3:
        cut = lambda x, n: x[:, n:-n, n:-n]
        a, b = luma(target), luma(pred)
        values |= dict(
            psnr_rgb=many(psnr), psnr_rgb_shave2=many(psnr, cut(t64, 2), cut(p64, 2)),
            psnr_y_shave3=many(lambda x, y: peak_signal_noise_ratio(x, y, data_range=255), cut(a, 3), cut(b, 3)),
            ssim_y_shave1=many(ssim, cut(a, 1)[..., None] / 255, cut(b, 1)[..., None] / 255),
        )
    if min(shape[1:3]) >= 161:
        values |= dict(ms_ssim=many(ms_ssim))
    cases.append(dict(shape=shape, values=values))


def segmentation(n, h, w, c):
    """Scores of c classes, the last of which is never the largest, and labels, the largest 255."""
    i = np.arange(n * h * w * c, dtype=np.int64)
    scores = ((i * i * 7 + i * 13) % 251 / np.float32(250)).astype(np.float32).reshape(n, h, w, c)
    scores[..., -1] = -1
    k = np.arange(n * h * w, dtype=np.int64)
    truth = (k * k * 3 + k // 5) % (c - 1)
    truth[truth == c - 2] = 255
    return scores, truth.reshape(n, h, w)


segmentations = []
for shape in [(3, 7, 5, 8), (2, 12, 9, 4)]:
    scores, truth = segmentation(*shape)
    pred, valid = scores.argmax(-1), truth != 255
    every = list(range(shape[-1]))
    seen = lambda t, p: sorted(set(t) | set(p))
    t, p = truth[valid], pred[valid]
    miou = keras.metrics.MeanIoU(shape[-1], ignore_class=255)
    miou.update_state(truth, pred)
    values = dict(
        miou_ignore255=float(jaccard_score(t, p, labels=seen(t, p), average="macro")),
        pixel_accuracy_ignore255=float(accuracy_score(t, p)),
        class_accuracy_ignore255=float(recall_score(t, p, labels=sorted(set(t)), average="macro")),
        dice_ignore255=float(np.mean([f1_score(a[v], b[v], labels=seen(a[v], b[v]), average="macro")
                                      for a, b, v in zip(truth, pred, valid)])),
    )
    assert abs(float(miou.result()) - values["miou_ignore255"]) < 1e-6
    segmentations.append(dict(shape=shape, values=values, confusion=confusion_matrix(t, p, labels=every).ravel().tolist()))

binaries = []
for shape in [(3, 7, 5, 1), (2, 9, 12, 1)]:
    pred, target = batch(*shape)
    p, t = (pred > 0.5).reshape(shape[0], -1), (target > 0.5).reshape(shape[0], -1)
    binaries.append(dict(shape=shape, values=dict(
        miou=float(jaccard_score(t.ravel(), p.ravel(), labels=[0, 1], average="macro")),
        dice=float(np.mean([f1_score(a, b) for a, b in zip(t, p)])))))


def blobs(n, h, w, a, b):
    """Numbers of segments that are bent stripes; 0 is a border between them."""
    z, y, x = np.indices((n, h, w))
    s = (y * a + x * b + y * x // 7 + 11 * z) // 12
    return np.where((y * a + x * b + y * x // 7 + 11 * z) % 12 == 0, 0, s + 1)


rands = []
for n, h, w in [(1, 40, 31), (3, 17, 23)]:
    truth, pred = blobs(n, h, w, 3, 1), blobs(n, h, w, 2, 2)
    all_of = [adapted_rand_error(t, p) for t, p in zip(truth, pred)]
    rands.append(dict(shape=(n, h, w), error=float(np.mean([e for e, _, _ in all_of])),
                      first=[float(v) for v in all_of[0]], all_labels=float(adapted_rand_error(truth[0], pred[0], ignore_labels=())[0])))

depths = []
for shape in [(3, 7, 9, 1), (2, 16, 5, 1)]:
    pred, target = batch(*shape)
    target = np.where(target > np.float32(0.75), np.float32(0), target + np.float32(0.125))
    pred = pred + np.float32(0.125)
    rows = []
    for p, t in zip(pred.astype(np.float64), target.astype(np.float64)):
        p, t = p[t > 0], t[t > 0]
        ratio = np.maximum(p / t, t / p)
        rows.append(dict(
            rmse_valid=np.sqrt(((p - t) ** 2).mean()), mae_valid=np.abs(p - t).mean(), abs_rel=(np.abs(p - t) / t).mean(),
            log10=np.abs(np.log10(p) - np.log10(t)).mean(), delta1=(ratio < 1.25).mean(),
            delta2=(ratio < 1.25 ** 2).mean(), delta3=(ratio < 1.25 ** 3).mean()))
    depths.append(dict(shape=shape, values={k: float(np.mean([r[k] for r in rows])) for k in rows[0]}))

json.dump(dict(pictures=cases, segmentations=segmentations, binaries=binaries, rands=rands, depths=depths),
          open("golden.json", "w"), indent=1)
