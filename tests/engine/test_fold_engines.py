import threading
import time

import pytest

from mmdet_trash.engine import fold_engines
from mmdet_trash.engine.fold_engines import run_local, visible_gpus
from mmdet_trash.engine.fold_run import FoldJob


def jobs(count):
    return [FoldJob({}, "folds", fold, f"fold{fold}") for fold in range(count)]


def test_gpus_are_those_the_environment_names(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-8f")
    assert visible_gpus() == ["3", "GPU-8f"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert visible_gpus() == ["0", "1"]


def test_folds_that_run_together_are_on_different_gpus_and_each_is_reported(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    busy, used, lock = set(), [], threading.Lock()

    def in_process(job, gpu, at_once):
        with lock:
            assert gpu not in busy and len(busy) < 2 == at_once
            busy.add(gpu)
            used.append(gpu)
        time.sleep(0.02 * (1 + job.fold % 2))
        with lock:
            busy.remove(gpu)
        return "it failed" if job.fold == 1 else None

    monkeypatch.setattr(fold_engines, "_in_process", in_process)
    reported = {}
    run_local(jobs(5), 2, reported.__setitem__)
    assert reported == {0: None, 1: "it failed", 2: None, 3: None, 4: None}
    assert set(used) == {"5", "7"}


class Process:
    """Ends with the exit codes and words it is given, a start after the other."""

    def __init__(self, ends):
        self.ends, self.starts = ends, 0

    def get_context(self, kind):
        return self

    def Pipe(self, duplex):
        return self, self

    def Process(self, target, args):
        self.exitcode, self.said = self.ends[self.starts]
        return self

    def start(self):
        self.starts += 1

    def recv(self):
        if self.said is None:
            raise EOFError
        return self.said

    def close(self): ...

    def join(self): ...


@pytest.mark.parametrize(
    ("ends", "starts", "fault"),
    [
        ([(0, None)], 1, None),
        ([(-9, None), (0, None)], 2, None),
        ([(-9, None)] * 5, 3, "its process was killed by signal 9, 3 times"),
        ([(2, "train.json: no such file")], 1, "train.json: no such file"),
        ([(1, None)], 1, "its process ended with 1; its log says why"),
    ],
)
def test_a_process_that_is_killed_is_started_again_and_one_that_fails_is_not(ends, starts, fault, monkeypatch):
    process = Process(ends)
    monkeypatch.setattr(fold_engines, "get_context", process.get_context)
    reported = []
    run_local(jobs(1), 1, lambda fold, what: reported.append((fold, what)))
    assert reported == [(0, fault)] and process.starts == starts


def test_an_interrupt_begins_no_fold_that_waits(monkeypatch):
    begun = []

    def in_process(job, gpu, at_once):
        begun.append(job.fold)
        time.sleep(0.1)

    monkeypatch.setattr(fold_engines, "_in_process", in_process)

    def interrupt(fold, fault):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_local(jobs(4), 1, interrupt)
    assert begun in ([0], [0, 1])  # the next may have begun as the first ended
