"""Writes state_dict.pth, legacy.pth, checkpoint.pth, protocol4.pth and whole.pth beside this script.

The Go tests read them. Made with torch 2.13.0:
    python3 files.py
"""

import collections
import pathlib

import torch

assert torch.__version__.startswith("2.13.0")
here = pathlib.Path(__file__).parent

state = collections.OrderedDict(
    weight=torch.arange(24.0).reshape(4, 3, 1, 2) / 8 - 1,
    parameter=torch.nn.Parameter(torch.tensor([0.5, -2.0])),
    scalar=torch.tensor(0.25),
    half=torch.tensor([1, -2, 65504, 2**-24], dtype=torch.float16),
    bfloat16=torch.tensor([1, -3], dtype=torch.bfloat16),
    double=torch.tensor([0.1, -7], dtype=torch.float64),
    integers=torch.tensor([1, 2]),
    transposed=torch.arange(6.0).reshape(2, 3).t(),
    part=torch.arange(10.0)[2:8:2],
    empty=torch.zeros(0, 3),
)
state["same"] = state["weight"]
torch.save(state, here / "state_dict.pth")
torch.save(state, here / "legacy.pth", _use_new_zipfile_serialization=False)
torch.save(state, here / "protocol4.pth", pickle_protocol=4)

net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2))
with torch.no_grad():
    for p in net.parameters():
        p.fill_(0.5)
adam = torch.optim.Adam(net.parameters())
net(torch.ones(1, 1, 2, 2)).sum().backward()
adam.step()
torch.save(
    {
        "epoch": 3, "state_dict": net.state_dict(), "optimizer": adam.state_dict(), "best": None, "rate": 0.1,
        "shape": (2, (3, 4)), "set": {1, 2}, "big": 1 << 70, "negative": -5, "bytes": b"abc", "flag": True,
        "range": range(3),
    },
    here / "checkpoint.pth",
)  # fmt: skip
torch.save(net, here / "whole.pth")
