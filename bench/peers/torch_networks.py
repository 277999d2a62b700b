"""The convolutional networks in PyTorch. Variants: nhwc (channels_last), nchw, and
compile: nhwc by TorchInductor, for inference with frozen weights."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "active")  # threads that wait spin

import torch

import networks

args = networks.options(["nhwc", "nchw", "compile"])
case = args.case
torch.set_num_threads(args.threads)
torch.manual_seed(1)


class Builder:
    """Writes a torch.fx graph, which runs as if its code were written by hand."""

    def __init__(self, weights=None):
        self.root, self.graph, self.weights = torch.nn.Module(), torch.fx.Graph(), weights
        self.channels = {}

    def input(self, channels):
        x = self.graph.placeholder("x")
        self.channels[x] = channels
        return x

    def layer(self, module, x, channels):
        name = f"layer{len(self.graph.nodes)}"
        self.root.add_module(name, module)
        y = self.graph.call_module(name, (x,))
        self.channels[y] = channels
        return y

    def conv(self, x, filters, k, relu=False, norm=False):
        fan_in = self.channels[x]
        module = torch.nn.Conv2d(fan_in, filters, k, padding="same", bias=not norm)
        if self.weights:
            self.fill(module.weight, self.weights.kernel(k, fan_in, filters).transpose(3, 2, 0, 1))
            if not norm:
                self.fill(module.bias, self.weights.bias(filters))
        x = self.layer(module, x, filters)
        if norm:
            x = self.layer(torch.nn.BatchNorm2d(filters, eps=networks.BN_EPSILON, momentum=1 - networks.BN_MOMENTUM), x, filters)
        return self.layer(torch.nn.ReLU(inplace=True), x, filters) if relu else x

    def up(self, x, filters, k, stride):
        fan_in = self.channels[x]
        module = torch.nn.ConvTranspose2d(fan_in, filters, k, stride, padding=(k - stride) // 2)
        if self.weights:
            self.fill(module.weight, self.weights.kernel(k, fan_in, filters).transpose(2, 3, 0, 1))
            self.fill(module.bias, self.weights.bias(filters))
        return self.layer(module, x, filters)

    def pool(self, x):
        return self.layer(torch.nn.MaxPool2d(2), x, self.channels[x])

    def concat(self, a, b):
        y = self.graph.call_function(torch.cat, ([a, b], 1))
        self.channels[y] = self.channels[a] + self.channels[b]
        return y

    def add(self, a, b):
        y = self.graph.call_function(torch.add, (a, b))
        self.channels[y] = self.channels[a]
        return y

    def model(self, y):
        self.graph.output(y)
        return torch.fx.GraphModule(self.root, self.graph)

    @staticmethod
    def fill(parameter, values):
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(values.copy()))


builder = Builder(networks.Weights() if args.output else None)
model = builder.model(case.build(builder, builder.input(case.channels)))
layout = torch.contiguous_format if args.variant == "nchw" else torch.channels_last
model = model.to(memory_format=layout)
x = torch.from_numpy(case.input(nchw=True)).to(memory_format=layout)
parameters = sum(p.numel() for p in model.parameters()) + sum(b.numel() for b in model.buffers() if b.dim() > 0)


def compiled(f):
    if args.variant != "compile":
        return f
    import torch._inductor.config

    torch._inductor.config.freezing = not case.training
    return torch.compile(f)


if case.training:
    target = torch.from_numpy(case.target(nchw=True)).to(memory_format=layout)
    criterion = torch.nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    model.train()
    loss_of = compiled(lambda: criterion(model(x), target))

    def once():
        optimizer.zero_grad(set_to_none=True)
        loss_of().backward()
        optimizer.step()

    with torch.no_grad():
        case.check(parameters, model(x).shape, nchw=True)
    times = networks.measure(once, args.seconds)
else:
    model.eval()
    with torch.inference_mode() if args.variant != "compile" else torch.no_grad():
        run = compiled(model)
        y = run(x)
        case.check(parameters, y.shape, nchw=True)
        if args.output:
            networks.np.save(args.output, y.permute(0, 2, 3, 1).numpy())
            raise SystemExit
        times = networks.measure(lambda: run(x), args.seconds)

networks.report(f"PyTorch {args.variant}", torch.__version__, case, times)
