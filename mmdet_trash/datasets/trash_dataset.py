"""The trash dataset: any COCO-style annotation file, checked before training starts."""

import logging
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

from mmdet.datasets import CocoDataset
from mmdet.visualization import get_palette
from mmengine.logging import print_log

from mmdet_trash.annotations import class_names, load_annotations
from mmdet_trash.classes import CLASSES, PALETTE
from mmdet_trash.datasets.checks import BoxState, clip_box, find_image_problems
from mmdet_trash.datasets.holdout import holdout_image_ids
from mmdet_trash.datasets.images import find_image
from mmdet_trash.datasets.transforms.mixing import attach
from mmdet_trash.errors import InputError
from mmdet_trash.registry import DATASETS

SUBSETS = (None, "train", "val")
BROKEN = (None, "skip", "error")


@DATASETS.register_module()
class TrashDataset(CocoDataset):
    """A COCO-style dataset of the competition's layout, with any classes.

    Classes are the annotation file's categories in the order of their ids, which may start at 0 or 1 or have gaps;
    the competition's ten stand in where the file has none. Boxes are clipped to their image; those under a pixel or
    outside it are dropped, crowds are ignored in training, and one log line counts them. Before anything is trained
    each image's header is read: a missing image or one of another size than stated stops with an
    :class:`~mmdet_trash.errors.InputError`; a broken one is left out of training, and an error in test.
    Segmentations are passed on as masks; a pipeline that loads masks (`LoadAnnotations` with `with_mask`) needs one
    for every box that is no crowd.

    Args:
        ann_file: annotation file, relative to `data_root` or absolute. One without `annotations` is a test set.
        data_root: the dataset's folder; images are found by `file_name` under it, with or without their folder.
        metainfo: `dict(classes=(…))` states the classes and their order. Each must be in the file and each of the
            file's that has a box must be stated.
        data_prefix: `dict(img="images/")` looks for the images under that folder of the root.
        holdout: `"train"` or `"val"` takes that side of a fixed split of the file, for a dataset without folds.
        holdout_fraction: share of the images that `"val"` takes.
        check_images: whether to read the images' headers.
        broken: `"skip"` leaves out images that are cut short or none at all, `"error"` stops at the first; by default
            the one in training and the other in test mode.
        **kwargs: as for `CocoDataset`; with `filter_cfg=dict(filter_empty_gt=True)` images without boxes are left
            out of training, without it they stay.

    Raises:
        InputError: naming the file, the id and what would be right, for anything wrong with the annotations or images.

    Example:
        >>> dataset = TrashDataset(ann_file="train.json", data_root="data/trash/", holdout="val")
        >>> dataset.metainfo["classes"][:2]
        ('General trash', 'Paper')
    """

    METAINFO: ClassVar = {"classes": CLASSES, "palette": list(PALETTE)}

    def __init__(
        self,
        ann_file: str = "",
        data_root: str = "",
        metainfo: dict[str, Any] | None = None,
        data_prefix: dict[str, str] | None = None,
        holdout: str | None = None,
        holdout_fraction: float = 0.2,
        check_images: bool = True,
        broken: str | None = None,
        **kwargs: Any,
    ) -> None:
        if holdout not in SUBSETS:
            raise InputError(f"TrashDataset: holdout {holdout!r} is unknown, one of {SUBSETS} is right")
        if broken not in BROKEN:
            raise InputError(f"TrashDataset: broken {broken!r} is unknown, one of {BROKEN} is right")
        self.holdout = holdout
        self.holdout_fraction = holdout_fraction
        self.check_images = check_images
        self.broken = broken
        path = str(Path(data_root or "") / ann_file)
        metainfo = metainfo or {}
        self._annotations: dict[str, Any] | None = load_annotations(path, metainfo.get("classes", CLASSES))
        metainfo = self._complete(metainfo, self._annotations, path)
        prefix = {"img": "", **(data_prefix or {})}
        super().__init__(ann_file=ann_file, data_root=data_root, metainfo=metainfo, data_prefix=prefix, **kwargs)
        if self.test_mode:
            # The metric reads the ground truth from the file that the dataset read.
            self._metainfo["ann_file"] = str(Path(path).absolute())
        if self._fully_initialized:
            attach(self)

    def _complete(self, metainfo: dict[str, Any], coco: dict[str, Any], path: str) -> dict[str, Any]:
        """Take the classes from the file unless they are stated, and check that both agree."""
        named = class_names(coco)
        classes = tuple(metainfo.get("classes", named))
        used = {annotation["category_id"] for annotation in coco["annotations"]}
        for category in coco["categories"]:
            if category["name"] not in classes and category["id"] in used:
                raise InputError(
                    f"{path}: category {category['id']} {category['name']!r} is none of the stated classes: "
                    f"{', '.join(classes)}"
                )
        for name in classes:
            if name not in named:
                raise InputError(
                    f"{path}: has no category {name!r}, which the config states; it has {', '.join(named)}"
                )
        palette = list(PALETTE) if len(classes) == len(PALETTE) else get_palette("random", len(classes))
        return {"palette": palette, **metainfo, "classes": classes}

    def load_data_list(self) -> list[dict]:
        """Build MMDetection's list of images from the annotation file.

        Raises:
            InputError: when an image is missing, has another size than stated or is broken where that is an error, or
                a box lacks the mask that the pipeline needs.
        """
        coco = self._annotations or load_annotations(self.ann_file, self.metainfo["classes"])
        self._annotations = None
        images = self._subset(coco)
        classes = self.metainfo["classes"]
        ids = {c["name"]: c["id"] for c in coco["categories"]}
        self.cat_ids = [ids[name] for name in classes]
        self.cat2label = {cat_id: label for label, cat_id in enumerate(self.cat_ids)}
        root = Path(self.data_prefix["img"])
        paths = [find_image(root, image["file_name"], self.ann_file) for image in images]
        broken = self._check(images, paths) if self.check_images else set()

        of_image: dict[int, list[dict]] = {image["id"]: [] for image in images}
        for annotation in coco["annotations"]:
            if annotation["image_id"] in of_image:
                of_image[annotation["image_id"]].append(annotation)
        counts: Counter[str] = Counter()
        data_list = [
            self._parse_image(image, path, of_image[image["id"]], counts)
            for image, path in zip(images, paths, strict=True)
            if image["id"] not in broken
        ]
        self._report(data_list, counts, len(broken))
        return data_list

    def filter_data(self) -> list[dict]:
        """Leave out images without boxes (`filter_empty_gt`) or smaller than `min_size`, in training only."""
        filters = self.filter_cfg or {}
        if self.test_mode or not filters:
            return self.data_list
        smallest = filters.get("min_size", 0)
        return [
            info
            for info in self.data_list
            if min(info["width"], info["height"]) >= smallest
            and (info["instances"] or not filters.get("filter_empty_gt", False))
        ]

    def _subset(self, coco: dict[str, Any]) -> list[dict]:
        if self.holdout is None:
            return coco["images"]
        chosen = holdout_image_ids(coco, self.holdout_fraction)
        images = [image for image in coco["images"] if (image["id"] in chosen) == (self.holdout == "val")]
        if not images:
            raise InputError(f"{self.ann_file}: has too few images ({len(coco['images'])}) to hold some out")
        return images

    def _check(self, images: list[dict], paths: list[Path]) -> set[int]:
        """Ids of the broken images, each named in the log."""
        broken = set()
        error = self.broken == "error" or (self.broken is None and self.test_mode)
        by_name = {f"image {image['id']}": image["id"] for image in images}
        for problem in find_image_problems(images, paths):
            if problem.fatal or error:
                raise InputError(f"{self.ann_file}: {problem}")
            broken.add(by_name[problem.where])
            print_log(f"left out: {problem}", logger="current", level=logging.WARNING)
        return broken

    def _parse_image(self, image: dict, path: Path, annotations: list[dict], counts: Counter) -> dict:
        width, height = image["width"], image["height"]
        needs_masks = any(getattr(step, "with_mask", False) for step in self.pipeline.transforms)
        instances = []
        for annotation in annotations:
            bbox, state = clip_box(annotation["bbox"], width, height)
            if state is not BoxState.FINE:
                counts[state.value] += 1
            if state in (BoxState.TINY, BoxState.OUTSIDE):
                continue
            crowd = int(bool(annotation.get("iscrowd")))
            counts["crowd ignored"] += crowd
            label = self.cat2label[annotation["category_id"]]
            instance = {"bbox": bbox, "bbox_label": label, "ignore_flag": crowd}
            segmentation = annotation.get("segmentation")
            if needs_masks and not segmentation and not crowd:
                raise InputError(
                    f"{self.ann_file}: annotation {annotation['id']} has no segmentation, which a pipeline with masks "
                    "needs; train a config without masks, or give polygons"
                )
            if segmentation or needs_masks:
                instance["mask"] = segmentation or []
            instances.append(instance)
        return {
            "img_id": image["id"],
            "img_path": str(path),
            "seg_map_path": None,
            "width": width,
            "height": height,
            "instances": instances,
        }

    def _report(self, data_list: list[dict], counts: Counter, broken: int) -> None:
        part = f" ({self.holdout} part)" if self.holdout else ""
        odd = [f"{count} {what}" for what, count in sorted(counts.items()) if count]
        odd += [f"{broken} broken images left out"] if broken else []
        boxes = sum(len(info["instances"]) for info in data_list)
        empty = sum(not info["instances"] for info in data_list)
        print_log(
            f"{self.ann_file}{part}: {len(data_list)} images ({empty} without boxes), {boxes} boxes of "
            f"{len(self.cat_ids)} classes; {', '.join(odd) or 'nothing odd'}",
            logger="current",
        )
