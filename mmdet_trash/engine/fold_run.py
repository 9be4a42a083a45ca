"""One fold of a k-fold run: train, predict its validation images, predict the test images."""

import gc
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from mmdet_trash.engine.config import set_fold
from mmdet_trash.engine.runs import prepare_training, run_test, run_training
from mmdet_trash.files import alone, atomic_write, read_json

CHECKPOINTS = ("best", "last")
TRAINED = "trained.json"
"""In a fold's folder once it is trained: the name of the checkpoint that predicts."""
PREDICTIONS = {"val": "val.parquet", "test": "test.parquet"}
"""In a fold's folder: what its checkpoint predicts for its validation images and for the test images."""


@dataclass(frozen=True)
class FoldJob:
    """What a process needs to run a fold, wherever it is.

    Attributes:
        cfg: content of the config, data root and options merged in.
        folds_dir: folder of `train_fold{k}.json` and `val_fold{k}.json`.
        fold: k.
        work_dir: the fold's own folder.
        checkpoint: `"best"`, by the config's `save_best`, or `"last"`: which weights predict.
        tta: whether they predict with the config's augmented views.
    """

    cfg: dict[str, Any]
    folds_dir: str
    fold: int
    work_dir: str
    checkpoint: str = "best"
    tta: bool = False

    @property
    def seed(self) -> int:
        """The fold's seed: the config's, counted up, so that folds start from other weights."""
        return (self.cfg.get("randomness", {}).get("seed") or 0) + self.fold

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return all((Path(self.work_dir) / name).exists() for name in (TRAINED, *PREDICTIONS.values()))

    def config(self) -> Config:
        """The fold's config, with what it imports, for a process that has not read its file."""
        cfg = Config(self.cfg)
        import_modules_from_strings(**cfg.get("custom_imports", {"imports": []}))
        set_fold(cfg, self.folds_dir, self.fold)
        cfg.randomness = {**cfg.get("randomness", {}), "seed": self.seed}
        return cfg


def run_fold(job: FoldJob) -> None:
    """Do what a fold still lacks; what an earlier start finished is not done again.

    Training goes on from the last checkpoint of the work dir, if there is one.

    Raises:
        InputError: when another process is at the fold, and as `run_training` and `run_test`.
    """
    folder = Path(job.work_dir)
    with alone(folder):
        if not (folder / TRAINED).exists():
            _train(job, folder)
        for split, name in PREDICTIONS.items():
            if not (folder / name).exists():
                checkpoint = str(folder / read_json(folder / TRAINED)["checkpoint"])
                run_test(job.config(), checkpoint, split, out=str(folder / name), tta=job.tta)
                gc.collect()  # the runner is a circle of references, and holds data loaders and a model


def _train(job: FoldJob, folder: Path) -> None:
    cfg = job.config()
    prepare_training(cfg, str(folder))
    run_training(cfg, resume=True)
    gc.collect()
    best = sorted(folder.glob("best_*.pth"), key=lambda path: path.stat().st_mtime_ns)
    chosen = best[-1] if best and job.checkpoint == "best" else (folder / "last.pth").resolve()
    with atomic_write(folder / TRAINED) as file:
        json.dump({"checkpoint": chosen.name}, file)
