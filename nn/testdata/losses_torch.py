"""Writes losses_torch_classes.json and losses_torch_pictures.json beside this script: losses and
their gradients as PyTorch computes them, in double precision. A test of package nn compares
itself with them.

Made with PyTorch 2.13.0 (CPU):
    python3 losses_torch.py

What PyTorch has is called (cross_entropy, nll_loss, binary_cross_entropy_with_logits,
mse_loss, kl_divergence); what it has not is written out as its paper or its authors' code has
it and differentiated by autograd: the focal losses, Lovasz-softmax, the losses of overlap,
structural similarity, the losses of depth and of neighbouring pixels. A loss of a batch as a
whole, L, is compared as its parts, one a sample, that have the mean L: the number of samples
times the sample's sum over the whole's divisor.

The files: [{"name", "type", "config", "inputs", "tensors": {name: {"shape", "data"}}}], type and
config as in a model file; "grad_X" is the gradient of sum(output*cotangent) by the tensor X.
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.default_rng(1981)
cases = []


def short(x):
    """Values that are exact in single precision and short to write."""
    return np.round(np.asarray(x, dtype="float64") * 64) / 64


def uniform(lo, hi, *shape):
    return short(rng.uniform(lo, hi, size=shape))


def labels(classes, *shape, ignore=False):
    x = rng.integers(0, classes, size=shape).astype("float64")
    if ignore:
        x[rng.random(shape) < 0.2] = 255
    return x


def mask(*shape):
    return rng.integers(0, 4, size=shape) / 2.0


def distribution(*shape):
    x = rng.integers(1, 9, size=shape).astype("float64")
    x[..., -1] = 0
    x[..., -1] = 64 - x.sum(-1)
    return x / 64


def dump(value):
    value = np.asarray(value, dtype="float64")
    return {"shape": list(value.shape), "data": [float(f"{v:.11g}") for v in value.ravel()]}


def add(name, kind, config, inputs, function, constants=()):
    """A case of function(**inputs), one number a sample."""
    tensors = {k: torch.tensor(v, requires_grad=k not in constants) for k, v in inputs.items()}
    output = function(**tensors)
    cotangent = torch.tensor(uniform(-1, 1, *output.shape))
    (output * cotangent).sum().backward()
    values = {k: v.detach().numpy() for k, v in tensors.items()}
    values |= {"output": output.detach().numpy(), "cotangent": cotangent.numpy()}
    values |= {"grad_" + k: v.grad.numpy() for k, v in tensors.items() if v.grad is not None}
    cases.append({"name": name, "type": kind, "config": config, "inputs": list(inputs),
                  "tensors": {k: dump(v) for k, v in values.items()}})


def per_sample(x):
    return x.reshape(x.shape[0], -1)


def weighted(values, weights):
    """A mean over the batch by weights, as its parts."""
    values, weights = per_sample(values), per_sample(weights.expand(values.shape))
    return len(values) * (values * weights).sum(1) / weights.sum()


# Cross-entropy over classes, as PyTorch has it, and its parts.

W = [0.5, 2.0, 1.0, 0.25, 3.0]


def channels_first(x):
    return torch.movedim(x, -1, 1).contiguous()


def cross_entropy(prediction, target, sparse, config, logits=True):
    """The parts of F.cross_entropy of reduction "mean", and a check that they are."""
    weight = torch.tensor(config["ClassWeights"], dtype=torch.float64) if "ClassWeights" in config else None
    smoothing = config.get("LabelSmoothing", 0.0)
    kwargs = dict(weight=weight, label_smoothing=smoothing)
    scores = channels_first(prediction if logits else torch.log(prediction))
    if sparse:
        target = target.reshape(prediction.shape[:-1]).long()
        kwargs["ignore_index"] = 255
        counts = (target != 255).double()
        if weight is not None and config.get("Divisor") == "weight_sum":
            counts = counts * weight[torch.where(target == 255, 0, target)]
    else:
        target = channels_first(target)
        counts = torch.ones_like(target[:, 0])
    if logits:
        losses = F.cross_entropy(scores, target, reduction="none", **kwargs)
    else:
        losses = F.nll_loss(scores, target, reduction="none", weight=weight, ignore_index=255)
    if config.get("PerSample"):
        return per_sample(losses).sum(1) / per_sample(counts).sum(1)
    parts = len(losses) * per_sample(losses).sum(1) / counts.sum()
    if logits and (weight is None or not sparse or config.get("Divisor") == "weight_sum"):
        whole = F.cross_entropy(scores, target, reduction="mean", **kwargs)
        assert abs(whole - parts.mean()) < 1e-12, (whole, parts.mean())
    return parts


for shape in [(3, 4, 3, 5), (2, 7, 5), (4, 5)]:
    where = "x".join(map(str, shape))
    for ignore in [False, True]:
        for extra in [{}, {"ClassWeights": W, "Divisor": "weight_sum"}, {"ClassWeights": W}, {"LabelSmoothing": 0.125},
                      {"ClassWeights": W, "Divisor": "weight_sum", "LabelSmoothing": 0.25}, {"PerSample": True}]:
            if extra.get("PerSample") and len(shape) == 2 and ignore:
                continue  # a sample of one pixel that is ignored: 0 here, 0/0 there
            config = {"Sparse": True, "Logits": True} | extra | ({"Ignore": [255]} if ignore else {})
            config.setdefault("LabelSmoothing", 0)
            target = labels(5, *shape[:-1], ignore=ignore)
            add(f"cross-entropy/{where}/ignore={ignore}/{sorted(extra)}", "categorical_cross_entropy", config,
                {"prediction": uniform(-4, 4, *shape), "target": target},
                lambda prediction, target: cross_entropy(prediction, target, True, config), {"target"})
    for extra in [{}, {"ClassWeights": W}, {"LabelSmoothing": 0.125, "ClassWeights": W}]:
        config = {"Logits": True} | extra
        add(f"cross-entropy/{where}/dense/{sorted(extra)}", "categorical_cross_entropy", config,
            {"prediction": uniform(-4, 4, *shape), "target": distribution(*shape)},
            lambda prediction, target: cross_entropy(prediction, target, False, config))
    config = {"Sparse": True, "ClassWeights": W, "Divisor": "weight_sum", "Ignore": [255]}
    add(f"cross-entropy/{where}/probabilities", "categorical_cross_entropy", config,
        {"prediction": distribution(*shape) * 0.875 + 0.0625, "target": labels(5, *shape[:-1], 1, ignore=True)},
        lambda prediction, target: cross_entropy(prediction, target, True, config, logits=False), {"target"})


def masked_cross_entropy(prediction, target, mask):
    losses = F.cross_entropy(channels_first(prediction), target.long(), reduction="none")
    return weighted(losses, mask)


add("cross-entropy/masked", "categorical_cross_entropy", {"Sparse": True, "Logits": True},
    {"prediction": uniform(-4, 4, 3, 4, 3, 5), "target": labels(5, 3, 4, 3), "mask": mask(3, 4, 3)},
    masked_cross_entropy, {"target", "mask"})


# Focal losses (Lin et al. 2017, equations 4 and 5; soft targets as in torchvision).

def focal(gamma, alpha, logits):
    def function(prediction, target, mask=None):
        if logits:
            p = torch.sigmoid(prediction)
            entropy = F.binary_cross_entropy_with_logits(prediction, target, reduction="none")
        else:
            p = prediction
            entropy = F.binary_cross_entropy(prediction, target, reduction="none")
        p_t = p * target + (1 - p) * (1 - target)
        loss = entropy * (1 - p_t) ** gamma
        if alpha:
            loss = (alpha * target + (1 - alpha) * (1 - target)) * loss
        return per_sample(loss).mean(1) if mask is None else weighted(loss, mask)
    return function


for gamma, alpha in [(2, 0.25), (0.5, 0), (3, 0.75)]:
    shape = (3, 4, 3, 2)
    hard = rng.integers(0, 2, size=shape).astype("float64")
    add(f"binary focal/{gamma}/{alpha}/logits", "binary_focal", {"Gamma": gamma, "Alpha": alpha, "Logits": True},
        {"prediction": uniform(-4, 4, *shape), "target": hard}, focal(gamma, alpha, True), {"target"})
    add(f"binary focal/{gamma}/{alpha}/grey", "binary_focal", {"Gamma": gamma, "Alpha": alpha},
        {"prediction": uniform(0.05, 0.95, *shape), "target": uniform(0, 1, *shape)}, focal(gamma, alpha, False), {"target"})
    add(f"binary focal/{gamma}/{alpha}/masked", "binary_focal", {"Gamma": gamma, "Alpha": alpha, "Logits": True},
        {"prediction": uniform(-4, 4, *shape), "target": uniform(0, 1, *shape), "mask": mask(3, 4, 3, 1)},
        focal(gamma, alpha, True), {"mask"})


def categorical_focal(gamma, weights):
    def function(prediction, target):
        log = F.log_softmax(prediction, -1)
        truth = target.long()
        hot = F.one_hot(torch.where(truth == 255, 0, truth), prediction.shape[-1]) * (truth != 255)[..., None]
        losses = -(hot * torch.tensor(weights) * (1 - log.exp()) ** gamma * log).sum(-1)
        return len(losses) * per_sample(losses).sum(1) / (truth != 255).sum()
    return function


for gamma in [0.5, 2, 3]:
    add(f"categorical focal/{gamma}", "categorical_focal",
        {"Gamma": gamma, "Sparse": True, "Ignore": [255], "ClassWeights": W, "Logits": True},
        {"prediction": uniform(-4, 4, 3, 4, 3, 5), "target": labels(5, 3, 4, 3, ignore=True)},
        categorical_focal(gamma, W), {"target"})


# Losses of overlap. A class that is not in the truth is skipped.

def overlap(alpha, beta, smooth=0, squared=False):
    def function(prediction, target, mask=None):
        weight = torch.ones_like(prediction[..., :1]) if mask is None else mask
        flat = lambda x: (x * weight).reshape(len(x), -1, x.shape[-1]).sum(1)
        both = flat(prediction * target)
        p, t = (flat(prediction ** 2), flat(target ** 2)) if squared else (flat(prediction), flat(target))
        index = (both + smooth) / (both + alpha * (p - both) + beta * (t - both) + smooth)
        there = (t.detach() > 0).double()
        return 1 - (index * there).sum(1) / there.sum(1)
    return function


def one_hot(x, classes):
    return F.one_hot(torch.tensor(x).long(), classes).double().numpy()


shape = (3, 4, 3, 4)
for squared in [False, True]:
    absent = one_hot(labels(3, 3, 4, 3), 4)  # nowhere is the last class
    for smooth in [0, 1.5]:
        settings = {"Squared": squared, "Smooth": smooth}
        add(f"Dice/squared={squared}/smooth={smooth}", "dice_loss", settings,
            {"prediction": distribution(*shape), "target": absent}, overlap(0.5, 0.5, smooth / 2, squared), {"target"})
        add(f"Jaccard/squared={squared}/smooth={smooth}", "jaccard_loss", settings,
            {"prediction": distribution(*shape), "target": absent}, overlap(1, 1, smooth, squared), {"target"})
        add(f"Dice/soft/squared={squared}/smooth={smooth}", "dice_loss", settings,
            {"prediction": distribution(*shape), "target": uniform(0.1, 1, *shape), "mask": mask(3, 4, 3, 1)},
            overlap(0.5, 0.5, smooth / 2, squared), {"mask"})
for alpha, beta in [(0.3, 0.7), (0, 1)]:
    add(f"Tversky/{alpha}/{beta}", "tversky_loss", {"Alpha": alpha, "Beta": beta},
        {"prediction": distribution(*shape), "target": uniform(0, 1, *shape)}, overlap(alpha, beta))


# Lovasz-softmax, after the authors' code (github.com/bermanmaxim/LovaszSoftmax, MIT licence):
# lovasz_grad, flatten_probas and lovasz_softmax_flat with classes="present".

def lovasz_grad(sorted_truth):
    p = len(sorted_truth)
    total = sorted_truth.sum()
    intersection = total - sorted_truth.cumsum(0)
    union = total + (1 - sorted_truth).cumsum(0)
    jaccard = 1 - intersection / union
    if p > 1:
        jaccard[1:p] = jaccard[1:p] - jaccard[0:-1]
    return jaccard


def lovasz(prediction, target):
    """The parts of a group's loss by sample."""
    samples = torch.arange(len(prediction))[:, None].expand(len(prediction), target[0].numel()).reshape(-1)
    probabilities, truth = prediction.reshape(-1, prediction.shape[-1]), target.reshape(-1)
    valid = truth != 255
    probabilities, truth, samples = probabilities[valid], truth[valid], samples[valid]
    parts, present = torch.zeros(len(prediction), dtype=torch.float64), 0
    for c in range(prediction.shape[-1]):
        foreground = (truth == c).double()
        if foreground.sum() == 0:
            continue
        present += 1
        errors = (foreground - probabilities[:, c]).abs()
        ranked, order = torch.sort(errors, dim=0, descending=True, stable=True)
        terms = ranked * lovasz_grad(foreground[order])
        parts = parts.index_add(0, samples[order], terms)
    return len(prediction) * parts / present


