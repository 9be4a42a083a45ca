"""One warp an image against the same steps one after the other, on the whole canvas."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdet_trash.datasets.transforms.canvas import Sample, Tile, pixels_inside, render
from mmdet_trash.datasets.transforms.mosaic import Mosaic
from mmdet_trash.datasets.transforms.objects import BoxFilter, warp_boxes

FRAME = np.array([96, 80])
PAD = 114
UPRIGHT = {"translate": 0.2, "scale": 0.4}
TURNED = {"translate": 0.2, "scale": 0.4, "degrees": 40, "shear": 10, "perspective": 1e-3}
SIZES = ((48, 40), (60, 40), (40, 56), (72, 60), (96, 80))


class Photos:
    """Smooth images in memory, with an object each, as a transform draws them."""

    def __init__(self, rng):
        self.unreadable = set()
        self.infos = [self._photo(rng, label, size) for label, size in enumerate(SIZES)]

    def _photo(self, rng, label, size):
        noise = rng.integers(0, 256, (size[1], size[0], 3)).astype(np.float32)
        smooth = cv2.GaussianBlur(noise, (0, 0), 8)
        image = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
        image.flags.writeable = False
        x1, y1 = rng.uniform(0, 0.4, 2) * size
        x2, y2 = rng.uniform(0.6, 1, 2) * size
        instance = {"bbox": [x1, y1, x2, y2], "bbox_label": label}
        return {"img_path": str(label), "img": image, "instances": [instance]}

    def draw(self):
        return self.infos[np.random.randint(len(self.infos))]


def fitted_size(size):
    ratio = min(FRAME / size)
    return np.round(np.array(size) * ratio).astype(int)


def draw_like_the_mosaic(photos, grid, magnitudes):
    """The images in rows, the joint from the canvas's middle and the matrix's numbers, drawn in the mosaic's order."""
    np.random.random()
    others = [photos.draw() for _ in range(grid * grid - 1)]
    joint = np.random.uniform(-0.5, 0.5, 2) * FRAME
    place = 0 if grid == 2 else 4
    names = ("perspective", "perspective", "degrees", "scale", "shear", "shear", "translate", "translate")
    numbers = np.random.uniform(-1, 1, 8) * [magnitudes.get(name, 0) for name in names]
    return [*others[:place], photos.infos[0], *others[place:]], joint, numbers


def frame_matrix(grid, numbers):
    """From the canvas, measured from its upper left corner, to the output: one step after the other."""
    tilt_x, tilt_y, turn, scale, shear_x, shear_y, right, down = numbers
    to_middle, tilt, shear, to_frame = (np.eye(3) for _ in range(4))
    to_middle[:2, 2] = -grid * FRAME / 2
    tilt[2, :2] = tilt_x, tilt_y
    turned = np.eye(3)
    turned[:2] = cv2.getRotationMatrix2D((0, 0), turn, (1 + scale) / (grid - 1))
    shear[0, 1], shear[1, 0] = np.tan(np.radians([shear_x, shear_y]))
    to_frame[:2, 2] = (0.5 + right) * FRAME[0], (0.5 + down) * FRAME[1]
    return to_frame @ shear @ turned @ tilt @ to_middle


