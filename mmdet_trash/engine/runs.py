"""One training and one test, as `tools/train.py` and `tools/test.py` run them."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import print_log

from mmdet_trash.engine import config as configs
from mmdet_trash.engine.checkpoint import latest_checkpoint, load_local, load_weights, trained_classes
from mmdet_trash.engine.runner import build_runner, config_mistakes


def prepare_training(
    cfg: Config, work_dir: str, *, from_scratch: bool = False, amp: bool = False, launcher: str = "none"
) -> None:
    """Fit a config to its data, the machine and what was asked for.

    Args:
        cfg: the config, changed in place.
        work_dir: where checkpoints and logs go.
        from_scratch: whether to load no initial weights.
        amp: whether to train in mixed precision.
        launcher: what starts the processes, `"none"` for a single one.

    Raises:
        InputError: when the data cannot be used, or there is no GPU for `amp`.
    """
    if from_scratch:
        configs.train_from_scratch(cfg)
    if amp:
        configs.use_amp(cfg)
    configs.set_classes(cfg, configs.classes_of(cfg, "train_dataloader"), "val_dataloader", "the training data")
    configs.fit_machine(cfg, launcher)
    cfg.work_dir = work_dir


def run_training(cfg: Config, resume: bool = False, hooks: Sequence[Hook] = ()) -> None:
    """Train what a config says.

    Args:
        cfg: as `prepare_training` leaves it.
        resume: whether to go on from the last checkpoint of the work dir, if there is one.
        hooks: what no config can name, beside the config's own.

    Raises:
        InputError: as `build_runner`.
    """
    if resume:
        checkpoint = latest_checkpoint(Path(cfg.work_dir))
        going = f"going on from {checkpoint.name}" if checkpoint else "no checkpoint, starting anew"
        print_log(f"{cfg.work_dir}: {going}", logger="current")
        cfg.resume = checkpoint is not None
        cfg.load_from = str(checkpoint) if checkpoint else cfg.load_from
    runner = build_runner(cfg)
    for hook in hooks:
        runner.register_hook(hook)
    with config_mistakes():
        runner.train()


def run_test(
    cfg: Config,
    checkpoint: str,
    split: str = "val",
    *,
    out: str | None = None,
    score_thr: float = 0.0,
    tta: bool = False,
    launcher: str = "none",
    work_dir: str | None = None,
) -> dict[str, float]:
    """Run a checkpoint over images, score it where they are labelled, and write its predictions.

    Args:
        cfg: the config it was trained by, changed in place.
        checkpoint: file of weights.
        split: `"val"` or `"test"`.
        out: file for the predictions, of any format.
        score_thr: boxes of a lower score are left out.
        tta: whether to test with the config's augmented views.
        launcher: what starts the processes, `"none"` for a single one.
        work_dir: where logs go; `test/` beside the checkpoint, if None.

    Returns:
        The metrics; none where there are no labels.

    Raises:
        InputError: when the checkpoint is of another model or other classes, or as `build_runner`.
    """
    weights = load_local(checkpoint)
    configs.train_from_scratch(cfg)  # the weights come from the checkpoint
    configs.use_split(cfg, split)
    classes = trained_classes(weights) or configs.classes_of(cfg, "test_dataloader")
    configs.set_classes(cfg, classes, "test_dataloader", checkpoint)
    if tta:
        configs.use_tta(cfg)
    configs.fit_machine(cfg, launcher)
    cfg.work_dir = work_dir or str(Path(checkpoint).parent / "test")
    cfg.load_from = checkpoint
    configs.write_predictions_to(cfg, out, score_thr)

    runner = build_runner(cfg)
    model = runner.model
    while hasattr(model, "module"):  # several processes and test-time augmentation each wrap the detector
        model = model.module
    load_weights(model, weights, checkpoint)
    with config_mistakes():
        return runner.test()