for shape in [(3, 4, 3, 5), (2, 9, 7, 3)]:
    target = labels(shape[-1] - 1, *shape[:-1], ignore=True)
    distinct = rng.permutation(np.prod(shape)).reshape(shape) / np.prod(shape) * 0.9 + 0.03
    distinct = np.round(distinct * 4096) / 4096
    add(f"Lovasz/{shape[0]}", "lovasz_softmax", {"Ignore": [255]}, {"prediction": distinct, "target": target}, lovasz, {"target"})
    add(f"Lovasz/{shape[0]}/per sample", "lovasz_softmax", {"Ignore": [255], "PerSample": True},
        {"prediction": distinct, "target": target[..., None]},
        lambda prediction, target: torch.cat([lovasz(p[None], t[None]) for p, t in zip(prediction, target)]), {"target"})


# Structural similarity (Wang et al. 2004; Wang, Simoncelli and Bovik 2003).

def gaussian(size, sigma):
    x = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    g = torch.exp(-x ** 2 / (2 * sigma ** 2))
    g = g / g.sum()
    return (g[:, None] * g[None])[None, None]


def similarity(x, y, size, sigma, peak):
    """Means over places of ssim and of its structure part, of planes [K, 1, H, W]."""
    g, c1, c2 = gaussian(size, sigma), (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mx, my = F.conv2d(x, g), F.conv2d(y, g)
    vx, vy, vxy = F.conv2d(x * x, g) - mx ** 2, F.conv2d(y * y, g) - my ** 2, F.conv2d(x * y, g) - mx * my
    structure = (2 * vxy + c2) / (vx + vy + c2)
    both = (2 * mx * my + c1) / (mx ** 2 + my ** 2 + c1) * structure
    return both.mean((1, 2, 3)), structure.mean((1, 2, 3))


def planes(x):
    return channels_first(x).reshape(-1, 1, *x.shape[1:3])


def ssim_loss(size, sigma, peak, powers=None):
    def function(prediction, target):
        x, y = planes(prediction), planes(target)
        if powers is None:
            value = similarity(x, y, size, sigma, peak)[0]
            return 1 - value.reshape(len(prediction), -1).mean(1)
        value = 1
        for j, power in enumerate(powers):
            if j > 0:
                pad = (0, x.shape[3] % 2, 0, x.shape[2] % 2)
                x, y = [F.avg_pool2d(F.pad(v, pad, mode="replicate"), 2) for v in (x, y)]
            both, structure = similarity(x, y, size, sigma, peak)
            value = value * F.relu(both if j == len(powers) - 1 else structure) ** power
        return 1 - value.reshape(len(prediction), -1).mean(1)
    return function


def pictures(peak, *shape):
    target = uniform(0.1 * peak, peak, *shape)
    return {"prediction": short(0.75 * target + uniform(0, 0.25 * peak, *shape)), "target": target}


add("SSIM", "ssim_loss", {}, pictures(1, 2, 13, 11, 2), ssim_loss(11, 1.5, 1))
add("SSIM/range 255", "ssim_loss", {"MaxValue": 255, "Window": 8, "Sigma": 2}, pictures(255, 1, 11, 9, 1), ssim_loss(8, 2, 255))
powers = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
add("MS-SSIM", "ms_ssim_loss", {"Window": 2, "Sigma": 0.75}, pictures(1, 2, 17, 18, 1), ssim_loss(2, 0.75, 1, powers))
add("MS-SSIM/2 scales", "ms_ssim_loss", {"Weights": [0.25, 0.75]}, pictures(1, 1, 21, 22, 1), ssim_loss(11, 1.5, 1, [0.25, 0.75]))


# Elementwise losses.

def charbonnier(prediction, target, mask=None):
    loss = torch.sqrt((prediction - target) ** 2 + 0.001 ** 2)
    return per_sample(loss).mean(1) if mask is None else weighted(loss, mask)


shape = (3, 4, 3, 2)
pair = lambda lo, hi: {"prediction": uniform(lo, hi, *shape), "target": uniform(lo, hi, *shape)}
add("Charbonnier", "charbonnier", {}, pair(-1, 1), charbonnier)
add("Charbonnier/pixel mask", "charbonnier", {}, pair(-1, 1) | {"mask": mask(3, 4, 3, 1)}, charbonnier, {"mask"})
add("Charbonnier/element mask", "charbonnier", {}, pair(-1, 1) | {"mask": mask(3, 4, 3, 2)}, charbonnier, {"mask"})


def kl(mean, log_variance):
    normal = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
    return per_sample(torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0))).sum(1)