def cells(grid, images, joint):
    """Of each image the window of the canvas that shows it, and where its upper left corner lies."""
    sides = [fitted_size(info["img"].shape[1::-1]) for info in images]
    end = grid * FRAME
    if grid == 2:
        lines = np.array([[0, 0], np.round(joint) + FRAME, end])
    else:
        first = np.round(joint - sides[4] / 2) + 1.5 * FRAME
        lines = np.array([[0, 0], first, first + sides[4], end])
    for i, side in enumerate(sides):
        cell = [i % grid, i // grid]
        low, high = lines[cell, [0, 1]], lines[np.add(cell, 1), [0, 1]]
        corner = []
        for axis in range(2):
            if cell[axis] == 0:
                corner.append(high[axis] - side[axis])
            elif cell[axis] == grid - 1:
                corner.append(low[axis])
            else:
                # From the middle, where the canvas is measured from.
                half = grid * FRAME[axis] / 2
                corner.append(np.round((low[axis] + high[axis] - 2 * half - side[axis]) / 2) + half)
        yield side, low.astype(int), high.astype(int), np.array(corner).astype(int)


def stepwise(photos, grid, magnitudes):
    """Image, mask of the pixels by a border between images, and boxes by position in rows, unfiltered.

    A box is `(label, xyxy, the share of its area that is seen)`.
    """
    images, joint, numbers = draw_like_the_mosaic(photos, grid, magnitudes)
    matrix = frame_matrix(grid, numbers)
    canvas = np.full((*(grid * FRAME)[::-1], 3), PAD, np.uint8)
    borders = np.zeros(canvas.shape[:2], np.uint8)
    boxes = []
    for info, (side, low, high, corner) in zip(images, cells(grid, images, joint), strict=True):
        resized = cv2.resize(info["img"], side.tolist())
        (x1, y1), (x2, y2) = np.maximum(low, corner), np.minimum(high, corner + side)
        canvas[y1:y2, x1:x2] = resized[y1 - corner[1] : y2 - corner[1], x1 - corner[0] : x2 - corner[0]]
        cv2.rectangle(borders, (x1, y1), (x2, y2), 255, 5)
        instance = info["instances"][0]
        whole = np.array(instance["bbox"]).reshape(2, 2) * side / info["img"].shape[1::-1] + corner
        shown = np.clip(whole, low, high)
        (left, top), (right, bottom) = shown
        corners = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]])
        moved = cv2.perspectiveTransform(corners, matrix)[0]
        moved = np.array([moved.min(0), moved.max(0)])
        seen = np.clip(moved, 0, FRAME)
        share = area(seen) / max(area(moved), 1e-9) * area(shown) / area(whole)
        boxes.append((instance["bbox_label"], seen.ravel(), share))
    return warp(canvas, matrix, PAD), warp(borders, matrix, 255) > 0, boxes


def area(box):
    return np.prod((box[1] - box[0]).clip(0))


