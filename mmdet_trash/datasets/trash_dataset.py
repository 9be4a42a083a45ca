"""The trash dataset: any COCO-style annotation file, checked before training starts."""

import copy
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from mmdet.datasets import CocoDataset
from mmdet.visualization import get_palette
from mmengine.logging import print_log

from mmdet_trash.annotations import class_names, is_int, load_annotations
from mmdet_trash.classes import CLASSES, PALETTE
from mmdet_trash.datasets.checks import BoxState, clip_box, find_image_problems
from mmdet_trash.datasets.holdout import holdout_image_ids
from mmdet_trash.datasets.images import find_image
from mmdet_trash.datasets.transforms.mixing import attach
from mmdet_trash.errors import InputError
from mmdet_trash.merging import Part, extra_paths, merge_annotations
from mmdet_trash.registry import DATASETS

SUBSETS = (None, "train", "val")
BROKEN = (None, "skip", "error")


class Place(NamedTuple):
    """The annotation file that an image stands in, and where the image lies."""

    ann_file: str
    path: Path


@DATASETS.register_module()
class TrashDataset(CocoDataset):
    """A COCO-style dataset of the competition's layout, with any classes.

    Classes are the annotation file's categories in the order of their ids, which may start at 0 or 1 or have gaps;
    the competition's ten stand in where the file has none. Boxes are clipped to their image; those under a pixel or
    outside it are dropped, crowds are ignored in training, and one log line counts them. Before anything is trained
    each image's header is read: a missing image or one of another size than stated stops with an
    :class:`~mmdet_trash.errors.InputError`; a broken one is left out of training, and an error in test.
    Segmentations are passed on as masks; a pipeline that loads masks (`LoadAnnotations` with `with_mask`) needs one
    for every box that is no crowd. An image with a field `copies` of n, as bootstrap bags have it, is seen n times an
    epoch in training, and once in test.

    Args:
        ann_file: annotation file, relative to `data_root` or absolute. One without `annotations` is a test set.
        data_root: the dataset's folder; images are found by `file_name` under it, with or without their folder.
        metainfo: `dict(classes=(…))` states the classes and their order. Each must be in the file and each of the
            file's that has a box must be stated.
        data_prefix: `dict(img="images/")` looks for the images under that folder of the root.
        holdout: `"train"` or `"val"` takes that side of a fixed split of `ann_file`, for a dataset without folds; extra
            files belong to `"train"`.
        holdout_fraction: share of the images that `"val"` takes.
        check_images: whether to read the images' headers.
        broken: `"skip"` leaves out images that are cut short or none at all, `"error"` stops at the first; by default
            the one in training and the other in test mode.
        extra_ann_files: more annotation files to train on, such as pseudo labels, found as `ann_file` is. Their
            categories are those of `ann_file` by name; no image may stand in two files.
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
        extra_ann_files: Sequence[str] | None = None,
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
        self._extra = [str(extra) for extra in extra_paths(extra_ann_files, data_root)]
        if self._extra and (kwargs.get("test_mode") or holdout == "val"):
            raise InputError(f"{self._extra[0]}: extra_ann_files are to train on, not to validate or test on")
        metainfo = metainfo or {}
        self._annotations: list[Part] | None = self._read(path, metainfo.get("classes", CLASSES))
        metainfo = self._complete(metainfo, self._annotations)
        prefix = {"img": "", **(data_prefix or {})}
        super().__init__(ann_file=ann_file, data_root=data_root, metainfo=metainfo, data_prefix=prefix, **kwargs)
        if self.test_mode:
            # The metric reads the ground truth from the file that the dataset read.
            self._metainfo["ann_file"] = str(Path(path).absolute())
        if self._fully_initialized:
            attach(self)

    def _read(self, path: str, classes: Sequence[str]) -> list[Part]:
        """Read the annotation file and the extra ones, whose categories are the first's where they have none."""
        parts = [(path, load_annotations(path, classes))]
        for extra in self._extra:
            if "{fold}" in extra:
                raise InputError(f"{extra}: no fold to put for {{fold}}; --folds-dir and --fold say which")
            parts.append((extra, load_annotations(extra, class_names(parts[0][1]))))
        for name, coco in parts:
            for image in coco["images"]:
                copies = image.get("copies", 1)
                if not is_int(copies) or copies < 1:
                    raise InputError(f"{name}: image {image['id']}: has copies {copies!r}, an integer from 1 is right")
        return parts

    def _complete(self, metainfo: dict[str, Any], parts: list[Part]) -> dict[str, Any]:
        """Take the classes from the first file unless they are stated, and check that all agree."""
        path, coco = parts[0]
        named = class_names(coco)
        classes = tuple(metainfo.get("classes", named))
        for name in classes:
            if name not in named:
                raise InputError(
                    f"{path}: has no category {name!r}, which the config states; it has {', '.join(named)}"
                )
        for path, coco in parts:
            used = {annotation["category_id"] for annotation in coco["annotations"]}
            for category in coco["categories"]:
                if category["name"] not in classes and category["id"] in used:
                    raise InputError(
                        f"{path}: category {category['id']} {category['name']!r} is none of the stated classes: "
                        f"{', '.join(classes)}"
                    )
        palette = list(PALETTE) if len(classes) == len(PALETTE) else get_palette("random", len(classes))
        return {"palette": palette, **metainfo, "classes": classes}

    def load_data_list(self) -> list[dict]:
        """Build MMDetection's list of images from the annotation files.

        Raises:
            InputError: when an image is missing, has another size than stated or is broken where that is an error, or
                a box lacks the mask that the pipeline needs.
        """
        parts = self._annotations or self._read(self.ann_file, self.metainfo["classes"])
        self._annotations = None
        coco = merge_annotations(parts)
        places, broken = self._find(parts)
        images = [image for image in coco["images"] if image["file_name"] in places]
        classes = self.metainfo["classes"]
        ids = {c["name"]: c["id"] for c in coco["categories"]}
        self.cat_ids = [ids[name] for name in classes]
        self.cat2label = {cat_id: label for label, cat_id in enumerate(self.cat_ids)}

        of_image: dict[int, list[dict]] = {image["id"]: [] for image in images}
        for annotation in coco["annotations"]:
            if annotation["image_id"] in of_image:
                of_image[annotation["image_id"]].append(annotation)
        counts: Counter[str] = Counter()
        data_list = []
        for image in images:
            info = self._parse_image(image, places[image["file_name"]], of_image[image["id"]], counts)
            more = 0 if self.test_mode else image.get("copies", 1) - 1
            counts["copies of images"] += more
            data_list += [info, *(copy.deepcopy(info) for _ in range(more))]
        self._report(data_list, counts, broken)
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

    def _find(self, parts: list[Part]) -> tuple[dict[str, Place], int]:
        """The place of each image to use, by its `file_name`, and how many broken ones were left out."""
        root = Path(self.data_prefix["img"])
        chosen = [self._subset(parts[0][1]), *(coco["images"] for _, coco in parts[1:])]
        places: dict[str, Place] = {}
        broken: set[str] = set()
        for (ann_file, _), images in zip(parts, chosen, strict=True):
            paths = [find_image(root, image["file_name"], ann_file) for image in images]
            if self.check_images:
                broken |= self._check(ann_file, images, paths)
            for image, path in zip(images, paths, strict=True):
                places[image["file_name"]] = Place(ann_file, path)
        return {name: place for name, place in places.items() if name not in broken}, len(broken)

    def _check(self, ann_file: str, images: list[dict], paths: list[Path]) -> set[str]:
        """Names of the broken images, each named in the log."""
        broken = set()
        error = self.broken == "error" or (self.broken is None and self.test_mode)
        by_id = {f"image {image['id']}": image["file_name"] for image in images}
        for problem in find_image_problems(images, paths):
            if problem.fatal or error:
                raise InputError(f"{ann_file}: {problem}")
            broken.add(by_id[problem.where])
            print_log(f"left out: {problem}", logger="current", level=logging.WARNING)
        return broken

    def _parse_image(self, image: dict, place: Place, annotations: list[dict], counts: Counter) -> dict:
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
                # An extra file's annotations have new ids, which say nothing to who reads the file.
                extra = place.ann_file in self._extra
                where = f"a box of {image['file_name']}" if extra else f"annotation {annotation['id']}"
                raise InputError(
                    f"{place.ann_file}: {where} has no segmentation, which a pipeline with masks "
                    "needs; train a config without masks, or give polygons"
                )
            if segmentation or needs_masks:
                instance["mask"] = segmentation or []
            instances.append(instance)
        return {
            "img_id": image["id"],
            "img_path": str(place.path),
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
        extra = "".join(f" + {path}" for path in self._extra)
        print_log(
            f"{self.ann_file}{part}{extra}: {len(data_list)} images ({empty} without boxes), {boxes} boxes of "
            f"{len(self.cat_ids)} classes; {', '.join(odd) or 'nothing odd'}",
            logger="current",
        )
