"""Numbers of classes that differ, and categories that are numbered or ordered in two ways."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mmdet_trash.engine.config import LOADERS
from mmdet_trash.engine.lint.data import Dataset, datasets_of
from mmdet_trash.engine.lint.finding import Finding, walk
from mmdet_trash.engine.lint.subject import Subject

OTHERS = {"rpn_head", "semantic_head", "reid"}
"""Parts whose classes are others: object or background, what a pixel belongs to, who somebody is."""


def check_classes(subject: Subject) -> Iterator[Finding]:
    """Heads and datasets that disagree in their classes.

    `tools/train.py` gives the heads the number of classes that the data has, so that without data and without
    `metainfo` only heads that disagree with each other are a fault.
    """
    if "language_model" in (subject.cfg.get("model") or {}):
        return  # what it detects is told to it by name
    datasets = datasets_of(subject.cfg, subject.data_root)
    yield from _texts(subject)
    yield from _stated(subject, [dataset for dataset in datasets if dataset.stated])
    yield from _files(subject, [dataset for dataset in datasets if dataset.annotations.names])
    yield from _heads(subject, datasets)


def _heads(subject: Subject, datasets: list[Dataset]) -> Iterator[Finding]:
    counts = {
        (*path, "num_classes"): node["num_classes"]
        for path, node in walk(subject.cfg.get("model"), ("model",))
        if isinstance(node.get("num_classes"), int) and not OTHERS & set(path)
    }
    if not counts:
        return
    right, has = Counter(counts.values()).most_common(1)[0][0], "the other heads have"
    stating = next((dataset for dataset in datasets if dataset.stated), None)
    reading = next((dataset for dataset in datasets if dataset.annotations.names), None)
    if stating is not None:
        place = subject.chain.place((*stating.path, "metainfo", "classes"))
        right, has = len(stating.stated), f"the classes at {place} are"
    elif reading is not None:
        right, has = len(reading.annotations.names), f"{reading.file} has"
    for path, count in counts.items():
        if count != right:
            what = f"num_classes is {count}, and {has} {right}"
            if count == right + 1:
                what += " (background is no class since MMDetection 2.0)"
            yield subject.finding(path, what, f"num_classes={right} is right")


def _texts(subject: Subject) -> Iterator[Finding]:
    """Classes that are one text; MMEngine takes it for a file's name, and a tuple of its letters."""
    for loader in LOADERS:
        for path, node in walk(subject.cfg.get(loader), (loader,)):
            classes = node.get("classes")
            if path[-1] == "metainfo" and isinstance(classes, str) and not Path(classes).is_file():
                what = f"classes are the text {classes!r}, whose letters become classes"
                yield subject.finding((*path, "classes"), what, f"({classes!r},) is right")


def _stated(subject: Subject, datasets: list[Dataset]) -> Iterator[Finding]:
    """Classes of `metainfo` that are not those of another dataset, or of the annotation file, in their order."""
    for dataset in datasets:
        path, names = (*dataset.path, "metainfo", "classes"), dataset.annotations.names
        first = datasets[0]
        if dataset.stated != first.stated:
            place = subject.chain.place((*first.path, "metainfo", "classes"))
            what = f"the classes are not those at {place}, in their order"
            yield subject.finding(path, what, f"{', '.join(first.stated)} is right")
        elif names and names != dataset.stated:
            what = f"the classes are not those of {dataset.file}, in the order of their ids"
            yield subject.finding(path, what, f"{', '.join(names)} is right")


def _files(subject: Subject, datasets: list[Dataset]) -> Iterator[Finding]:
    """Annotation files whose categories are not numbered as in the first, that of training."""
    for dataset in datasets[1:]:
        first = datasets[0]
        path, right = (*dataset.path, "ann_file"), f"{', '.join(first.annotations.names)} is right"
        (ids, names, _), (first_ids, first_names, _) = dataset.annotations, first.annotations
        if set(names) != set(first_names):
            yield subject.finding(path, f"{dataset.file} has other categories than {first.file}", right)
        elif names != first_names:
            what = f"{dataset.file} has its categories in another order than {first.file}"
            yield subject.finding(path, what, right)
        elif ids != first_ids:
            what = f"{dataset.file} numbers its categories from {ids[0]}, {first.file} from {first_ids[0]}"
            yield subject.finding(path, what, "the same ids in all files are right")
