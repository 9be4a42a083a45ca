"""Reports as their readers have them: in a browser."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mmdet_trash.annotations import load_annotations
from mmdet_trash.classes import CLASSES
from mmdet_trash.datasets.fold_files import write_folds
from mmdet_trash.datasets.folds import stratified_folds
from mmdet_trash.evaluation.analysis import Evaluated
from mmdet_trash.predictions import ImageTable, Predictions, from_annotations, read_predictions
from mmdet_trash.reports.analysis import NMS_IOUS, SCORE_THRS, Analysis, Model, analysis_report
from mmdet_trash.reports.charts import Charts
from mmdet_trash.reports.eda import Dataset, eda_report
from mmdet_trash.reports.page import write_report
from mmdet_trash.reports.training_logs import read_runs
from mmdet_trash.reports.words import Words
from mmdet_trash.reports.worst import Photographs
from tests import builders
from tests.reports.browser import OpenReport, opened

pytestmark = pytest.mark.slow
WORDS = Words("en")


@pytest.fixture(scope="module")
def eda(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on the competition's annotations and five folds of it."""
    out = tmp_path_factory.mktemp("eda")
    path = shared / "data" / "competition" / "train.json"
    coco = load_annotations(path)
    write_folds(coco, stratified_folds(coco, np.arange(len(coco["images"]))), out / "folds")
    page, _, _ = write_report(eda_report(Dataset(path, coco), WORDS, folds_dir=out / "folds"), WORDS, out / "eda.html")
    return page


