"""What the runner's cases share: processes, one for each turn, and what is known of the
machine."""

import datetime
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

under = []  # the command that every process is run under


def processor():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def execute(command):
    """Runs a command to its end: its output's lines and its peak memory in bytes."""
    command = [*under, *map(str, command)]
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


def python(peer):
    """The interpreter that has a peer: of KERAS_PYTHON, say, or PEERS_PYTHON, or this one."""
    return os.environ.get(f"{peer.upper()}_PYTHON") or os.environ.get("PEERS_PYTHON") or sys.executable


def hourglass():
    return os.environ.get("HOURGLASS", "hourglass")


def our_version():
    return execute([hourglass(), "version"])[0][0].removeprefix("hourglass").strip()


def mebibytes(n):
    return f"{n / 2**20:.0f}"


def where(args):
    """Date, processor and threads, for a table's head."""
    return f"{datetime.date.today().isoformat()}, {processor()}, {args.threads} threads"
