import json
from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub

from mmdet_trash.engine.hooks import CheckpointHook
from mmdet_trash.errors import InputError


class FakeRunner:
    """As much of a runner as saving takes: `save_checkpoint` writes the epoch, or fails."""

    def __init__(self, work_dir):
        self.work_dir = str(work_dir)
        self.epoch = self.iter = 0
        self.message_hub = MessageHub("test")
        self.logger = SimpleNamespace(info=lambda _: None)
        self.disk_full = False

    def save_checkpoint(self, out_dir, filename, *_, meta, backend_args, **__):
        from mmengine.fileio import put

        if self.disk_full:
            raise OSError(28, "No space left on device")
        put(json.dumps(meta).encode(), f"{out_dir}/{filename}", backend_args=backend_args)


@pytest.fixture
def runner(tmp_path):
    return FakeRunner(tmp_path)


@pytest.fixture
def hook(runner):
    hook = CheckpointHook(interval=1, max_keep_ckpts=1, save_best="mAP50", rule="greater")
    hook.before_train(runner)
    return hook


def train_epoch(hook, runner, score):
    hook._save_checkpoint(runner)
    runner.epoch += 1
    hook._save_best_checkpoint(runner, {"mAP50": score})


def names(tmp_path):
    return sorted(path.name for path in tmp_path.glob("*.pth"))


def test_the_newest_and_the_best_are_kept(hook, runner, tmp_path):
    for score in (0.1, 0.3, 0.2):
        train_epoch(hook, runner, score)
    assert names(tmp_path) == ["best_mAP50_epoch_2.pth", "epoch_3.pth", "last.pth"]
    assert (tmp_path / "last.pth").resolve().name == "epoch_3.pth"
    assert json.loads((tmp_path / "last.pth").read_text())["epoch"] == 3


def test_a_validation_may_come_before_the_first_checkpoint(hook, runner, tmp_path):
    runner.epoch = 1
    hook._save_best_checkpoint(runner, {"mAP50": 0.5})
    assert names(tmp_path) == ["best_mAP50_epoch_1.pth"]


def test_what_a_kill_left_half_written_is_cleared_away(hook, runner, tmp_path):
    (tmp_path / ".epoch_4.pth.a1b2").touch()
    hook.before_train(runner)
    assert list(tmp_path.iterdir()) == []


def test_another_place_than_local_files_is_refused():
    with pytest.raises(InputError, match="checkpoints are local files"):
        CheckpointHook(interval=1, backend_args={"backend": "petrel"})


def test_a_failed_save_removes_nothing(hook, runner, tmp_path):
    train_epoch(hook, runner, 0.1)
    runner.disk_full = True
    with pytest.raises(OSError, match="No space left"):
        hook._save_checkpoint(runner)
    assert names(tmp_path) == ["best_mAP50_epoch_1.pth", "epoch_1.pth", "last.pth"]


def test_a_failed_save_of_a_better_one_keeps_the_best(hook, runner, tmp_path):
    train_epoch(hook, runner, 0.1)
    hook._save_checkpoint(runner)
    runner.epoch += 1
    runner.disk_full = True
    with pytest.raises(OSError, match="No space left"):
        hook._save_best_checkpoint(runner, {"mAP50": 0.9})
    assert names(tmp_path) == ["best_mAP50_epoch_1.pth", "epoch_2.pth", "last.pth"]
    assert json.loads((tmp_path / "epoch_2.pth").read_text())["epoch"] == 2
