import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmdet.models.test_time_augs import DetTTAModel
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmdet_trash.errors import InputError
from mmdet_trash.fusion import FusionSettings, fuse
from mmdet_trash.predictions import ImageTable, Predictions
from mmdet_trash.registry import MODELS

MAX_PER_IMG = 300
"""Fused boxes an image at most, where the config says nothing."""
NEEDED = ("ori_shape", "flip", "flip_direction")
"""What a view must tell of itself."""


@MODELS.register_module()
class FusionTTA(DetTTAModel):
    """MMDetection's `DetTTAModel` that fuses the boxes of the views, each as one model, instead of suppressing them.

    Views may be scaled and flipped. The detector itself scales its boxes back to the original image, `DetTTAModel`
    flips them back there.

    Args:
        module: the detector, or its config.
        fusion: fields of `FusionSettings`; "model" means a view there, in the order of `TestTimeAug`: for
            transforms `[[a, b], [c, d]]` that is ac, ad, bc, bd. `max_per_img` is 300 unless given.
        data_preprocessor: the detector's, if its config has none.

    Raises:
        InputError: for a setting that is unknown or wrong; with the first image, for one of another number of views
            or classes, a detector that gives masks, or views that do not tell their flip.

    Example:
        tta_model = dict(type="FusionTTA", fusion=dict(iou_thr=0.65, conf_type="model_max", one_vote=True))
    """

    def __init__(
        self,
        module: nn.Module | dict[str, Any],
        fusion: dict[str, Any] | None = None,
        data_preprocessor: nn.Module | dict[str, Any] | None = None,
    ) -> None:
        given = {} if fusion is None else fusion
        settings = FusionSettings.from_dict(given)
        if settings.within is not None:
            raise InputError("fusion: within is for groups of models, views are none")
        if "max_per_img" not in given:
            settings = dataclasses.replace(settings, max_per_img=MAX_PER_IMG)
        super().__init__(module=module, data_preprocessor=data_preprocessor)
        self.settings = settings

    def _merge_single_sample(self, data_samples: Sequence[DetDataSample]) -> DetDataSample:
        """Fuse what was found in the views of one image.

        Args:
            data_samples: of each view; boxes are xyxy in pixels of the original image, flipped as the view is.

        Returns:
            The first, with the fused boxes by falling score, of its device and dtypes.
        """
        for view, sample in enumerate(data_samples, start=1):
            _check(view, sample)
        first = data_samples[0].pred_instances
        height, width = data_samples[0].ori_shape[:2]
        columns = [self._columns(sample) for sample in data_samples]
        images = _one_image(width, height, _count_classes(self.settings, [labels for labels, _, _ in columns]))
        views = [Predictions.from_columns(images, np.zeros(len(labels)), labels, *rest) for labels, *rest in columns]
        fused = fuse(views, self.settings, threads=1)
        data_samples[0].pred_instances = InstanceData(
            bboxes=first.bboxes.new_tensor(fused.bboxes),
            scores=first.scores.new_tensor(fused.scores),
            labels=first.labels.new_tensor(fused.labels),
        )
        return data_samples[0]

    def _columns(self, sample: DetDataSample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A view's labels (n,), scores (n,) and boxes (n, 4), flipped back."""
        found = sample.pred_instances
        bboxes: Tensor = self.merge_aug_bboxes([found.bboxes.cpu().double()], None, [sample.metainfo])
        return found.labels.cpu().numpy(), found.scores.cpu().double().numpy(), bboxes.numpy()


def _check(view: int, sample: DetDataSample) -> None:
    if sample.pred_instances.get("masks", None) is not None:
        raise InputError("FusionTTA fuses boxes only, and this detector gives masks too; test it without --tta")
    missing = [name for name in NEEDED if name not in sample.metainfo]
    if missing:
        raise InputError(
            f"tta_pipeline: view {view} does not tell {', '.join(missing)}; RandomFlip sets the flip (prob=0.0: none), "
            "meta_keys of PackDetInputs keeps it"
        )


def _count_classes(settings: FusionSettings, labels: Sequence[np.ndarray]) -> int:
    """As many classes as the settings speak of or labels need: a view does not tell how many the detector has."""
    values = [settings.iou_thr, settings.score_thr, *(settings.weights or ())]
    values += [curve.curves for curve in settings.calibration or () if curve]
    return max([1, *(len(v) for v in values if isinstance(v, tuple)), *(int(v.max()) + 1 for v in labels if len(v))])


def _one_image(width: int, height: int, classes: int) -> ImageTable:
    return ImageTable(
        ids=np.zeros(1, np.int64),
        file_names=("",),
        sizes=np.array([[width, height]]),
        category_ids=np.arange(classes),
        classes=tuple(map(str, range(classes))),
    )
