"""The case mnist-autoencoder/epoch: training on MNIST by Hourglass, PyTorch and Keras. A
turn trains --epochs epochs; its figure is the median epoch, the training pass alone."""

import json
import os
import statistics
import tempfile

import turns


def hourglass(args):
    with tempfile.TemporaryDirectory() as folder:
        lines, peak = turns.execute([
            turns.hourglass(), "train", "mnist-autoencoder", "--epochs", args.epochs, "--threads", args.threads,
            "--json", "-o", os.path.join(folder, "run"),
        ])
    events = [json.loads(line) for line in lines if line.strip()]
    seconds = [e["seconds"] for e in events if e["event"] == "epoch"]
    return {
        "name": "Hourglass",
        "version": turns.our_version(),
        "epochs": seconds,
        "seconds_per_epoch": statistics.median(seconds),
        "peak_rss_bytes": peak,
        "test_bce": events[-1]["metrics"]["bce"],
    }


def peer(name):
    def turn(args):
        lines, peak = turns.execute([
            turns.python(name), turns.HERE / f"{name}_mnist.py", "--epochs", args.epochs, "--threads", args.threads])
        return json.loads(lines[-1]) | {"peak_rss_bytes": peak}

    return turn


class Mnist:
    name = "mnist-autoencoder/epoch"
    programs = {"hourglass": hourglass, "torch": peer("torch"), "keras": peer("keras")}
    usual = list(programs)

    def check(self):
        """What is wrong with the surroundings, or nothing."""
        if not os.environ.get("HOURGLASS_DATA"):
            return "HOURGLASS_DATA is not set: it must name the folder that holds mnist/"

    def figure(self, turn):
        return f"{turn['seconds_per_epoch']:.3f} s an epoch"

    def summary(self, results):
        return results[0] | {
            "epochs": [t["epochs"] for t in results],
            "seconds_per_epoch": statistics.median(t["seconds_per_epoch"] for t in results),
            "peak_rss_bytes": max(t["peak_rss_bytes"] for t in results),
        }

    def table(self, results, args):
        ours = results[0]
        lines = [
            f"mnist-autoencoder, 60,000 digits, batch 128; {turns.where(args)}; median of {args.epochs} epoch(s), "
            f"{args.rounds} turn(s)",
            "",
            "| program | seconds an epoch | times ours | peak memory, MiB | times ours | test BCE |",
            "|---|---|---|---|---|---|",
        ]
        for r in results:
            lines.append(
                f"| {r['name']} {r['version']} | {r['seconds_per_epoch']:.3f} "
                f"| {r['seconds_per_epoch'] / ours['seconds_per_epoch']:.2f} | {turns.mebibytes(r['peak_rss_bytes'])} "
                f"| {r['peak_rss_bytes'] / ours['peak_rss_bytes']:.2f} | {r['test_bce']:.4f} |")
        return "\n".join(lines)
