"""From a config file and a command line to the config that runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import print_log

from mmdet_trash.annotations import class_names, load_annotations
from mmdet_trash.datasets.pseudo_labels import check_no_leak
from mmdet_trash.errors import InputError
from mmdet_trash.merging import extra_paths

LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


def load_config(path: str, cfg_options: dict[str, Any] | None = None) -> Config:
    """Read a config, with `key=value` options merged into it.

    Raises:
        InputError: when the file is missing or is no config, or an option does not fit it.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such config")
    try:
        cfg = Config.fromfile(path)
    except Exception as error:  # a config is a program: it can fail in every way
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise InputError(f"{path}: {reason}") from None
    try:
        cfg.merge_from_dict(cfg_options or {})
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(f"--cfg-options does not fit {path}: {error}") from None
    return cfg


def set_data_root(cfg: Config, data_root: str | None) -> None:
    """Point every dataset at a folder; without one, check that the config's own is there.

    Raises:
        InputError: when there is no such folder.
    """
    for name in LOADERS:
        for dataset in _datasets(cfg, name):
            if data_root is not None:
                dataset.data_root = data_root
            if not Path(dataset.get("data_root", "")).is_dir():
                raise InputError(
                    f"{dataset.data_root}: no such folder; say where the data is with --data-root or TRASH_DATA_ROOT"
                )


def set_fold(cfg: Config, folds_dir: str, fold: int, parts: tuple[str, ...] = ("train", "val")) -> None:
    """Train on `train_fold{k}.json` and validate on `val_fold{k}.json` of a folder instead of the config's split.

    In the paths of `extra_ann_files`, `{fold}` becomes the fold.

    Raises:
        InputError: when a file is missing, the config joins several datasets, or training on an extra file would
            teach something of the fold's validation images.
    """
    for part in parts:
        path = Path(folds_dir).resolve() / f"{part}_fold{fold}.json"
        if not path.is_file():
            raise InputError(f"{path}: no such file; it is what --folds-dir and --fold name")
        datasets = list(_datasets(cfg, f"{part}_dataloader"))
        if len(datasets) != 1:
            raise InputError(f"--fold: {part}_dataloader has {len(datasets)} datasets, one is right")
        datasets[0].ann_file = str(path)
        datasets[0].holdout = None
        if extra := extra_paths(datasets[0].get("extra_ann_files"), datasets[0].get("data_root", "")):
            extra = [str(path.resolve()).replace("{fold}", str(fold)) for path in extra]
            for file in extra:
                check_no_leak(file, fold, Path(folds_dir) / f"val_fold{fold}.json")
            datasets[0].extra_ann_files = extra


def whole_paths(cfg: Config) -> None:
    """Name every dataset's folder from the root of the file system on, for a process that starts in another folder."""
    for name in LOADERS:
        for dataset in _datasets(cfg, name):
            dataset.data_root = str(Path(dataset.get("data_root", "")).resolve())


def ann_paths(cfg: Config, loader: str) -> list[Path]:
    """The annotation files of a data loader's datasets, each followed by its extra ones."""
    return [
        path
        for dataset in _datasets(cfg, loader)
        for path in (
            _ann_path(dataset),
            *extra_paths(dataset.get("extra_ann_files"), dataset.get("data_root", "")),
        )
    ]


def classes_of(cfg: Config, loader: str) -> tuple[str, ...]:
    """Class names of a data loader's dataset: those the config states, else its annotation file's.

    Raises:
        InputError: when there is no such dataset or its annotation file cannot be used.
    """
    dataset = next(_datasets(cfg, loader), None)
    if dataset is None:
        raise InputError(f"config: {loader} has no dataset with an ann_file")
    stated = (dataset.get("metainfo") or {}).get("classes")
    return tuple(stated or class_names(load_annotations(_ann_path(dataset))))


def set_classes(cfg: Config, classes: tuple[str, ...], loader: str, source: str) -> None:
    """Give the model's heads and a data loader's datasets these classes, in this order.

    Args:
        cfg: the config, changed in place.
        classes: names in label order.
        loader: the data loader that is validated or tested on.
        source: where the classes come from, for the message.

    Raises:
        InputError: when an annotation file has other classes.
    """
    for dataset in _datasets(cfg, loader):
        found = class_names(load_annotations(_ann_path(dataset), classes))
        if set(found) != set(classes):
            raise InputError(
                f"{_ann_path(dataset)}: has {len(found)} classes ({', '.join(found)}), {source} has {len(classes)} "
                f"({', '.join(classes)})"
            )
        dataset.metainfo = {**(dataset.get("metainfo") or {}), "classes": classes}
    set_heads(cfg, classes)


