from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmdet_trash.datasets.randomness import SeededItems
from mmdet_trash.datasets.transforms import attach
from mmdet_trash.errors import InputError
from mmdet_trash.registry import HOOKS


@HOOKS.register_module()
class AugmentationHook(Hook):
    """Tell the training data what a sample cannot know: the dataset to mix from, the epoch, and when to stop mixing.

    Mixing transforms anywhere in the pipeline draw from the training dataset, wrappers included. Each epoch's samples
    follow from the run's seed alone, whatever the number of workers, and a resumed run goes on with those it would
    have had. In the last epochs nothing is mixed, so that training ends on images as they will be met.

    Workers that live on from epoch to epoch see each change at once, through shared memory. Where the training loop
    counts iterations in place of epochs, `close` and `ramp` do too, samples are as the workers' own random numbers
    make them, and closing is late by the batches that workers have ready.

    Args:
        close: how many of the last epochs are without mixing.
        ramp: over how many epochs before those its probability falls, in equal steps.
        cache: False decodes images for each sample, "disk" maps a file of decoded ones that all workers share, "ring"
            keeps the last of each worker; see :func:`mmdet_trash.datasets.transforms.images.open_images`.

    Raises:
        InputError: when one is negative.
    """

    def __init__(self, close: int = 0, ramp: int = 0, cache: Any = False) -> None:
        if close < 0 or ramp < 0:
            raise InputError(f"AugmentationHook: close {close} or ramp {ramp} is negative")
        self.close, self.ramp, self.cache = close, ramp, cache
        self._strength = 1.0

    def before_train(self, runner: Runner) -> None:
        dataset = runner.train_dataloader.dataset
        self._transforms = [transform for transform in attach(dataset, self.cache) if transform.closes]
        self._items = None
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            self._items = SeededItems(dataset)
            # PyTorch's fetcher takes a batch from here, where a dataset has it.
            dataset.__getitems__ = self._items
        if self.close and not self._transforms:
            raise InputError("AugmentationHook: close is set, and the training pipeline mixes nothing")

    def before_train_epoch(self, runner: Runner) -> None:
        if self._items is not None:
            self._items.seed(runner.seed, runner.epoch)
            self._set_strength(runner.epoch, runner.max_epochs, "epoch")

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        if self._items is None:
            self._set_strength(runner.iter, runner.max_iters, "iteration")

    def _set_strength(self, now: int, end: int, unit: str) -> None:
        """Multiply probabilities by what is due at an epoch or iteration, counted from 0."""
        left = end - self.close - now  # until closing
        strength = min(1.0, max(0, left) / (self.ramp + 1)) if self.ramp else float(left > 0)
        for transform in self._transforms:
            transform.strength.fill_(strength)
        if strength != self._strength and self._transforms:
            print_log(f"mixing of images at {strength:.0%} from {unit} {now + 1} of {end}", logger="current")
        self._strength = strength
