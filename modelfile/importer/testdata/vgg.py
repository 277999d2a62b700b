"""Writes VGGs of one channel's width in the forms that other programs store them in, and what
they make of a picture, beside this script. The Go tests import each and compare.

Made with PyTorch 2.13.0 (CPU), Keras 3.15.1 on TensorFlow 2.21.0, onnx 1.23.2, safetensors 0.8.0:
    KERAS_BACKEND=tensorflow python3 vgg.py

The picture, 224x224x3, is (13x + 7y + 5c) % 29 / 28 at row y, column x, channel c.
"""

import collections
import json
import pathlib

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

here = pathlib.Path(__file__).parent
WIDTHS = [1, 2, 4, 4, 8, 8, 8, 8]  # VGG-11
POOLED = {0, 1, 3, 5, 7}
HIDDEN, CLASSES = 5, 3
y, x, c = np.meshgrid(np.arange(224), np.arange(224), np.arange(3), indexing="ij")
picture = ((13 * x + 7 * y + 5 * c) % 29 / 28).astype(np.float32)


class VGG(torch.nn.Module):
    """torchvision's VGG-11, narrow."""

    def __init__(self, bn):
        super().__init__()
        layers, channels = [], 3
        for i, n in enumerate(WIDTHS):
            layers += [torch.nn.Conv2d(channels, n, 3, padding=1)]
            layers += [torch.nn.BatchNorm2d(n)] if bn else []
            layers += [torch.nn.ReLU()]
            layers += [torch.nn.MaxPool2d(2)] if i in POOLED else []
            channels = n
        self.features = torch.nn.Sequential(*layers)
        self.avgpool = torch.nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = torch.nn.Sequential(
            torch.nn.Linear(channels * 49, HIDDEN), torch.nn.ReLU(), torch.nn.Dropout(),
            torch.nn.Linear(HIDDEN, HIDDEN), torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(HIDDEN, CLASSES),
        )  # fmt: skip

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


expected = {}


def make(bn):
    torch.manual_seed(11 + bn)
    net = VGG(bn)
    with torch.no_grad():
        for name, p in net.state_dict().items():
            if p.ndim > 1:
                p.copy_(torch.randn(p.shape) * (2 / p[0].numel()) ** 0.5 + 0.02)
                if name == "classifier.6.weight":
                    p.mul_(0.02)  # so that no class has it all
            elif "running_var" in name:
                p.copy_(torch.rand(p.shape) + 0.5)
            elif p.ndim == 1:
                p.copy_(p + torch.randn(p.shape) / 10)
    net.eval()
    with torch.no_grad():
        out = net(torch.from_numpy(picture).permute(2, 0, 1)[None]).softmax(1)[0]
    expected["vgg-11" + ("-bn" if bn else "")] = [float(v) for v in out]
    return net


net = make(False)
state = net.state_dict()
torch.save(state, here / "torch.pth")
inside = collections.OrderedDict((f"module.encoder.{k}", v) for k, v in state.items())
torch.save({"epoch": 7, "state_dict": inside}, here / "checkpoint-legacy.pth", _use_new_zipfile_serialization=False)
save_file({k: v.numpy() for k, v in state.items()}, here / "torch.safetensors")

bn = make(True)
torch.save(bn.state_dict(), here / "torch-bn.pth")

for name, model in ("torch", net), ("torch-bn", bn):
    torch.onnx.export(
        model, torch.zeros(1, 3, 224, 224), here / f"{name}.onnx", dynamo=False, input_names=["image"],
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
    )  # fmt: skip

# Keras's layout: kernels [h, w, in, out], dense layers behind flattened [h, w, c].
convs = [k for k, v in state.items() if v.ndim == 4]
names = [f"block{i}_conv{j}" for i, n in enumerate([1, 1, 2, 2, 2], 1) for j in range(1, n + 1)]
keras = {}
for old, new in zip(convs, names):
    keras[new + "/kernel"] = state[old].permute(2, 3, 1, 0).contiguous().numpy()
    keras[new + "/bias"] = state[old.replace("weight", "bias")].numpy()
first = state["classifier.0.weight"].reshape(HIDDEN, -1, 7, 7).permute(2, 3, 1, 0).reshape(-1, HIDDEN)
for new, kernel, bias in ("fc1", first, 0), ("fc2", state["classifier.3.weight"].T, 3), ("predictions", state["classifier.6.weight"].T, 6):
    keras[new + "/kernel"] = np.ascontiguousarray(kernel.numpy())
    keras[new + "/bias"] = state[f"classifier.{bias}.bias"].numpy()
save_file(keras, here / "keras.safetensors")
save_file({f"vgg/{k.split('/')[0]}/{k.split('/')[0]}_{'W' if 'kernel' in k else 'b'}_1:0": v for k, v in keras.items() if "block" in k},
          here / "keras-notop-old-names.safetensors")

# What tf2onnx makes of a Keras model: NHWC outside, NCHW inside, biases merged, and names
# that say little.
nodes, tensors, edge = [helper.make_node("Transpose", ["image"], ["t0"], perm=[0, 3, 1, 2])], [], "t0"


def constant(value):
    tensors.append(numpy_helper.from_array(np.ascontiguousarray(value), f"const_fold_opt__{100 - len(tensors)}"))
    return tensors[-1].name


def add(op, inputs, **attributes):
    global edge
    edge = f"{op.lower()}_{len(nodes)}:0"
    nodes.append(helper.make_node(op, inputs, [edge], **attributes))


for i, name in enumerate(names):
    add("Conv", [edge, constant(keras[name + "/kernel"].transpose(3, 2, 0, 1)), constant(keras[name + "/bias"])], pads=[1, 1, 1, 1])
    add("Relu", [edge])
    if i in POOLED:
        add("MaxPool", [edge], kernel_shape=[2, 2], strides=[2, 2])
add("Transpose", [edge], perm=[0, 2, 3, 1])
add("Reshape", [edge, constant(np.array([-1, 392], dtype=np.int64))])
for name in "fc1", "fc2", "predictions":
    add("MatMul", [edge, constant(keras[name + "/kernel"])])
    add("Add", [edge, constant(keras[name + "/bias"])])
    add("Softmax" if name == "predictions" else "Relu", [edge])
graph = helper.make_graph(
    nodes, "tf2onnx", [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 224, 224, 3])],
    [helper.make_tensor_value_info(edge, TensorProto.FLOAT, ["n", CLASSES])], tensors,
)  # fmt: skip
model = helper.make_model(graph, producer_name="tf2onnx", opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
onnx.checker.check_model(model)
(here / "tf2onnx.onnx").write_bytes(model.SerializeToString())

(here / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
