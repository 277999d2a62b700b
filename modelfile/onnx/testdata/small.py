"""Writes small.onnx beside this script: a graph with a tensor of each kind of storage.

The Go tests read it. Made with onnx 1.23.2, numpy 2.x:
    python3 small.py
"""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

assert onnx.__version__ == "1.23.2"

raw = numpy_helper.from_array(np.arange(24, dtype=np.float32).reshape(4, 3, 1, 2) / 8 - 1, "conv.weight")
packed = helper.make_tensor("conv.bias", TensorProto.FLOAT, [4], [0.5, -2, 3e38, 0])
half = numpy_helper.from_array(np.array([1, -2, 65504, 2**-24], dtype=np.float16), "half")
double = helper.make_tensor("double", TensorProto.DOUBLE, [2], [0.1, -7])
integers = numpy_helper.from_array(np.array([1, 2], dtype=np.int64), "integers")
constant = helper.make_node(
    "Constant", [], ["fixed"], value=numpy_helper.from_array(np.array(0.25, dtype=np.float32))
)
conv = helper.make_node(
    "Conv", ["image", "conv.weight", "conv.bias"], ["y"], name="/conv/Conv", pads=[0, 1, 0, 1], group=1, auto_pad="NOTSET"
)
scale = helper.make_node("Mul", ["y", "fixed"], ["z"], name="/scale")
leaky = helper.make_node("LeakyRelu", ["z"], ["out"], alpha=0.125)
graph = helper.make_graph(
    [constant, conv, scale, leaky],
    "small",
    [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "h", "w"])],
    [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 4, "h", "w"])],
    [raw, packed, half, double, integers],
)
model = helper.make_model(graph, producer_name="small.py", opset_imports=[helper.make_opsetid("", 17)])
onnx.checker.check_model(model)
pathlib.Path(__file__).with_name("small.onnx").write_bytes(model.SerializeToString())
