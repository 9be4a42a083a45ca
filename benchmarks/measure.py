"""What the benchmarks share: times taken in turn, and peak memory."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any


def median_seconds(functions: Sequence[Callable[[], Any]], repeats: int) -> list[float]:
    """Median seconds of each function; they take turns, so that a slow moment of the machine falls on all."""
    times: list[list[float]] = [[] for _ in functions]
    for repeat in range(repeats + 1):
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            if repeat:  # the first is to warm up
                taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


def peak_mib(function: Callable[[], Any]) -> float:
    """Most memory that PyTorch holds at a time on the CPU during a call, beyond what it held before, in MiB."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        function()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak / 2**20


def case(peer: str, seconds: Sequence[float], mib: Sequence[float | None], same_result: bool | None) -> dict[str, Any]:
    """One case of a benchmark's last line: ours, then the peer's. A ratio above 1 is ours ahead."""
    return {
        "peer": peer,
        "ours_s": round(seconds[0], 4),
        "peer_s": round(seconds[1], 4),
        "ratio": round(seconds[1] / seconds[0], 3),
        "ours_mib": mib[0] and round(mib[0], 1),
        "peer_mib": mib[1] and round(mib[1], 1),
        "same_result": same_result,
    }
