"""Writes one of the convolutional networks as an ONNX file, with random weights, for
onnxruntime_networks.py and openvino_networks.py: onnx_networks.py CASE FILE."""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import networks


class Builder:
    def __init__(self, weights):
        self.weights, self.nodes, self.initializers, self.channels, self.parameters = weights, [], [], {}, 0

    def constant(self, name, values):
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        self.parameters += values.size
        return name

    def op(self, kind, inputs, channels, **attributes):
        y = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [y], **attributes))
        self.channels[y] = channels
        return y

    def conv(self, x, filters, k, relu=False, norm=False):
        name, fan_in = f"conv{len(self.nodes)}", self.channels[x]
        inputs = [x, self.constant(name + ".weight", self.weights.kernel(k, fan_in, filters).transpose(3, 2, 0, 1))]
        if not norm:
            inputs.append(self.constant(name + ".bias", self.weights.bias(filters)))
        x = self.op("Conv", inputs, filters, kernel_shape=[k, k], pads=[k // 2] * 4)
        if norm:
            ones, zeros = np.ones(filters, np.float32), np.zeros(filters, np.float32)
            statistics = [self.constant(f"{name}.{part}", v) for part, v in
                          [("gamma", ones), ("beta", zeros), ("mean", zeros), ("variance", ones)]]
            x = self.op("BatchNormalization", [x, *statistics], filters, epsilon=networks.BN_EPSILON)
        return self.op("Relu", [x], filters) if relu else x

    def up(self, x, filters, k, stride):
        name, fan_in = f"up{len(self.nodes)}", self.channels[x]
        kernel = self.constant(name + ".weight", self.weights.kernel(k, fan_in, filters).transpose(2, 3, 0, 1))
        bias = self.constant(name + ".bias", self.weights.bias(filters))
        return self.op("ConvTranspose", [x, kernel, bias], filters, kernel_shape=[k, k], strides=[stride] * 2,
                       pads=[(k - stride) // 2] * 4)

    def pool(self, x):
        return self.op("MaxPool", [x], self.channels[x], kernel_shape=[2, 2], strides=[2, 2])

    def concat(self, a, b):
        return self.op("Concat", [a, b], self.channels[a] + self.channels[b], axis=1)

    def add(self, a, b):
        return self.op("Add", [a, b], self.channels[a])


case = networks.Case(sys.argv[1])
builder = Builder(networks.Weights())
builder.channels["x"] = case.channels
y = case.build(builder, "x")
shapes = [[case.batch, c, case.h, case.w] for c in (case.channels, case.outputs)]
graph = helper.make_graph(
    builder.nodes, case.name.split("/")[0],
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, shapes[0])],
    [helper.make_tensor_value_info(y, TensorProto.FLOAT, shapes[1])], builder.initializers)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph.output[0]
case.check(builder.parameters, [d.dim_value for d in inferred.type.tensor_type.shape.dim], nchw=True)
onnx.save(model, sys.argv[2])