add("KL to a normal", "kl_normal", {}, {"mean": uniform(-2, 2, 3, 17), "log_variance": uniform(-3, 2, 3, 17)}, kl)


def eigen(weight, log_prediction=False):
    def function(prediction, target, mask=None):
        valid = (target > 0).double() * (1 if mask is None else mask)
        d = (prediction if log_prediction else torch.log(prediction)) - torch.log(torch.where(target > 0, target, 1))
        n = per_sample(valid.expand(d.shape)).sum(1)
        return per_sample(valid * d ** 2).sum(1) / n - weight * (per_sample(valid * d).sum(1) / n) ** 2
    return function


depth = lambda: {"prediction": uniform(0.5, 10, *shape), "target": uniform(0.5, 10, *shape)}
add("scale-invariant log", "scale_invariant_log", {}, depth(), eigen(0.5))
holes = depth()
holes["target"][rng.random(shape) < 0.3] = 0
add("scale-invariant log/holes", "scale_invariant_log", {"Lambda": 0.85}, holes, eigen(0.85), {"target"})
add("scale-invariant log/masked", "scale_invariant_log", {"Lambda": 1}, depth() | {"mask": mask(3, 4, 3, 1)}, eigen(1), {"mask"})
add("scale-invariant log/log", "scale_invariant_log", {"LogPrediction": True},
    depth() | {"prediction": uniform(-1, 3, *shape)}, eigen(0.5, True))


