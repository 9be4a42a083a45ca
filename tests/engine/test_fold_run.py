import os
import sys
from pathlib import Path

import pytest

from mmdet_trash.engine import fold_run
from mmdet_trash.engine.fold_run import FoldJob, run_fold
from mmdet_trash.errors import InputError
from mmdet_trash.files import alone
from tests.builders import coco, write_json


@pytest.fixture
def job(tmp_path):
    """A fold of a config that says no more than where its data is."""
    for part in ("train", "val"):
        write_json(tmp_path / "folds" / f"{part}_fold1.json", coco())
    loader = {"dataset": {"type": "TrashDataset", "ann_file": "train.json", "data_root": str(tmp_path)}}
    cfg = {"train_dataloader": loader, "val_dataloader": loader, "randomness": {"seed": 7, "deterministic": True}}
    return FoldJob(cfg, str(tmp_path / "folds"), 1, str(tmp_path / "run" / "fold1"))


@pytest.fixture
def calls(monkeypatch):
    """What a fold does, in order, in place of training and testing."""
    made = []

    def train(cfg, resume):
        made.append(("train", cfg.work_dir, resume))
        for name in ("best_mAP50_epoch_2.pth", "best_mAP50_epoch_5.pth", "epoch_6.pth"):
            (Path(cfg.work_dir) / name).write_bytes(b"")
            os.utime(Path(cfg.work_dir) / name, (len(made), len(made) + int(name[-5])))
        (Path(cfg.work_dir) / "last.pth").symlink_to("epoch_6.pth")

    def test(cfg, checkpoint, split, out, tta):
        made.append((split, Path(checkpoint).name, tta))
        Path(out).write_bytes(b"")

    monkeypatch.setattr(fold_run, "prepare_training", lambda cfg, work_dir: cfg.merge_from_dict({"work_dir": work_dir}))
    monkeypatch.setattr(fold_run, "run_training", train)
    monkeypatch.setattr(fold_run, "run_test", test)
    return made


def test_a_fold_is_trained_then_predicts_with_its_best_weights_and_nothing_is_done_twice(job, calls):
    assert not job.done
    run_fold(job)
    assert job.done
    whole = [
        ("train", job.work_dir, True),
        ("val", "best_mAP50_epoch_5.pth", False),
        ("test", "best_mAP50_epoch_5.pth", False),
    ]
    assert calls == whole
    run_fold(job)
    assert calls == whole
    (Path(job.work_dir) / "test.parquet").unlink()
    assert not job.done
    run_fold(job)
    assert calls == [*whole, whole[-1]]


def test_the_last_weights_predict_where_they_are_asked_for(job, calls):
    run_fold(FoldJob(job.cfg, job.folds_dir, job.fold, job.work_dir, checkpoint="last", tta=True))
    assert calls[1:] == [("val", "epoch_6.pth", True), ("test", "epoch_6.pth", True)]


def test_a_fold_has_its_own_files_and_seed_and_leaves_the_config_alone(job):
    cfg = job.config()
    assert cfg.train_dataloader.dataset.ann_file == str(Path(job.folds_dir) / "train_fold1.json")
    assert cfg.val_dataloader.dataset.ann_file == str(Path(job.folds_dir) / "val_fold1.json")
    assert cfg.randomness == {"seed": 8, "deterministic": True}
    assert job.cfg["train_dataloader"]["dataset"]["ann_file"] == "train.json"
    assert FoldJob({}, "folds", 3, "fold3").seed == 3


def test_modules_that_the_config_imports_are_imported(job, tmp_path, monkeypatch):
    (tmp_path / "own_module_of_a_config.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    job.cfg["custom_imports"] = {"imports": ["own_module_of_a_config"], "allow_failed_imports": False}
    job.config()
    assert sys.modules.pop("own_module_of_a_config")


def test_a_fold_that_another_process_is_at_is_left_to_it(job, calls, monkeypatch):
    monkeypatch.setattr("mmdet_trash.files.LEAVING", 0.1)
    with alone(job.work_dir), pytest.raises(InputError, match="fold1: another process is at work there"):
        run_fold(job)
    assert not calls
