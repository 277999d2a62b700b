"""The cases of convolutional networks, such as unet/infer/256: a turn is a process that
prepares the network, warms up and repeats the work for two to three seconds; its figure is
the median repetition."""

import json
import pathlib
import statistics
import tempfile

import turns

# By program: the script, its arguments, whether it reads an ONNX file, whether it trains.
PEERS = {
    "openvino": ("openvino", "f32", True, False),
    "openvino-bf16": ("openvino", "bf16", True, False),
    "onnxruntime": ("onnxruntime", "float32", True, False),
    "torch": ("torch", "nhwc", False, True),
    "torch-nchw": ("torch", "nchw", False, True),
    "torch-compile": ("torch", "compile", False, True),
    "keras": ("keras", "function", False, True),
    "keras-fit": ("keras", "fit", False, True),
    "keras-xla": ("keras", "xla", False, True),
    "keras-frozen": ("keras", "frozen", False, False),
}

# What a case takes unless --only says otherwise: the others have not been faster.
USUAL_INFER = ["openvino", "openvino-bf16", "onnxruntime", "torch-compile", "torch", "keras", "keras-frozen"]
USUAL_TRAIN = ["torch", "torch-nchw", "keras"]

REDUCED = {"openvino-bf16"}  # bfloat16: peers of ours in that alone, as in unet-bfloat16/infer/256


class Network:
    def __init__(self, name):
        self.name = name
        network, mode = name.split("/")[:2]
        training, reduced = mode == "train", network.endswith("-bfloat16")
        self.programs = {"hourglass": self.hourglass}
        for peer, (_, _, _, trains) in PEERS.items():
            if (trains or not training) and (peer in REDUCED or not reduced):
                self.programs[peer] = self.peer(peer)
        self.usual = ["hourglass", *(sorted(REDUCED) if reduced else USUAL_TRAIN if training else USUAL_INFER)]
        self.folder = None  # of the ONNX file

    def check(self):
        return None

    def hourglass(self, args):
        lines, peak = turns.execute([turns.hourglass(), "bench", "--case", self.name, "--threads", args.threads, "--json"])
        if len(lines) != 1:
            raise SystemExit(f"hourglass bench --case {self.name}: {len(lines)} lines, want 1")
        return json.loads(lines[0]) | {"name": "Hourglass", "version": turns.our_version(), "peak_rss_bytes": peak}

    def peer(self, program):
        script, variant, onnx, _ = PEERS[program]

        def turn(args):
            command = [turns.python(script), turns.HERE / f"{script}_networks.py", self.name, "--variant", variant,
                       "--threads", args.threads]
            if onnx:
                command += ["--model", self.onnx_file()]
            lines, peak = turns.execute(command)
            return json.loads(lines[-1]) | {"peak_rss_bytes": peak, "reduced": program in REDUCED}

        return turn

    def onnx_file(self):
        """The network as a file, which is written at its first use and goes with the case."""
        if self.folder is None:
            self.folder = tempfile.TemporaryDirectory()
            turns.execute([turns.python("onnx"), turns.HERE / "onnx_networks.py", self.name, self.file])
        return self.file

    @property
    def file(self):
        return pathlib.Path(self.folder.name, "network.onnx")

    def figure(self, turn):
        return f"{turn['ms_median']:.2f} ms"

    def summary(self, results):
        merged = results[0] | {
            "turns_ms": [t["ms_median"] for t in results],
            "ms_median": statistics.median(t["ms_median"] for t in results),
            "ms_min": min(t["ms_min"] for t in results),
            "peak_rss_bytes": max(t["peak_rss_bytes"] for t in results),
        }
        for figure in "gflops_per_s", "share_of_peak", "peak_gflops_per_s":
            if figure in results[0]:
                merged[figure] = statistics.median(t[figure] for t in results)
        return merged

    def table(self, results, args):
        ours = results[0]
        head = f"{self.name}; {turns.where(args)}; median of {args.rounds} turn(s)"
        peak = ours.get("peak_gflops_per_s")
        if peak:
            gflop = ours["ms_median"] * ours["gflops_per_s"] / 1000
            head += f"; {gflop:.4g} GFLOP, at the processor's peak of {peak:.0f} GFLOP/s {gflop / peak * 1000:.4g} ms"
        lines = [head, "", "| program | ms | at best | times ours | peak memory, MiB | times ours |", "|---|---|---|---|---|---|"]
        for r in results:
            name = f"{r['name']} {r['version']}" + (f" ({r['note']})" if r.get("note") else "")
            lines.append(
                f"| {name} | {r['ms_median']:.2f} | {r['ms_min']:.2f} | {r['ms_median'] / ours['ms_median']:.2f} "
                f"| {turns.mebibytes(r['peak_rss_bytes'])} | {r['peak_rss_bytes'] / ours['peak_rss_bytes']:.2f} |")
        peers = [r for r in results[1:] if not r.get("reduced")]
        if ours["name"] == "Hourglass" and peers:
            fastest, smallest = min(peers, key=lambda r: r["ms_median"]), min(peers, key=lambda r: r["peak_rss_bytes"])
            lines += ["", f"The fastest peer in float32, {fastest['name']}, takes {fastest['ms_median'] / ours['ms_median']:.2f} times "
                      f"our time; ours takes {ours['peak_rss_bytes'] / smallest['peak_rss_bytes']:.2f} times the memory of the smallest, "
                      f"{smallest['name']}."]
        return "\n".join(lines)
