#!/usr/bin/env python3
"""Trains the mnist-autoencoder with Hourglass, PyTorch and Keras, turn and turn about,
and prints one table: seconds an epoch, peak memory, ratios.

    HOURGLASS_DATA=DIR HOURGLASS=./hourglass python3 bench/peers/run.py

DIR/mnist holds the four files of MNIST. Each turn is a process of its own that trains
--epochs epochs on --threads threads; its figure is the median epoch, and a program's
figure the median of its turns. An epoch is the training pass alone. Peak memory is
that of the whole process, as the operating system counts it (the largest of the turns).

Variables: HOURGLASS, the binary (default: hourglass); TORCH_PYTHON and KERAS_PYTHON,
the interpreters that have the peers of requirements.txt (default: this one).
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def processor():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def run(command):
    """Runs a command to its end: its output's lines and its peak memory in bytes."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        try:
            process = subprocess.Popen(command, stdout=out, stderr=err)
        except OSError as problem:
            sys.exit(f"{command[0]}: {problem}")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit {process.returncode}\n{err.read()}")
        return out.read().splitlines(), usage.ru_maxrss * 1024


def hourglass(args):
    binary = os.environ.get("HOURGLASS", "hourglass")
    version, _ = run([binary, "version"])
    with tempfile.TemporaryDirectory() as folder:
        lines, peak = run([
            binary, "train", "mnist-autoencoder", "--epochs", str(args.epochs), "--threads", str(args.threads),
            "--json", "-o", os.path.join(folder, "run"),
        ])
    events = [json.loads(line) for line in lines if line.strip()]
    seconds = [e["seconds"] for e in events if e["event"] == "epoch"]
    done = events[-1]
    return {
        "name": "Hourglass",
        "version": version[0].removeprefix("hourglass").strip(),
        "epochs": seconds,
        "seconds_per_epoch": statistics.median(seconds),
        "peak_rss_bytes": peak,
        "test_bce": done["metrics"]["bce"],
    }


def peer(script, variable):
    def turn(args):
        python = os.environ.get(variable, sys.executable)
        lines, peak = run([
            python, str(HERE / script), "--epochs", str(args.epochs), "--threads", str(args.threads)])
        return json.loads(lines[-1]) | {"peak_rss_bytes": peak}

    return turn


PROGRAMS = {
    "hourglass": hourglass,
    "torch": peer("torch_mnist.py", "TORCH_PYTHON"),
    "keras": peer("keras_mnist.py", "KERAS_PYTHON"),
}


def summary(turns):
    return turns[0] | {
        "epochs": [t["epochs"] for t in turns],
        "seconds_per_epoch": statistics.median(t["seconds_per_epoch"] for t in turns),
        "peak_rss_bytes": max(t["peak_rss_bytes"] for t in turns),
    }


def table(results, args):
    ours = results[0]
    day = datetime.date.today().isoformat()
    lines = [
        f"mnist-autoencoder, 60,000 digits, batch 128; {day}, {processor()}, {args.threads} threads; "
        f"median of {args.epochs} epochs, {args.rounds} turns",
        "",
        "| program | seconds an epoch | times ours | peak memory, MiB | times ours | test BCE |",
        "|---|---|---|---|---|---|",
    ]
    for r in results:
        lines.append(
            f"| {r['name']} {r['version']} | {r['seconds_per_epoch']:.3f} "
            f"| {r['seconds_per_epoch'] / ours['seconds_per_epoch']:.2f} | {r['peak_rss_bytes'] / 2**20:.0f} "
            f"| {r['peak_rss_bytes'] / ours['peak_rss_bytes']:.2f} | {r['test_bce']:.4f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--epochs", type=int, default=5, help="of every turn (5)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of every program (3)")
    parser.add_argument("--threads", type=int, default=2, help="of every program (2)")
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=list(PROGRAMS),
                        help="some of the programs; ratios are to the first")
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE too")
    args = parser.parse_args()
    if not os.environ.get("HOURGLASS_DATA"):
        parser.error("HOURGLASS_DATA is not set: it must name the folder that holds mnist/")

    turns = {name: [] for name in args.only}
    for turn in range(args.rounds):
        for name in args.only:
            turns[name].append(PROGRAMS[name](args))
            print(f"turn {turn + 1}, {name}: {turns[name][-1]['seconds_per_epoch']:.3f} s an epoch", file=sys.stderr)
    results = [summary(t) for t in turns.values()]
    print(table(results, args))
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({
            "date": datetime.date.today().isoformat(), "cpu": processor(), "threads": args.threads, "results": results,
        }, indent=1) + "\n")


if __name__ == "__main__":
    main()
