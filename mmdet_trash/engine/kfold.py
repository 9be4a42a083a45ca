"""The k-fold run: one config trained on every fold, its predictions gathered, scored and fused."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mmcv
import mmdet
import mmengine
import numpy as np
import torch
import yaml
from mmengine.config import Config

from mmdet_trash.annotations import load_annotations
from mmdet_trash.datasets.fold_files import fold_files
from mmdet_trash.engine.config import ann_paths, load_config
from mmdet_trash.engine.fold_run import PREDICTIONS, TRAINED, FoldJob
from mmdet_trash.errors import InputError
from mmdet_trash.evaluation import evaluate_coco
from mmdet_trash.files import atomic_write, check_writable, read_json, read_yaml
from mmdet_trash.fusion import FusionSettings, fuse
from mmdet_trash.fusion.manifest import Manifest, Source, current_versions, write_manifest
from mmdet_trash.predictions import ImageTable, Predictions, read, read_predictions, write_predictions

FUSION = FusionSettings(iou_thr=0.65, conf_type="model_max", one_vote=True, max_per_img=300)
"""How test predictions are fused where nothing else is said: what did well on real out-of-fold predictions."""
CONFIG, RECORD, OOF, OOF_TRUTH, SUBMISSION = "config.py", "run.yaml", "oof.parquet", "oof_truth.json", "submission.csv"


@dataclass(frozen=True)
class KFold:
    """One config on every fold of a folder.

    Attributes:
        cfg: the config, data root and options merged in.
        source: the file it is from.
        folds_dir: folder of `train_fold{k}.json` and `val_fold{k}.json`.
        work_dir: folder of everything that comes of it.
        checkpoint: `"best"` or `"last"`, which weights of a fold predict.
        tta: whether they predict with the config's augmented views.
    """

    cfg: Config
    source: str
    folds_dir: Path
    work_dir: Path
    checkpoint: str = "best"
    tta: bool = False

    @property
    def jobs(self) -> list[FoldJob]:
        """What each fold's process is given. Paths are whole, for it may start in another folder."""
        return [
            FoldJob(self.cfg.to_dict(), str(self.folds_dir), fold, str(self.folder(fold)), self.checkpoint, self.tta)
            for fold in range(len(fold_files(self.folds_dir, "val")))
        ]

    def folder(self, fold: int) -> Path:
        """A fold's own folder."""
        return self.work_dir / f"fold{fold}"

    @property
    def test_file(self) -> Path:
        """Annotation file of the test images."""
        return ann_paths(self.cfg, "test_dataloader")[0]

    def inputs(self) -> dict[str, Any]:
        """What the result depends on, beside the config's content."""
        cfgs = [job.config() for job in self.jobs]
        return {
            "checkpoint": self.checkpoint,
            "tta": self.tta,
            "seeds": [job.seed for job in self.jobs],
            "train": [[asdict(Source.of(path)) for path in ann_paths(cfg, "train_dataloader")] for cfg in cfgs],
            "val": [[asdict(Source.of(path)) for path in ann_paths(cfg, "val_dataloader")] for cfg in cfgs],
            "test": asdict(Source.of(self.test_file)),
        }


@dataclass(frozen=True)
class Scores:
    """mAP50, between 0 and 1.

    Attributes:
        folds: of each fold on the images it validates on.
        pooled: of all out-of-fold predictions together.
        test_folds: of each fold on the test images, where their truth is known.
        fused: of the fused predictions there.
    """

    folds: tuple[float, ...]
    pooled: float
    test_folds: tuple[float, ...] = ()
    fused: float | None = None

    @property
    def mean(self) -> float:
        return float(np.mean(self.folds))

    @property
    def spread(self) -> float:
        """Standard deviation between folds."""
        return float(np.std(self.folds, ddof=1))


def start(run: KFold, resume: bool) -> None:
    """Check a run before long work, and note down what it is made of.

    Raises:
        InputError: when a fold's files or the config cannot be used, the work dir holds a run and `resume` is False,
            or it holds one of other inputs, naming the first difference.
    """
    if len(fold_files(run.folds_dir, "train")) != len(run.jobs):
        raise InputError(f"{run.folds_dir}: has not as many train_fold as val_fold files")
    inputs = run.inputs()
    ImageTable.from_coco(load_annotations(run.test_file))
    check_writable(run.work_dir / RECORD)
    if not (run.work_dir / RECORD).exists():
        run.cfg.dump(run.work_dir / CONFIG)
        _write_record(run, {"config": run.source, "inputs": inputs, "versions": versions()})
        return
    if not resume:
        raise InputError(f"{run.work_dir}: holds a run; --resume goes on with it, another --work-dir starts anew")
    before = {
        "config": load_config(str(run.work_dir / CONFIG)).to_dict(),
        "inputs": read_record(run.work_dir)["inputs"],
    }
    changed = list(differences(before, {"config": run.cfg.to_dict(), "inputs": inputs}))
    if changed:
        more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        raise InputError(f"{run.work_dir}: --resume with other inputs: {changed[0]}{more}; another --work-dir is right")


