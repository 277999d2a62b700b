"""What the peers' scripts share: the digits, the options and the report."""

import argparse
import gzip
import json
import os
import pathlib
import resource
import statistics
import sys

import numpy as np

UNITS = [128, 64, 32, 64, 128]  # the hidden layers between 784 and 784
BATCH = 128


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def images(split):
    """The pictures of "train" or "t10k": uint8 [n, 784]."""
    folder = os.environ.get("HOURGLASS_DATA")
    if not folder:
        sys.exit("HOURGLASS_DATA is not set: it must name the folder that holds mnist/")
    path = pathlib.Path(folder, "mnist", f"{split}-images-idx3-ubyte.gz")
    with gzip.open(path) as file:
        data = file.read()
    return np.frombuffer(data, np.uint8, offset=16).reshape(-1, 784)


def peak_rss_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def report(name, version, seconds, peak, test_bce):
    """Prints one JSON object: seconds an epoch, memory, and the loss as a check that the
    same thing was learnt."""
    print(json.dumps({
        "name": name,
        "version": version,
        "epochs": [round(s, 4) for s in seconds],
        "seconds_per_epoch": round(statistics.median(seconds), 4),
        "peak_rss_bytes": peak,
        "test_bce": round(float(test_bce), 5),
    }))
