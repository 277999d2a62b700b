"""The mnist-autoencoder in PyTorch, by the tightest loop that a user would write: all
digits in memory as float32, batches by index, fused Adam, loss from logits."""

import time

import torch

import mnist

args = mnist.options()
torch.set_num_threads(args.threads)
torch.manual_seed(1)

x = torch.from_numpy(mnist.images("train").copy()).float().div_(255)
widths = [784, *mnist.UNITS, 784]
layers = []
for fan_in, fan_out in zip(widths, widths[1:]):
    layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
model = torch.nn.Sequential(*layers[:-1])
criterion = torch.nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

seconds = []
for _ in range(args.epochs):
    start = time.perf_counter()
    order = torch.randperm(len(x))
    for i in range(0, len(x), mnist.BATCH):
        batch = x[order[i : i + mnist.BATCH]]
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(model(batch), batch)
        loss.backward()
        optimizer.step()
    seconds.append(time.perf_counter() - start)

peak = mnist.peak_rss_bytes()
with torch.no_grad():
    test = torch.from_numpy(mnist.images("t10k").copy()).float().div_(255)
    mnist.report("PyTorch", torch.__version__, seconds, peak, criterion(model(test), test))