def finish(run: KFold, settings: FusionSettings = FUSION, test_truth: str | None = None) -> Scores:
    """Gather what the folds predicted: out-of-fold predictions, their score, the fused submission, the record.

    Args:
        run: whose folds are all through.
        settings: how to fuse the folds' test predictions.
        test_truth: annotation file of the test images with their boxes, if they are known.

    Raises:
        InputError: when settings do not fit the number of folds, or files are not those the folds wrote.
    """
    truths = [load_annotations(path) for path in fold_files(run.folds_dir, "val")]
    found = [_predicted(run, fold, "val", truth) for fold, truth in enumerate(truths)]
    truth, pooled = out_of_fold(truths, found)
    write_predictions(pooled, run.work_dir / OOF)
    with atomic_write(run.work_dir / OOF_TRUTH) as file:
        json.dump(truth, file, ensure_ascii=False)

    test = load_annotations(run.test_file)
    models = [_predicted(run, fold, "test", test) for fold in range(len(truths))]
    fused = fuse(models, settings)
    submission = run.work_dir / SUBMISSION
    write_predictions(fused, submission)
    if notes := read(submission, fused.images).notes:
        raise InputError(f"{submission}: is not as it should be: {notes[0]}")
    sources = tuple(Source.of(run.folder(fold) / PREDICTIONS["test"]) for fold in range(len(models)))
    write_manifest(Manifest(settings, sources, Source.of(run.test_file)), f"{submission}.yaml")

    scores = Scores(tuple(map(_map50, truths, found)), _map50(truth, pooled))
    if test_truth:
        known = load_annotations(test_truth)
        scores = Scores(scores.folds, scores.pooled, tuple(_map50(known, m) for m in models), _map50(known, fused))
    _write_record(run, {**read_record(run.work_dir), **_results(run, scores)})
    return scores


def out_of_fold(truths: Sequence[dict[str, Any]], found: Sequence[Predictions]) -> tuple[dict[str, Any], Predictions]:
    """Join each fold's validation images and predictions.

    An image that several bags leave out has as many predictions, which are fused; one that every bag holds has none
    and is left out.

    Args:
        truths: annotations of each fold's validation images.
        found: predictions for them.

    Returns:
        The annotations of all images, by image id, and the predictions.
    """
    images = {image["id"]: image for truth in truths for image in truth["images"]}
    annotations = {a["id"]: a for truth in truths for a in truth["annotations"]}
    truth = {
        **truths[0],
        "images": [images[key] for key in sorted(images)],
        "annotations": [annotations[key] for key in sorted(annotations)],
    }
    table = ImageTable.from_coco(truth)
    validated = np.stack([np.isin(table.ids, part.images.ids) for part in found], axis=1)
    found = [part.over(table) for part in found]
    parts = []
    for which in np.unique(validated, axis=0):
        here = (validated == which).all(axis=1)
        models = [part.select(here[part.image_index]) for part, chosen in zip(found, which, strict=True) if chosen]
        parts.append(models[0] if len(models) == 1 else fuse(models, FUSION))
    return truth, Predictions.concat(parts)


def differences(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """Where two nested configs differ, a line each: `optim_wrapper.optimizer.lr is 0.01, was 0.001`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys(), key=str):
            missing = "absent"
            yield from differences(before.get(key, missing), after.get(key, missing), f"{at}.{key}" if at else str(key))
    elif isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from differences(*pair, f"{at}.{index}")
    elif before != after:
        yield f"{at} is {after!r}, was {before!r}"


def read_record(work_dir: str | Path) -> dict[str, Any]:
    """What a run is made of, and once it is through, what came of it.

    Raises:
        InputError: when the folder holds no run.
    """
    record = read_yaml(Path(work_dir) / RECORD)
    if not isinstance(record, dict) or "inputs" not in record:
        raise InputError(f"{Path(work_dir) / RECORD}: is no record of a k-fold run")
    return record


def versions() -> dict[str, str]:
    """Versions of what trains and of what computes the result."""
    return {
        **current_versions(),
        **{library.__name__: str(library.__version__) for library in (torch, mmcv, mmdet, mmengine)},
    }


def _write_record(run: KFold, content: dict[str, Any]) -> None:
    with atomic_write(run.work_dir / RECORD) as file:
        yaml.safe_dump(content, file, sort_keys=False, default_flow_style=None, width=120)


def _results(run: KFold, scores: Scores) -> dict[str, Any]:
    folders = [run.folder(job.fold) for job in run.jobs]
    checkpoints = [folder / read_json(folder / TRAINED)["checkpoint"] for folder in folders]
    figures = {"folds": list(scores.folds), "mean": scores.mean, "spread": scores.spread, "pooled": scores.pooled}
    if scores.fused is not None:
        figures |= {"test_folds": list(scores.test_folds), "fused": scores.fused}
    return {
        "map50": figures,
        "checkpoints": [asdict(Source.of(path)) for path in checkpoints],
        "outputs": [asdict(Source.of(run.work_dir / name)) for name in (OOF, SUBMISSION)],
    }


def _predicted(run: KFold, fold: int, split: str, coco: dict[str, Any]) -> Predictions:
    return read_predictions(run.folder(fold) / PREDICTIONS[split], ImageTable.from_coco(coco))


def _map50(truth: dict[str, Any], found: Predictions) -> float:
    return evaluate_coco(truth, found).summary["mAP50"]
