"""The MMEngine metric: mAP50 first, COCO's twelve, each class."""

import logging
import math
from collections.abc import Sequence
from io import StringIO
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from rich.console import Console
from rich.table import Column, Table

from mmdet_trash.annotations import load_annotations
from mmdet_trash.evaluation.coco import BACKENDS, CocoMetrics, evaluate_coco
from mmdet_trash.predictions import ImageTable, Predictions, write_predictions
from mmdet_trash.predictions.writers import writer_for
from mmdet_trash.registry import METRICS


@METRICS.register_module()
class TrashMetric(BaseMetric):
    """COCO box metrics on a dataset with any classes.

    The results are `mAP50`, COCO's other eleven figures (see `mmdet_trash.evaluation.coco.SUMMARY`) and
    `AP50/<class>` for each class. On a dataset without annotations nothing is scored, and `out` is still written.

    Args:
        ann_file: ground truth; the file that the evaluated dataset read, when not given. Only the images that were
            predicted are scored.
        out: file for the predictions that were scored; its ending says the format (`.csv`, `.json`, `.pkl`,
            `.parquet`).
        score_thr: predictions below it are dropped before they are scored or written.
        backend: `"hotcoco"`, or `"pycocotools"`, the referee, which gives the same numbers more slowly.
        collect_device: where results of several processes are gathered, `"cpu"` or `"gpu"`.
        prefix: put before each result's name.

    Raises:
        ValueError: for an unknown backend.
        InputError: for an unknown ending of `out`.
    """

    def __init__(
        self,
        ann_file: str | None = None,
        out: str | None = None,
        score_thr: float = 0.0,
        backend: str = "hotcoco",
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if backend not in BACKENDS:
            raise ValueError(f"TrashMetric: backend {backend!r} is unknown, one of {', '.join(BACKENDS)} is right")
        if out is not None:
            writer_for(out)
        self.ann_file = ann_file
        self.out = out
        self.score_thr = score_thr
        self.backend = backend

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep the predictions of a batch.

        Before they are scored and written, boxes are cut at their image's border; what has no area there is left out.

        Args:
            data_batch: not used.
            data_samples: with `img_id` and `pred_instances`: `bboxes` (n, 4) xyxy in pixels of the original image,
                `scores` (n,) and `labels` (n,).
        """
        for sample in data_samples:
            instances = sample["pred_instances"]
            columns = (instances[name].detach().cpu().numpy() for name in ("labels", "scores", "bboxes"))
            self.results.append((sample["img_id"], *columns))

    def compute_metrics(self, results: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]) -> dict[str, float]:
        """Score what `process` kept: a dict from a metric's name to its value between 0 and 1."""
        coco = load_annotations(self.ann_file or self.dataset_meta["ann_file"], self.dataset_meta["classes"])
        predictions = self._gather(coco, results)
        if self.out is not None:
            write_predictions(predictions, self.out)
            print_log(f"{len(predictions)} boxes of {len(results)} images written to {self.out}", logger="current")
        if not coco["annotations"]:
            print_log("no annotations, nothing to score", logger="current")
            return {}
        metrics = evaluate_coco(coco, predictions, self.backend)
        if math.isnan(metrics.summary["mAP50"]):
            print_log("the scored images have no boxes: mAP is undefined", logger="current", level=logging.WARNING)
        print_log("\n" + as_table(metrics), logger="current")
        return {**metrics.summary, **{f"AP50/{name}": value for name, value in metrics.ap50.items()}}

    def _gather(self, coco: dict[str, Any], results: Sequence[tuple]) -> Predictions:
        predicted = {image_id for image_id, *_ in results}
        images = ImageTable.from_coco({**coco, "images": [i for i in coco["images"] if i["id"] in predicted]})
        # The dataset's labels may be in another order than the file's categories.
        to_label = np.array([images.classes.index(name) for name in self.dataset_meta["classes"]], dtype=np.int64)
        position = {image_id: index for index, image_id in enumerate(images.ids.tolist())}
        counts = [len(labels) for _, labels, _, _ in results]
        index = np.repeat([position[image_id] for image_id, *_ in results], counts)
        labels, scores, bboxes = (
            np.concatenate([empty, *(result[column] for result in results)])
            for column, empty in ((1, np.empty(0, np.int64)), (2, np.empty(0)), (3, np.empty((0, 4))))
        )
        # Not every head cuts its boxes at the border: YOLOX's and YOLOv3's do not.
        bboxes = bboxes.clip(0, np.tile(images.sizes[index], 2))
        dropped = (bboxes[:, 2:] <= bboxes[:, :2]).any(1) | (scores < self.score_thr)
        columns = (column[~dropped] for column in (index, to_label[labels], scores, bboxes))
        return Predictions.from_columns(images, *columns)


def as_table(metrics: CocoMetrics) -> str:
    """AP50 and AP, in percent, of each class in label order and of all together, as a text table."""
    table = Table("class", Column("AP50", justify="right"), Column("AP", justify="right"))
    for name, value in metrics.ap50.items():
        table.add_row(name, _percent(value), _percent(metrics.ap[name]))
    table.add_section()
    table.add_row("all", _percent(metrics.summary["mAP50"]), _percent(metrics.summary["mAP"]))
    stream = StringIO()
    Console(file=stream, width=80).print(table)
    return stream.getvalue().rstrip()


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}"
