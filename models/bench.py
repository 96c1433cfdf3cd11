"""Size and speed of the models as a Markdown table: `python -m models.bench [NAMES]`.

Times are medians of a window's whole forward pass, on a CPU with one thread of processor time. Models that
cache features get two more lines, for one frame and for one window of cached features. Peak memory is the
device's on a GPU; on a CPU the process's, with torch itself and what earlier models left: bench one by one.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from models.cost import clip_for, count
from models.errors import ModelError
from models.explicit import explicit
from models.model import Model, StreamingModel
from models.registry import create_model, list_models

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def graphed(call: Callable[[], object]) -> Callable[[], object]:
    """The same call as one CUDA graph: what it reads and writes stays where it is.

    Args:
        call: launches work on the current CUDA device, without waiting for it.
    """
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # a capture wants a warm allocator and warm libraries
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = call()

    def replay() -> object:
        graph.replay()
        return kept

    return replay


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


def milliseconds(call: Callable[[], object], device: torch.device, seconds: float = 2.0) -> float:
    """Median time of a call, measured for about `seconds` and at least 3 times.

    On a CPU with one thread it is the processor's time, which other programs do not stretch.
    """
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    for _ in range(2):
        call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        if device.type == "cuda":
            begin, done = _event(), _event()
            begin.record()
            call()
            done.record()
            done.synchronize()
            times.append(begin.elapsed_time(done))
        else:
            start = clock()
            call()
            times.append((clock() - start) * 1000)
    return statistics.median(times)


def reset_peak(device: torch.device) -> None:
    """Forgets the peak memory so far."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


def peak_mb(device: torch.device) -> float | None:
    """Peak memory since `reset_peak`, MB; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


class Bench:
    """One device, type and way of running.

    Args:
        device, dtype: where and in what the models run.
        graph: replay a CUDA graph.
        seconds: time spent on each figure.

    Raises:
        ModelError: a device that is not there, or a graph on a CPU.
    """

    def __init__(self, device: str, dtype: str, graph: bool, seconds: float) -> None:
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise ModelError("--device: expected a device of this machine, got 'cuda' without a CUDA GPU")
        self.device = torch.device(device)
        if graph and self.device.type != "cuda":
            raise ModelError(f"--graph: expected a CUDA device, got {device!r}")
        self.dtype = DTYPES[dtype]
        self.graph = graph
        self.seconds = seconds

    @property
    def title(self) -> str:
        """What was measured on, in words."""
        if self.device.type == "cuda":
            where = torch.cuda.get_device_name(self.device)
        else:
            where = f"CPU, {torch.get_num_threads()} thread(s)"
        how = ", CUDA graph" if self.graph else ", eager"
        return f"{where}, {str(self.dtype).removeprefix('torch.')}{how}, torch {torch.__version__}"

    def time(self, call: Callable[[], object]) -> float:
        """Median milliseconds of a call."""
        return milliseconds(graphed(call) if self.graph else call, self.device, self.seconds)

    def prepared(self, name: str) -> Model:
        """A model on the device."""
        return create_model(name).to(self.device, self.dtype)

    def clip(self, model: Model, batch: int) -> Tensor:
        """Random clips on the device."""
        return clip_for(model, batch).to(self.device, self.dtype)

    def rows(self, name: str, batches: Sequence[int]) -> list[str]:
        """The table's rows for a model."""
        cost = count(create_model(name))
        model = self.prepared(name)
        reset_peak(self.device)
        times = []
        for batch in batches:
            clip = self.clip(model, batch)
            times.append(self.time(lambda clip=clip: model(clip)) / batch)  # type: ignore[misc]
        peak = peak_mb(self.device)
        cells = [name, f"{cost.parameters / 1e6:.2f}", f"{2 * cost.macs / 1e9:.1f}"]
        cells += [f"{each:.2f}" for each in times] + ["n/a" if peak is None else f"{peak:.0f}"]
        rows = ["| " + " | ".join(cells) + " |"]
        if isinstance(model, StreamingModel):
            frame = self.clip(model, 1)[:, :, 0]
            features = model.encode(frame)
            window = features.expand(model.spec.frames, *features.shape[1:]).unsqueeze(0).contiguous()
            pad = " |" * len(batches)
            rows.append(
                f"| {name}: encode one frame | | | {self.time(lambda: model.encode(frame)):.2f}{pad} |"
            )
            rows.append(f"| {name}: read one window | | | {self.time(lambda: model.read(window)):.2f}{pad} |")
        return rows

    def against_explicit(self, name: str, batch: int) -> str:
        """A row that compares a model with the published formulation of the same, in the same run.

        Raises:
            ModelError: the two differ.
        """
        model = self.prepared(name)
        clip = self.clip(model, batch)
        ours = model(clip).logits.float()
        fast = slow = math.inf
        # in turns and the best of each: another program's burst does not favour one of the two
        for _ in range(3):
            fast = min(fast, self.time(lambda: model(clip)) / batch)
            with explicit():
                theirs = model(clip).logits.float()
                slow = min(slow, self.time(lambda: model(clip)) / batch)
        gap = float((ours - theirs).abs().max())
        allowed = 1e-3 if self.dtype == torch.float32 else 5e-2
        if not gap <= allowed * max(1.0, float(theirs.abs().max())):
            raise ModelError(
                f"{name}: expected the same logits within {allowed}, got a difference of {gap:.2g}"
            )
        return f"| {name} | {batch} | {slow:.2f} | {fast:.2f} | {slow / fast:.2f} | {gap:.1e} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="models; all by default")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--dtype", default="float32", choices=sorted(DTYPES))
    parser.add_argument("--graph", action="store_true", help="replay a CUDA graph")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8], help="windows at once")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--seconds", type=float, default=2.0, help="time spent on each figure")
    parser.add_argument("--against-explicit", action="store_true", help="ratio to the published formulation")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    try:
        bench = Bench(given.device, given.dtype, given.graph, given.seconds)
        names = given.names or list_models()
        for name in names:
            if name not in list_models():
                raise ModelError(f"model: expected one of {', '.join(list_models())}, got {name!r}")
        if min(given.batch) < 1:
            raise ModelError(f"--batch: expected numbers >= 1, got {min(given.batch)}")
        print(f"{bench.title}\n")
        with torch.inference_mode():
            if given.against_explicit:
                print(
                    "| model | batch | published formulation, ms a window | ours, ms | ratio | difference |"
                )
                print("| --- | --- | --- | --- | --- | --- |")
                for name in names:
                    for batch in given.batch:
                        print(bench.against_explicit(name, batch), flush=True)
                return 0
            columns = "".join(f" ms a window, batch {batch} |" for batch in given.batch)
            print(f"| model | parameters, M | GFLOP a window |{columns} peak memory, MB |")
            print("| --- | --- | --- |" + " --- |" * len(given.batch) + " --- |")
            for name in names:
                print("\n".join(bench.rows(name, given.batch)), flush=True)
    except ModelError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