# Differences of neighbours.

def neighbours(power, of_pair):
    def function(prediction, target=None, mask=None):
        total = 0
        for axis in (1, 2):
            diff = lambda x: torch.diff(x, dim=axis).abs()
            e = (diff(target) - diff(prediction)).abs() if of_pair else diff(prediction)
            weight = torch.ones_like(e)
            if mask is not None:
                n = mask.shape[axis]
                weight = mask.narrow(axis, 1, n - 1) * mask.narrow(axis, 0, n - 1)
            total = total + weighted(e ** power, weight)
        return total
    return function


for power in [1, 1.5, 2]:
    add(f"gradient difference/{power}", "gradient_difference", {"Power": power}, pair(0, 1), neighbours(power, True))
    add(f"gradient difference/{power}/masked", "gradient_difference", {"Power": power}, pair(0, 1) | {"mask": mask(3, 4, 3, 1)},
        neighbours(power, True), {"mask"})
    distinct = rng.permutation(np.prod(shape)).reshape(shape) / 64  # no neighbours are equal
    add(f"total variation/{power}", "total_variation", {"Power": power}, {"prediction": distinct}, neighbours(power, False))
    add(f"total variation/{power}/masked", "total_variation", {"Power": power}, {"prediction": distinct, "mask": mask(3, 4, 3, 1)},
        lambda prediction, mask: neighbours(power, False)(prediction, None, mask), {"mask"})


