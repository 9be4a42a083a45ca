"""Where the folds of a k-fold run are worked on: processes of this machine, or a Ray cluster."""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeAlias

import torch

from mmdet_trash.cluster import ray_cluster
from mmdet_trash.engine.fold_run import FoldJob, run_fold
from mmdet_trash.errors import InputError

RETRIES = 2
"""How often a fold whose process was killed is taken up again, from its last checkpoint."""
LOG = "log.txt"

Report: TypeAlias = Callable[[int, str | None], None]
"""Called with a fold that ended, and what went wrong with it or None."""


def run_local(jobs: Sequence[FoldJob], at_once: int, report: Report) -> None:
    """Work on folds in processes of their own, each on one of the GPUs, if there are any.

    A process that is killed is started again; one that ends in an error is not, and the other folds go on. Where
    several run, each prints into `log.txt` of its fold.

    Args:
        jobs: the folds.
        at_once: how many at a time.
        report: called from several threads as folds end.
    """
    gpus = visible_gpus()
    slots: SimpleQueue[str | None] = SimpleQueue()
    for slot in range(at_once):
        slots.put(gpus[slot % len(gpus)] if gpus else None)

    def work(job: FoldJob) -> None:
        slot = slots.get()
        try:
            report(job.fold, _in_process(job, slot, at_once))
        finally:
            slots.put(slot)

    with ThreadPoolExecutor(at_once) as pool:
        try:
            list(pool.map(work, jobs))
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)  # or the folds that wait would be begun
            raise


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(number) for number in range(torch.cuda.device_count())]


def _in_process(job: FoldJob, gpu: str | None, at_once: int) -> str | None:
    """Run a fold in a process; give what went wrong, or None."""
    context = get_context("spawn")
    for _ in range(1 + RETRIES):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(job, gpu, at_once, os.getpid(), sender))
        process.start()
        sender.close()
        try:
            fault = receiver.recv()
        except EOFError:
            fault = ""
        process.join()
        if process.exitcode is not None and process.exitcode >= 0:
            break
    if process.exitcode == 0:
        return None
    if process.exitcode is not None and process.exitcode < 0:
        return f"its process was killed by signal {-process.exitcode}, {1 + RETRIES} times"
    return fault or f"its process ended with {process.exitcode}; its log says why"


def _child(job: FoldJob, gpu: str | None, at_once: int, parent: int, sender: Any) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    if at_once > 1:
        torch.set_num_threads(max(1, torch.get_num_threads() // at_once))
        Path(job.work_dir).mkdir(parents=True, exist_ok=True)
        with (Path(job.work_dir) / LOG).open("a") as log:
            os.dup2(log.fileno(), sys.stdout.fileno())
            os.dup2(log.fileno(), sys.stderr.fileno())
    try:
        run_fold(job)
    except (InputError, OSError) as error:
        sender.send(str(error).strip().rsplit("\n", 1)[-1])
        sys.exit(2)


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def run_on_ray(jobs: Sequence[FoldJob], address: str | None, report: Report) -> None:
    """Work on folds on a Ray cluster, whose machines share the folders; a GPU a fold where there are any.

    A fold whose worker is lost is taken up by another from its last checkpoint, and the other folds go on.

    Args:
        jobs: the folds.
        address: of the cluster; a local one is started, and ended, if None.
        report: called as folds end.

    Raises:
        InputError: when Ray is not installed, or the cluster cannot be reached.
    """
    with ray_cluster(address) as ray:
        gpus = 1 if ray.cluster_resources().get("GPU") else 0
        work = ray.remote(max_retries=RETRIES, num_cpus=1, num_gpus=gpus)(run_fold)
        folds = {work.remote(job): job.fold for job in jobs}
        while folds:
            (done,), _ = ray.wait(list(folds), num_returns=1)
            fault = None
            try:
                ray.get(done)
            except ray.exceptions.RayTaskError as error:
                known = isinstance(error.cause, (InputError, OSError))
                fault = str(error.cause) if known else f"{type(error.cause).__name__}: {error.cause}"
            except ray.exceptions.RayError as error:
                fault = f"its worker was lost: {str(error).splitlines()[0]}"
            report(folds.pop(done), fault)
