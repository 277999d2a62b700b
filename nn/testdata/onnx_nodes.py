"""Writes onnx_nodes.json.gz beside this script: ONNX's own node tests, inputs and outputs,
of the operators that package nn has layers for. TestONNXNodes runs them on those layers.

Made with onnx 1.23.2:
    python3 onnx_nodes.py

The file: {"onnx": version, "left_out": {name: reason}, "cases": [{"name", "op", "opset",
"attributes", "inputs", "outputs", "rtol", "atol"}]}. A tensor is {"type", "shape", "data"}, data the
elements' bytes, little-endian, base64; null for an input or output that is left out. Tests
called ..._expanded are the same numbers by smaller operators and are not in the file.
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
LARGEST = 60_000  # bytes of a case's inputs and outputs

cases, left_out = [], {}


def dump(x):
    if x is None:
        return None
    if isinstance(x, (list, tuple)):
        return [dump(y) for y in x]
    x = np.asarray(x)
    little = x.astype(x.dtype.newbyteorder("<")) if x.dtype.kind in "iufb" else x
    return {"type": x.dtype.name, "shape": list(x.shape), "data": base64.b64encode(little.tobytes()).decode()}


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
    if size > LARGEST:
        left_out[test.name] = f"{size} bytes"
        continue
    cases.append({
        "name": test.name, "op": node.op_type, "opset": max(o.version for o in test.model.opset_import if o.domain == ""),
        "attributes": {a.name: attribute(a) for a in node.attribute},
        "inputs": slots(node.input, inputs), "outputs": slots(node.output, outputs),
        "rtol": test.rtol, "atol": test.atol,
    })

file = {"onnx": onnx.__version__, "left_out": left_out, "cases": cases}
path = pathlib.Path(__file__).with_name("onnx_nodes.json.gz")
path.write_bytes(gzip.compress(json.dumps(file, separators=(",", ":")).encode(), 9, mtime=0))
print(len(cases), "cases,", path.stat().st_size, "bytes; left out", left_out)