# Adversarial losses of scores.

def adversarial(kind, goal):
    real = goal != "fake"

    def function(score):
        label = torch.ones_like(score) if real else torch.zeros_like(score)
        if kind == "bce":
            loss = F.binary_cross_entropy_with_logits(score, label, reduction="none")
        elif kind == "least_squares":
            loss = F.mse_loss(score, label, reduction="none") / 2
        elif goal == "fool":
            loss = -score
        else:
            loss = F.relu(1 - score if real else 1 + score)
        return per_sample(loss).mean(1)
    return function


for kind in ["bce", "least_squares", "hinge"]:
    for goal in ["real", "fake", "fool"]:
        score = uniform(-3, 3, 3, 4, 5, 1) + 1 / 128  # off the hinge
        add(f"adversarial {kind}/{goal}", "adversarial_" + kind, {"Goal": goal}, {"score": score}, adversarial(kind, goal))

of_classes = ("categorical", "dice", "jaccard", "tversky", "lovasz")
for group, chosen in [("classes", lambda c: c["type"].startswith(of_classes)), ("pictures", lambda c: not c["type"].startswith(of_classes))]:
    part = [json.dumps(c, separators=(",", ":")) for c in cases if chosen(c)]
    path = pathlib.Path(__file__).with_name(f"losses_torch_{group}.json")
    path.write_text("[\n" + ",\n".join(part) + "\n]\n")
    print(len(part), "cases,", path.stat().st_size, "bytes, PyTorch", torch.__version__)
