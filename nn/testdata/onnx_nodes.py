"""Writes onnx_nodes.json.gz beside this script: ONNX's own node tests, inputs and outputs,
of the operators that package nn has layers for. TestONNXNodes runs them on those layers.

Made with onnx 1.23.2:
    python3 onnx_nodes.py

The file: {"onnx": version, "left_out": {name: bytes}, "tensors": [{"type", "shape", "data"}],
"cases": [{"name", "op", "opset", "attributes", "inputs", "outputs", "rtol", "atol"}]}. Data are the
elements' bytes, little-endian, base64; inputs and outputs are numbers of tensors, many of
which occur in several tests, or null for one that is left out. Tests called ..._expanded are
the same numbers by smaller operators and are not in the file.
"""

import base64
import gzip
import json
import pathlib

import numpy as np
import onnx
from onnx.backend.test.case.node import collect_testcases

OPS = """Conv ConvTranspose MaxPool MaxUnpool AveragePool GlobalAveragePool GlobalMaxPool Resize
Upsample DepthToSpace SpaceToDepth Concat Add Sub Mul Pad BatchNormalization LayerNormalization
GroupNormalization InstanceNormalization PRelu Elu LeakyRelu Relu Sigmoid Tanh Softplus Softmax HardSigmoid HardSwish
Swish Gelu Dropout Gemm MatMul Flatten Reshape NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss""".split()
LARGEST = 350_000  # bytes of a case's inputs and outputs
LARGEST_3D = 60_000  # of those with three dimensions of space, for which there are no layers

cases, left_out, tensors = [], {}, {}


def dump(x):
    """The number of a tensor."""
    x = np.asarray(x)
    little = x.astype(x.dtype.newbyteorder("<")).tobytes()
    return tensors.setdefault((x.dtype.name, x.shape, base64.b64encode(little).decode()), len(tensors))


def attribute(a):
    v = onnx.helper.get_attribute_value(a)
    if isinstance(v, bytes):
        return v.decode()
    if isinstance(v, (int, float)):
        return v
    return [x.decode() if isinstance(x, bytes) else x for x in v]


def slots(names, values):
    """The values by position, None where a name is empty."""
    values = list(values)
    return [dump(values.pop(0)) if name else None for name in names]


for test in sorted(collect_testcases(None), key=lambda t: t.name):
    nodes = test.model.graph.node
    if len(nodes) != 1 or nodes[0].op_type not in OPS or "_expanded" in test.name:
        continue
    node, (inputs, outputs) = nodes[0], test.data_sets[0]
    size = sum(np.asarray(x).nbytes for x in [*inputs, *outputs])
    if size > (LARGEST_3D if "_3d" in test.name else LARGEST):
        left_out[test.name] = size
        continue
    cases.append({
        "name": test.name, "op": node.op_type, "opset": max(o.version for o in test.model.opset_import if o.domain == ""),
        "attributes": {a.name: attribute(a) for a in node.attribute},
        "inputs": slots(node.input, inputs), "outputs": slots(node.output, outputs),
        "rtol": test.rtol, "atol": test.atol,
    })

file = {"onnx": onnx.__version__, "left_out": left_out,
        "tensors": [{"type": t, "shape": s, "data": d} for t, s, d in tensors], "cases": cases}
path = pathlib.Path(__file__).with_name("onnx_nodes.json.gz")
path.write_bytes(gzip.compress(json.dumps(file, separators=(",", ":")).encode(), 9, mtime=0))
print(len(cases), "cases,", path.stat().st_size, "bytes; left out", left_out)
