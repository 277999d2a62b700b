"""Writes python.safetensors with Hugging Face's own writer, beside this script.

The Go tests read it, and require that Go's writer gives the same bytes for the same
tensors. Made with safetensors 0.8.0, numpy 2.x:
    python3 python.py
"""

import pathlib

import numpy
import safetensors
from safetensors.numpy import save_file

assert safetensors.__version__ == "0.8.0"
save_file(
    {
        "dense.kernel": numpy.arange(6, dtype=numpy.float32).reshape(2, 3) / 4 - 1,
        "dense.bias": numpy.array([0.5, -2, 3e38], dtype=numpy.float32),
        "scale": numpy.array(0.1, dtype=numpy.float64),
        "half": numpy.array([[1, -2, 65504], [2**-24, 0.333251953125, -0.0]], dtype=numpy.float16),
        "steps": numpy.array([1, -1], dtype=numpy.int64),
        "mask": numpy.array([True, False, True]),
        "empty": numpy.zeros((0, 4), dtype=numpy.float32),
        'näme "quoted"': numpy.array([7], dtype=numpy.uint8),
    },
    pathlib.Path(__file__).with_name("python.safetensors"),
    metadata={"format": "np"},
)