def set_heads(cfg: Config, classes: tuple[str, ...]) -> None:
    """Give the model's heads as many classes."""
    changed = False
    for node in walk(cfg.model):
        if node.get("num_classes") not in (None, len(classes)):
            node["num_classes"] = len(classes)
            changed = True
    if changed:
        print_log(f"num_classes set to {len(classes)}, as the data has: {', '.join(classes)}", logger="current")


def train_from_scratch(cfg: Config) -> None:
    """Do without initial weights: none are loaded, nothing is frozen, batch norm is trained, scales and shifts too."""
    cfg.load_from = None
    for node in walk(cfg.model):
        init_cfg = node.get("init_cfg")
        if isinstance(init_cfg, list):
            node["init_cfg"] = [init for init in init_cfg if init.get("type") != "Pretrained"]
        elif isinstance(init_cfg, dict) and init_cfg.get("type") == "Pretrained":
            node["init_cfg"] = None
        if "frozen_stages" in node:
            node["frozen_stages"] = -1
        if "norm_eval" in node:
            node["norm_eval"] = False
        if "requires_grad" in node:
            node["requires_grad"] = True


def use_amp(cfg: Config) -> None:
    """Train in mixed precision.

    Raises:
        InputError: without a GPU.
    """
    if not torch.cuda.is_available():
        raise InputError("--amp needs a GPU, and torch finds none")
    cfg.optim_wrapper.type = "AmpOptimWrapper"
    cfg.optim_wrapper.setdefault("loss_scale", "dynamic")


def use_pipeline(cfg: Config, key: str) -> None:
    """Give the training data another pipeline of the config, such as `test_pipeline` or `gallery.mosaic`.

    Raises:
        InputError: when the config has none of that name.
    """
    node: Any = cfg
    for name in key.split("."):
        node = node.get(name) if isinstance(node, (dict, Config)) else None
    if not isinstance(node, list):
        raise InputError(f"--pipeline {key}: the config has no such pipeline, a list of transforms")
    for dataset in _datasets(cfg, "train_dataloader"):
        dataset.pipeline = node


def use_tta(cfg: Config) -> None:
    """Test with the config's augmented views, merged by its `tta_model`.

    Raises:
        InputError: when the config has none.
    """
    if "tta_model" not in cfg or "tta_pipeline" not in cfg:
        raise InputError("--tta needs tta_model and tta_pipeline in the config, as in _base_/datasets")
    cfg.model = {**cfg.tta_model, "module": cfg.model}
    for dataset in _datasets(cfg, "test_dataloader"):
        dataset.pipeline = cfg.tta_pipeline


def use_split(cfg: Config, split: str) -> None:
    """Test on the config's `val` or `test` data."""
    if split == "val":
        cfg.test_dataloader = cfg.val_dataloader
        cfg.test_evaluator = cfg.val_evaluator
    for dataset in _datasets(cfg, "test_dataloader"):
        if "broken" in dataset:
            dataset.broken = "error"


def write_predictions_to(cfg: Config, out: str | None, score_thr: float) -> None:
    """Have the test's `TrashMetric` write what it scores, boxes below the threshold left out.

    Raises:
        InputError: when the config evaluates by something else.
    """
    evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, (list, tuple)) else [cfg.test_evaluator]
    ours = [evaluator for evaluator in evaluators if evaluator.get("type") == "TrashMetric"]
    if not ours:
        raise InputError("config: test_evaluator has no TrashMetric, which writes the predictions")
    ours[0].update(out=out, score_thr=score_thr)


def fit_machine(cfg: Config, launcher: str) -> None:
    """Wrap the model for several processes without a GPU, and count gradient accumulation into the batch."""
    cfg.launcher = launcher
    if launcher != "none" and not torch.cuda.is_available():
        cfg.model_wrapper_cfg = {"type": "MMDistributedDataParallel", "device_ids": None, "broadcast_buffers": False}
    accumulated = cfg.optim_wrapper.get("accumulative_counts", 1)
    if accumulated > 1 and cfg.get("auto_scale_lr", {}).get("enable"):
        # MMEngine scales the learning rate by batch size and processes only.
        cfg.auto_scale_lr.base_batch_size = cfg.auto_scale_lr.base_batch_size / accumulated


def _ann_path(dataset: Any) -> Path:
    return Path(dataset.get("data_root", "")) / dataset.ann_file


def _datasets(cfg: Config, loader: str) -> Iterator[Any]:
    """The datasets of a data loader, inside wrappers too."""
    waiting = [cfg[loader].dataset] if cfg.get(loader) else []
    while waiting:
        dataset = waiting.pop()
        if "ann_file" in dataset:
            yield dataset
        waiting += [dataset.dataset] if "dataset" in dataset else dataset.get("datasets", [])


def walk(node: Any) -> Iterator[dict]:
    """Every dict of a nested config."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from walk(value)