def warp(canvas, matrix, fill):
    """By OpenCV, which counts from the centre of a pixel."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    matrix = np.linalg.inv(half) @ matrix @ half
    return cv2.warpPerspective(canvas, matrix, FRAME.tolist(), borderValue=(fill, fill, fill))


def both_ways(seed, grid, magnitudes, min_visible=0.1):
    """A mosaic and the reference, of the same images with the same random numbers."""
    photos = Photos(np.random.default_rng(seed))
    transform = Mosaic(tuple(FRAME.tolist()), grid, **{"translate": 0, "scale": 0, **magnitudes})
    transform.boxes = BoxFilter(min_visible=min_visible)
    transform.images = photos
    np.random.seed(seed)
    results = transform(photos.infos[0])
    after = np.random.random()
    np.random.seed(seed)
    expected = stepwise(photos, grid, magnitudes)
    assert np.random.random() == after, "the reference does not draw what the mosaic draws"
    return results, *expected


@pytest.mark.parametrize("grid", [2, 3])
@pytest.mark.parametrize("magnitudes", [{}, UPRIGHT, TURNED], ids=["still", "upright", "turned"])
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_one_warp_gives_the_pixels_of_many_steps(grid, magnitudes, seed):
    results, image, near_border, _ = both_ways(seed, grid, magnitudes)
    difference = np.abs(results["img"].astype(float) - image).mean(-1)
    # Where nothing turns, the cut through an image is moved by half a pixel of its file at most: ten levels here.
    assert difference[~near_border].mean() < (0.5 if magnitudes is TURNED else 2.5)
    assert difference.mean() < 4


@pytest.mark.parametrize("grid", [2, 3])
@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_one_warp_moves_boxes_as_many_steps_do(grid, seed):
    results, _, _, boxes = both_ways(seed, grid, TURNED)
    keep = BoxFilter()
    kept = [(label, box) for label, box, share in boxes if share >= 0.1 and keep(box[None], np.zeros(1))[0]]
    assert results["gt_bboxes_labels"].tolist() == [label for label, _ in kept]
    np.testing.assert_allclose(results["gt_bboxes"].tensor, np.reshape([box for _, box in kept], (-1, 4)), atol=1e-3)


@pytest.mark.parametrize("grid", [2, 3])
@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_an_upright_box_is_a_pixel_of_its_file_off_at_most(grid, seed):
    """The cut through an image moves to the border of a pixel, half of one in either place, and boxes with it."""
    results, _, _, boxes = both_ways(seed, grid, UPRIGHT, min_visible=0)
    got = list(zip(results["gt_bboxes_labels"].tolist(), results["gt_bboxes"].tensor.numpy(), strict=True))
    for label, box, _ in boxes:
        if (box[2:] - box[:2] > 6).all():
            nearest = min(np.abs(box - other).max() for of, other in got if of == label)
            # A pixel of the file is at most this large in the mosaic.
            assert nearest <= min(FRAME / SIZES[label]) * 1.4 / (grid - 1) + 1e-3


@pytest.mark.parametrize("grid", [2, 3])
@pytest.mark.parametrize("degrees", [0, 45])
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_seam_shows_between_images(grid, degrees, seed):
    """Images as large as the frame fill the canvas but for its corners: the pad's grey is nowhere in the middle."""
    photos = Photos(np.random.default_rng(0))
    width, height = FRAME.tolist()
    photos.infos = [{"img_path": "", "img": np.full((height, width, 3), 20 + 40 * i, np.uint8)} for i in range(2)]
    transform = Mosaic((width, height), grid, degrees=degrees, translate=0, scale=0)
    transform.images = photos
    np.random.seed(seed)
    image = transform(photos.infos[0])["img"]
    middle = image[height // 4 : -height // 4, width // 4 : -width // 4]
    assert np.isin(middle, [20, 60]).all()


@pytest.mark.parametrize("size", [(96, 80), (33, 57)])
def test_an_image_that_is_not_moved_keeps_its_pixels(size):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    bbox = [3.25, 5.5, 20.125, 30]
    sample = Sample({"img": image, "instances": [{"bbox": bbox, "bbox_label": 2}]}, None)
    place = (0, 0, *size)
    # So little that it changes nothing, but the way of warping.
    nearly = np.array([[1, 0, 0], [1e-12, 1, 0], [0, 0, 1]])
    for matrix in (np.eye(3), nearly):
        out, objects = render([Tile(sample, place, place)], matrix, size, BoxFilter())
        np.testing.assert_array_equal(out, image)
        np.testing.assert_allclose(objects.bboxes, [bbox], atol=1e-9)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1))
def test_each_pixel_of_a_warped_canvas_belongs_to_one_tile(seed):
    rng = np.random.default_rng(seed)
    matrix = np.eye(3) + rng.uniform(-0.4, 0.4, (3, 3)) * [[1, 1, 30], [1, 1, 30], [2e-3, 2e-3, 0]]
    x, y = np.sort(rng.uniform(10, 60, (2, 3)), 1)
    owners = np.zeros((64, 64), int)
    for left, right in pairwise(x):
        for top, bottom in pairwise(y):
            owners += inside(matrix, [left, top, right, bottom])
    whole = inside(matrix, [x[0], y[0], x[-1], y[-1]])
    np.testing.assert_array_equal(owners, whole)


def inside(matrix, box):
    x1, y1, x2, y2 = box
    quad = cv2.perspectiveTransform(np.array([[[x1, y1], [x2, y1], [x2, y2], [x1, y2]]], float), matrix)[0].T
    assert np.isfinite(warp_boxes(np.array([box]), matrix)).all()
    return pixels_inside(quad, (64, 64))