@pytest.fixture(scope="module")
def analysis(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on two models' predictions of a fold."""
    folder = shared / "data" / "predictions"
    coco = load_annotations(folder / "oof_fold0_gt.json")
    images = ImageTable.from_coco(coco)
    names = ("identity", "hflip")
    found = [read_predictions(folder / f"oof_fold0_deta_{name}.csv", images) for name in names]
    return write_analysis(tmp_path_factory.mktemp("analysis"), coco, dict(zip(names, found, strict=True)))


@pytest.fixture(scope="module")
def small(synthetic: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, Predictions]:
    """The report on made-up predictions of drawn images, with pictures and a training of two folds, in Korean."""
    coco = load_annotations(synthetic / "train.json")
    truth = from_annotations(coco)
    random = np.random.default_rng(0)
    keep = random.random(len(truth)) < 0.7
    scores, labels = random.uniform(0.3, 1, len(truth)), truth.labels.copy()
    labels[::3] = (labels[::3] + 1) % len(CLASSES)
    found = Predictions(
        truth.images, truth.image_index, labels, scores, truth.bboxes + random.normal(0, 3, (len(truth), 4))
    )
    found = found.select(keep)
    out = tmp_path_factory.mktemp("small")
    for fold in range(2):
        lines = [
            {"loss": 9 / epoch + fold, "epoch": epoch, "iter": 10 * epoch, "step": 10 * epoch} for epoch in (1, 2, 3)
        ]
        lines += [{"trash/mAP50": 0.1 * epoch, "step": epoch} for epoch in (1, 2, 3)]
        log = out / "run" / f"fold{fold}" / "20260101_000000" / "vis_data" / "scalars.json"
        log.parent.mkdir(parents=True)
        log.write_text("\n".join(map(json.dumps, lines)))
    photographs = Photographs(synthetic, synthetic / "train.json", 9)
    page = write_analysis(out, coco, {"<b>ours</b> & co": found}, photographs, [out / "run"], Words("ko"))
    return page, coco, found


def write_analysis(out: Path, coco: dict, models: dict, photographs=None, logs=(), words: Words = WORDS) -> Path:
    evaluated = [Model(name, Evaluated(coco, found)) for name, found in models.items()]
    analysis = Analysis(coco, evaluated, Charts(words, CLASSES, tuple(models)))
    report = analysis_report(analysis, ["predictions"], [], photographs, read_runs(logs))
    return write_report(report, words, out / "report.html")[0]


def test_charts_of_a_dataset(browser, eda, shared):
    coco = json.loads((shared / "data" / "competition" / "train.json").read_text())
    objects = np.bincount([annotation["image_id"] for annotation in coco["annotations"]])
    with opened(browser, eda) as report:
        marks = {name: report.marks(name) for name in report.charts()}
        assert marks == {
            "objects_per_image": {"bars": objects.max() + 1},
            "classes_per_image": {"bars": 11},
            "class_boxes": {"bars": 10},
            "class_images": {"bars": 10},
            "together": {"fields": 100, "heatmaps": 1},
            "area_share": {"boxes": 10},
            "aspect_ratio": {"boxes": 10},
            "sizes": {"bars": 30},
            "centres": {"heatmaps": 1},
            "lone_centres": {"heatmaps": 1},
            "fold_boxes": {"fields": 50, "heatmaps": 1},
            "suspect_kinds": {"bars": 5},
        }
        assert (report.total("centres"), report.total("lone_centres")) == (23144, (objects == 1).sum())
        report.click("Paper")
        assert (report.marks("class_boxes"), report.marks("area_share")) == ({"bars": 9}, {"boxes": 9})
        assert report.total("centres") == 23144 - 6352
        report.click("All or none")
        assert report.total("centres") == 23144
        report.click("All or none")
        assert (report.total("centres"), report.marks("class_boxes")) == (0, {})
        assert report.complaints == []


def test_charts_of_predictions(browser, analysis):
    counts = json.loads(analysis.with_suffix(".json").read_text())["tables"]["score_counts"]
    filled = sum(boxes > 0 for _, _, boxes in counts["rows"])
    assert filled > 10
    curve, sweep = {"lines": 20}, {"lines": 2 * len(NMS_IOUS), "points": 2 * len(NMS_IOUS) * len(SCORE_THRS)}
    with opened(browser, analysis) as report:
        marks = {name: report.marks(name) for name in report.charts()}
        assert marks == {
            "figures": {"bars": 24},
            "ap50": {"bars": 20},
            "pr_curves": curve,
            "confidence": {"lines": 6},
            "class_f1": curve,
            "error_costs": {"bars": 16},
            "confusion": {"fields": 121, "heatmaps": 1},
            "confusion_2": {"fields": 121, "heatmaps": 1},
            "reliability": {"lines": 3, "points": filled},
            "score_counts": {"bars": 20},
            "sweep_map50": sweep,
            "sweep_boxes": sweep,
            "by_size": {"bars": 6},
            "by_count": {"bars": 10},
        }
        assert (report.legend("ap50"), report.legend("pr_curves")) == (["identity", "hflip"], list(CLASSES))
        report.click("General trash")
        # It was the first of its models; the next one stands for them now.
        assert (report.legend("ap50"), report.legend("pr_curves")) == (["identity", "hflip"], list(CLASSES[1:]))
        report.click("identity")
        assert report.legend("pr_curves") == list(CLASSES[1:])
        assert [report.shown(f"#{part}") for part in ("confusion", "worst", "confusion_2", "worst_2")] == [0, 0, 1, 1]
        assert report.marks("ap50") == {"bars": 9}
        assert report.marks("pr_curves") == {"lines": 9}
        assert report.marks("error_costs") == {"bars": 8}
        assert report.complaints == []


def test_pictures_and_their_filters(browser, small):
    page, coco, _ = small
    with opened(browser, page) as report:
        assert report.charts()[-2:] == ["loss", "val_map50"]
        # The mean of two folds, and the two edges of its band.
        assert report.marks("loss") == report.marks("val_map50") == {"lines": 3}
        assert report.shown(".picture") == 9
        of_truth = '.box[data-kind="truth"], .box[data-kind="missed"]'
        files = report.page.eval_on_selector_all(
            "figcaption", "captions => captions.map(c => c.textContent.split(':')[0])"
        )
        ids = {image["id"] for image in coco["images"] if image["file_name"] in files}
        true = [annotation for annotation in coco["annotations"] if annotation["image_id"] in ids]
        assert report.shown(of_truth) == len(true)
        assert report.page.eval_on_selector_all(
            "img", "all => all.every(i => i.loading === 'lazy' && i.naturalWidth === 128)"
        )
        assert 0 < report.shown(".box text") == report.shown(".box.loud") < report.shown(".box")
        first = report.page.query_selector('[data-filter="box"] button.missed')
        missed = report.shown('.box[data-kind="missed"]')
        first.click()
        assert (report.shown('.box[data-kind="missed"]'), report.shown(of_truth)) == (0, len(true) - missed)
        kinds = report.page.query_selector_all('[data-filter="kind"] button')
        assert len(kinds) > 1
        for shown, button in enumerate(kinds):
            assert (report.shown(".picture") == 9) == (shown == 0)
            button.click()
        assert report.shown(".picture") == 0
        assert report.complaints == []


def test_what_is_suspect_looks_unlike_the_other_boxes(browser, tmp_path):
    boxes = [(0, 0, [10, 10, 2, 30]), (0, 1, [20, 20, 30, 30])]
    dataset = Dataset(tmp_path / "train.json", builders.coco(images=1, boxes=boxes), tmp_path)
    builders.write_jpeg(tmp_path / "train" / "0000.jpg")
    page, _, _ = write_report(eda_report(dataset, WORDS), WORDS, tmp_path / "eda.html")
    with opened(browser, page) as report:
        dashes, colours = (
            report.page.eval_on_selector_all(
                ".box.tiny rect, .box.other rect", f"all => all.map(rect => getComputedStyle(rect).{name})"
            )
            for name in ("strokeDasharray", "stroke")
        )
        assert (dashes[0] != "none", dashes[1]) == (True, "none"), "the others are dashed and below"
        assert len(set(colours)) == 2
        assert report.complaints == []


def test_nothing_is_wider_than_a_phone(browser, small):
    page, _, _ = small
    with opened(browser, page, 360, has_touch=True, is_mobile=True) as report:
        report.charts()
        assert report.page.evaluate("document.documentElement.scrollWidth") == 360
        assert report.complaints == []


def test_keys_do_what_the_mouse_does(browser, small):
    page, _, _ = small
    with opened(browser, page) as report:
        report.charts()
        report.page.focus(".skip")
        assert report.page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
        report.page.focus(".filters summary")
        report.page.keyboard.press("Enter")
        button = report.page.query_selector('[data-filter="class"] [aria-pressed]')
        button.focus()
        report.page.keyboard.press("Space")
        assert button.get_attribute("aria-pressed") == "false"
        assert report.marks("ap50") == {"bars": 9}
        report.page.focus("#ap50 summary")
        report.page.keyboard.press("Enter")
        assert report.shown("#ap50 tbody tr") == 9


def test_light_and_dark(browser, small):
    page, _, _ = small
    with opened(browser, page) as report:
        report.charts()
        for scheme, dark in (("light", False), ("dark", True)):
            report.page.emulate_media(color_scheme=scheme)
            assert brightness(report) == ((0, 255) if dark else (255, 0))
        report.page.click("#theme")
        assert brightness(report) == (255, 0)


def brightness(report: OpenReport) -> tuple[int, ...]:
    """Of the page, and of the text in a chart: 0 where it is dark, 255 where it is light."""
    report.page.wait_for_timeout(300)
    colours = report.page.evaluate(
        "[document.body, document.querySelector('.xtick text')].map(e => getComputedStyle(e)).flatMap((s, i) => "
        "i ? s.fill : s.backgroundColor)"
    )
    return tuple(255 * (sum(map(int, re.findall(r"\d+", colour))) > 3 * 128) for colour in colours)
