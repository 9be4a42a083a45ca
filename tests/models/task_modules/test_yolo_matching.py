"""Both matchings against loops over cells, and what holds of any."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.models.dense_heads.yolov7_head import ANCHORS
from mmdet_trash.models.task_modules import Matches, Objects, match_by_ratio, match_by_simota

STRIDES = (8, 16, 32)
ANCHOR = torch.tensor(ANCHORS, dtype=torch.float32)
HEIGHT, WIDTH, CLASSES = 96, 160, 4


def sizes_of(height=HEIGHT, width=WIDTH):
    return [(height // stride, width // stride) for stride in STRIDES]


@st.composite
def objects(draw, images=3, most=6):
    """Objects of some images, an image without any among them; corners are in quarters of pixels."""
    corner = st.tuples(st.integers(0, WIDTH * 4), st.integers(0, HEIGHT * 4))
    boxes, labels = [], []
    for _ in range(images):
        own = []
        for (x1, y1), (x2, y2) in draw(st.lists(st.tuples(corner, corner), max_size=most)):
            own.append([min(x1, x2) / 4, min(y1, y2) / 4, max(x1, x2) / 4 + 1, max(y1, y2) / 4 + 1])
        boxes.append(torch.tensor(own, dtype=torch.float32).reshape(-1, 4).clamp(max=WIDTH))
        labels.append(
            torch.tensor(draw(st.lists(st.integers(0, CLASSES - 1), min_size=len(own), max_size=len(own)))).long()
        )
    return Objects.of_images(boxes, labels)


def by_ratio(found, thr=4.0):
    """The pairs, one by one."""
    pairs = []
    for level, (stride, (rows, columns)) in enumerate(zip(STRIDES, sizes_of(), strict=True)):
        for target, (image, (x1, y1, x2, y2)) in enumerate(
            zip(found.image.tolist(), found.bboxes.tolist(), strict=True)
        ):
            for anchor, (w, h) in enumerate(ANCHORS[level]):
                ratios = [(x2 - x1) / w, w / (x2 - x1), (y2 - y1) / h, h / (y2 - y1)]
                if max(ratios) >= thr:
                    continue
                x, y = (x1 + x2) / 2 / stride, (y1 + y2) / 2 / stride
                cells = [(x, y)]
                if x % 1 < 0.5 and x > 1:
                    cells.append((x - 0.5, y))
                if y % 1 < 0.5 and y > 1:
                    cells.append((x, y - 0.5))
                if (columns - x) % 1 < 0.5 and columns - x > 1:
                    cells.append((x + 0.5, y))
                if (rows - y) % 1 < 0.5 and rows - y > 1:
                    cells.append((x, y + 0.5))
                for cx, cy in cells:
                    row, column = (min(max(math.floor(c), 0), most - 1) for c, most in ((cy, rows), (cx, columns)))
                    pairs.append((level, image, anchor, row, column, target))
    return pairs


def rows_of(matches):
    return list(zip(*(column.tolist() for column in matches.columns), strict=True))


@given(objects())
def test_by_ratio_it_takes_the_cells_and_anchors_that_a_loop_takes(found):
    matches = match_by_ratio(found, ANCHOR, sizes_of(), STRIDES)
    assert sorted(rows_of(matches)) == sorted(by_ratio(found))
    assert matches.level.tolist() == sorted(matches.level.tolist())


@given(objects())
def test_an_object_moved_by_cells_is_matched_to_cells_moved_as_far(found):
    """Away from the borders, by one cell of the coarsest level."""
    inside = Objects(found.image, found.bboxes.clamp(40, 56) + torch.tensor([0, 0, 8, 8.0]), found.labels)
    moved = Objects(inside.image, inside.bboxes + torch.tensor([32.0, 0, 32, 0]), inside.labels)
    expected = [
        (level, image, anchor, y, x + 32 // STRIDES[level], target)
        for level, image, anchor, y, x, target in rows_of(match_by_ratio(inside, ANCHOR, sizes_of(), STRIDES))
    ]
    assert rows_of(match_by_ratio(moved, ANCHOR, sizes_of(), STRIDES)) == expected


@pytest.mark.parametrize("side", [3.0, 3.01])
def test_at_the_threshold_itself_an_anchor_is_too_far(side):
    """12 x 16 is the smallest anchor: 3 is a quarter of 12."""
    found = Objects.of_images([torch.tensor([[50.0, 50, 50 + side, 66]])], [torch.tensor([0])])
    assert bool(len(match_by_ratio(found, ANCHOR, sizes_of(), STRIDES))) == (side > 3)


def iou_of(a, b):
    width, height = (min(a[i + 2], b[i + 2]) - max(a[i], b[i]) for i in (0, 1))
    inter = max(width, 0) * max(height, 0)
    return inter / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter)


def by_simota(candidates, found, bboxes, logits, top_k, weight):
    """The chosen pairs, one image and one object after the other, in float64."""
    chosen = set()
    for image in set(found.image.tolist()):
        own = [row for row, at in enumerate(candidates.image.tolist()) if at == image]
        targets = [row for row, at in enumerate(found.image.tolist()) if at == image]
        if not own:
            continue
        costs, takers = {}, {row: [] for row in own}
        for target in targets:
            ious = []
            for row in own:
                iou = iou_of(bboxes[row].tolist(), found.bboxes[target].tolist())
                ious.append(iou)
                scores = torch.sqrt(logits[row, 1:].double().sigmoid() * logits[row, 0].double().sigmoid()).tolist()
                label = int(found.labels[target])
                entropy = -sum(math.log(s if c == label else 1 - s) for c, s in enumerate(scores))
                costs[target, row] = entropy - weight * math.log(iou + 1e-8)
            wanted = max(1, int(sum(sorted(ious)[-top_k:]) + 1e-6))
            for row in sorted(own, key=lambda row: costs[target, row])[:wanted]:
                takers[row].append(target)
        for row, takes in takers.items():
            if len(takes) == 1:
                chosen.add((row, takes[0]))
            elif takes:
                chosen.add((row, min(targets, key=lambda target: costs[target, row])))
    return chosen


@given(objects(), st.integers(0, 10_000), st.sampled_from([1, 3, 10]), st.sampled_from([0.5, 3.0]))
def test_by_simota_it_chooses_what_a_loop_chooses(found, seed, top_k, weight):
    candidates = match_by_ratio(found, ANCHOR, sizes_of(), STRIDES)
    generator = torch.Generator().manual_seed(seed)
    # Boxes near the objects, whose cost differs.
    bboxes = found.bboxes[candidates.target] + 4 * torch.randn(len(candidates), 4, generator=generator)
    bboxes[:, 2:] = torch.maximum(bboxes[:, 2:], bboxes[:, :2] + 1)
    logits = 2 * torch.randn(len(candidates), 1 + CLASSES, generator=generator)
    # Each candidate is known by its row, which is written where its target was.
    numbered = Matches(*candidates.columns[:-1], torch.arange(len(candidates)))
    expected = by_simota(candidates, found, bboxes, logits, top_k, weight)
    matches = match_by_simota(candidates, found, bboxes, logits, top_k, weight)
    places = [(*rows_of(numbered)[row][:-1], target) for row, target in expected]
    assert sorted(rows_of(matches)) == sorted(places)
    assert matches.level.tolist() == sorted(matches.level.tolist())


def test_centres_on_the_border_are_of_the_cells_within():
    for centre in ([0.0, 0.0], [WIDTH, HEIGHT]):
        box = torch.tensor([[*centre, *centre]]) + torch.tensor([[-8.0, -8, 8, 8]])
        found = match_by_ratio(Objects.of_images([box], [torch.zeros(1).long()]), ANCHOR, sizes_of(), STRIDES)
        assert len(found) > 0
        for level, _, _, y, x, _ in rows_of(found):
            height, width = sizes_of()[level]
            assert 0 <= y < height and 0 <= x < width


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_by_simota_boxes_that_are_sure_go_to_objects_of_their_class(dtype):
    """Two objects at one place, and two boxes there, each sure of one class."""
    box = torch.tensor([[10.0, 10, 30, 30]])
    found = Objects(torch.tensor([0, 0]), box.repeat(2, 1), torch.tensor([1, 0]))
    rows = torch.arange(2)
    candidates = Matches(rows * 0, rows * 0, rows, rows * 0, rows * 0, rows)
    logits = torch.tensor([[300.0, 300, -300], [300, -300, 300]], dtype=dtype)
    matches = match_by_simota(candidates, found, box.repeat(2, 1), logits, top_k=1)
    assert dict(zip(matches.anchor.tolist(), matches.target.tolist(), strict=True)) == {0: 1, 1: 0}


def test_of_no_object_nothing_is_matched():
    none = Objects.of_images([torch.zeros(0, 4)] * 2, [torch.zeros(0).long()] * 2)
    candidates = match_by_ratio(none, ANCHOR, sizes_of(), STRIDES)
    assert len(candidates) == 0
    assert len(match_by_simota(candidates, none, torch.zeros(0, 4), torch.zeros(0, 5))) == 0
    assert [len(part) for part in candidates.of_levels(3)] == [0, 0, 0]
