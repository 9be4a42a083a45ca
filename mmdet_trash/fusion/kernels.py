"""Compiled box fusion.

The arithmetic is that of ensemble-boxes 1.0.9 on NumPy 2, addition by addition, so that results agree to the last bit:
a cluster's box is a float32 sum of float64 products, its score a float64 sum. Two things differ. Sums run on as boxes
join, where the library sums a cluster anew. And equal scores keep their order (model, then box), where the library's
follow an unstable sort.

All compiled functions stand in this file: numba renews its cache when the file of the called function changes, and
does not look at others. A cache of before must still find `Detections` and `Plan` under their names.
"""

from typing import Any

import numpy as np
from numba import njit

from mmdet_trash.fusion.plan import Detections, Plan

AVG, MAX, BOX_AND_MODEL_AVG, ABSENT_MODEL_AWARE_AVG, MODEL_MAX, NOISY_OR = range(6)
"""Score rules, in the order of `mmdet_trash.fusion.settings.CONF_TYPES`."""
WBF, NMW, NMS, SOFT_NMS = range(4)
"""Methods, in the order of `mmdet_trash.fusion.settings.METHODS`."""
LINEAR, GAUSSIAN, STANDARD = 1, 2, 3
"""Kinds of NMS, numbered as ensemble-boxes numbers them."""

DIGIT, PASSES = 8, 3
"""Bits that one pass of the radix sort looks at, and how many passes there are."""
BLOCK = 16
"""Boxes that NMS compares one with at a time."""


kernel: Any = njit(nogil=True, cache=True, error_model="numpy")


@kernel
def pairwise_sum(values: np.ndarray, count: int) -> float:
    """The sum of `values[:count]` in the order of additions of NumPy's `sum`."""
    if count < 8:
        total = 0.0
        for i in range(count):
            total += values[i]
        return total
    if count > 128:
        half = count // 2
        half -= half % 8
        return pairwise_sum(values, half) + pairwise_sum(values[half:], count - half)
    lanes = values[:8].copy()
    end = count - count % 8
    for i in range(8, end, 8):
        for lane in range(8):
            lanes[lane] += values[i + lane]
    total = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]))
    for i in range(end, count):
        total += values[i]
    return total


@kernel
def by_falling_score(scores: np.ndarray) -> np.ndarray:
    """Row numbers by falling score; equal scores keep their order.

    The bits of floats of one sign are in the order of the floats. A radix sort by the upper ones leaves next to nothing
    for the insertion sort by all of them.

    Args:
        scores: (n,) float64, none negative or NaN.

    Returns:
        (n,) int64.
    """
    count = len(scores)
    digits, low = 1 << DIGIT, 64 - PASSES * DIGIT
    mask, row_mask, sign = np.uint64(digits - 1), np.uint64((1 << low) - 1), np.uint64(1 << 63)
    # A key is the upper bits of a score, flipped, and its row. The sign is left out: there is a -0.0.
    keys, other = np.empty(count, np.uint64), np.empty(count, np.uint64)
    starts = np.zeros((PASSES, digits), np.int64)
    bits = scores.view(np.uint64)
    for row in range(count):
        keys[row] = ~(bits[row] | row_mask | sign) | np.uint64(row)
        for p in range(PASSES):
            starts[p, (keys[row] >> np.uint64(low + p * DIGIT)) & mask] += 1
    for p in range(PASSES):
        shift = np.uint64(low + p * DIGIT)
        if count == 0 or starts[p, (keys[0] >> shift) & mask] == count:
            continue
        before = 0
        for digit in range(digits):
            here = starts[p, digit]
            starts[p, digit] = before
            before += here
        for i in range(count):
            digit = (keys[i] >> shift) & mask
            other[starts[p, digit]] = keys[i]
            starts[p, digit] += 1
        keys, other = other, keys
    order = np.empty(count, np.int64)
    for i in range(count):
        row, j = int(keys[i] & row_mask), i
        while j > 0 and scores[order[j - 1]] < scores[row]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = row
    return order


@kernel
def by_label(order: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Part rows by label, each part in the order of `order`.

    Returns:
        The (n,) rows of label 0, then of label 1 and so on, and the (classes + 1,) places where each label's start.
    """
    starts = np.zeros(classes + 1, np.int64)
    for row in order:
        starts[labels[row] + 1] += 1
    for label in range(classes):
        starts[label + 1] += starts[label]
    places, rows = starts.copy(), np.empty(len(order), np.int64)
    for row in order:
        rows[places[labels[row]]] = row
        places[labels[row]] += 1
    return rows, starts


@kernel
def wbf(
    boxes: np.ndarray,
    scores: np.ndarray,
    models: np.ndarray,
    label: int,
    plan: Plan,
    out_boxes: np.ndarray,
    out_scores: np.ndarray,
) -> int:
    """Weighted boxes fusion (arXiv 1910.13302) of one class of one image.

    Args:
        boxes: (n, 4) float64, xyxy between 0 and 1, by falling score.
        scores: (n,) float64, times the model's weight.
        models: (n,) int64.
        label: the class.
        plan: how to fuse.
        out_boxes: (n, 4) float64, taken for the result.
        out_scores: (n,) float64, taken for the result.

    Returns:
        The number of clusters, which stand first in the outputs in the order they arose.
    """
    count, weights, rule = len(scores), plan.weights[label], plan.rule
    present = weights[weights > 0]
    total, heaviest = pairwise_sum(present, len(present)), present.max()
    # One array for all: an array a number took longer than the sums.
    state = np.empty((9, count))
    x1, y1, x2, y2, areas = state[0], state[1], state[2], state[3], state[4]
    confs, weight_sums, sizes, best_scores = state[5], state[6], state[7], state[8]
    sums = np.empty((count, 4), np.float32)
    by_model = plan.one_vote or rule > MAX
    voices = np.empty((count, len(weights)))  # each model's best score in a cluster; below 0, it has none
    clusters = 0
    for row in range(count):
        bx1, by1, bx2, by2 = boxes[row, 0], boxes[row, 1], boxes[row, 2], boxes[row, 3]
        area = (bx2 - bx1) * (by2 - by1)
        score, model = scores[row], models[row]
        match, match_iou = -1, plan.iou_thr[label]
        for k in range(clusters):
            width, height = min(x2[k], bx2) - max(x1[k], bx1), min(y2[k], by2) - max(y1[k], by1)
            inter = max(width, 0.0) * max(height, 0.0)
            iou = inter / (areas[k] + area - inter)
            if iou > match_iou:
                match, match_iou = k, iou
        if match < 0:
            match = clusters
            clusters += 1
            x1[match], y1[match], x2[match], y2[match], areas[match] = bx1, by1, bx2, by2, area
            confs[match], weight_sums[match], sizes[match], best_scores[match] = 0.0, 0.0, 0.0, score
            sums[match, 0], sums[match, 1], sums[match, 2], sums[match, 3] = 0.0, 0.0, 0.0, 0.0
            if by_model:
                voices[match] = -1.0
        elif plan.one_vote and voices[match, model] >= 0:
            continue
        sums[match, 0] += score * bx1
        sums[match, 1] += score * by1
        sums[match, 2] += score * bx2
        sums[match, 3] += score * by2
        confs[match] += score
        weight_sums[match] += weights[model]
        sizes[match] += 1
        if by_model:
            voices[match, model] = max(voices[match, model], score)
        if sizes[match] > 1 and confs[match] > 0:
            x1[match] = np.float32(sums[match, 0] / confs[match])
            y1[match] = np.float32(sums[match, 1] / confs[match])
            x2[match] = np.float32(sums[match, 2] / confs[match])
            y2[match] = np.float32(sums[match, 3] / confs[match])
            areas[match] = (x2[match] - x1[match]) * (y2[match] - y1[match])
    chosen = np.empty(len(weights))
    for k in range(clusters):
        out_boxes[k, 0], out_boxes[k, 1], out_boxes[k, 2], out_boxes[k, 3] = x1[k], y1[k], x2[k], y2[k]
        size, weight_sum, best = sizes[k], weight_sums[k], best_scores[k]
        score = best if rule == MAX else confs[k] / size
        if size > 1:  # the library keeps a merged box in float32
            score, weight_sum = np.float64(np.float32(score)), np.float64(np.float32(weight_sum))
        if rule == MAX:
            score = score / heaviest
        elif rule == AVG:
            score = score * (size if plan.allows_overflow else min(len(present), size)) / total
        elif rule in (BOX_AND_MODEL_AVG, ABSENT_MODEL_AWARE_AVG):
            n = 0
            for t in range(len(weights)):
                if weights[t] > 0 and (voices[k, t] >= 0) == (rule == BOX_AND_MODEL_AVG):
                    chosen[n] = weights[t]
                    n += 1
            if rule == BOX_AND_MODEL_AVG:
                score = score * size / weight_sum * pairwise_sum(chosen, n) / total
            else:
                score = score * size / (weight_sum + pairwise_sum(chosen, n))
        else:
            score, silence = 0.0, 1.0
            for t in range(len(weights)):
                voice = voices[k, t]
                if voice < 0:
                    voice = weights[t] * min(plan.absent_score, best / heaviest)
                score += voice
                silence *= 1.0 - min(voice / heaviest, 1.0)
            score = score / total if rule == MODEL_MAX else 1.0 - silence
        out_scores[k] = score
    return clusters


@kernel
def nmw(boxes: np.ndarray, scores: np.ndarray, iou_thr: float, out_boxes: np.ndarray, out_scores: np.ndarray) -> int:
    """Non-maximum weighted of one class of one image; arguments and result as `wbf`'s.

    A cluster keeps the place of its best box while boxes join; then they are averaged, weighted by score and by their
    overlap with the best one. Scores and boxes come as float32 numbers, as the library gives them.
    """
    count = len(scores)
    main, cluster = np.empty(count, np.int64), np.empty(count, np.int64)
    sums, confs = np.zeros((count, 4), np.float32), np.zeros(count)
    clusters = 0
    for row in range(count):
        match, match_iou = -1, iou_thr
        for k in range(clusters):
            iou = overlap(boxes[main[k]], boxes[row])
            if iou > match_iou:
                match, match_iou = k, iou
        if match < 0:
            match = clusters
            main[match] = row
            clusters += 1
        cluster[row] = match
    for row in range(count):
        k = cluster[row]
        weight = scores[row] * overlap(boxes[row], boxes[main[k]])
        for i in range(4):
            sums[k, i] += weight * boxes[row, i]
        confs[k] += weight
    for k in range(clusters):
        out_scores[k] = np.float32(scores[main[k]])
        for i in range(4):
            out_boxes[k, i] = np.float32(sums[k, i] / confs[k] if confs[k] > 0 else boxes[main[k], i])
    return clusters


@kernel
def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """IoU of two xyxy boxes."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inter = max(0.0, width) * max(0.0, height)
    if inter == 0:
        return 0.0
    return inter / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter)


@kernel
def nms(
    boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, order: np.ndarray, iou_thr: np.ndarray
) -> np.ndarray:
    """Greedy non-maximum suppression of one image, class by class.

    Args:
        boxes: (n, 4), xyxy between 0 and 1. Where they are float32, areas are, as the library has them.
        scores: (n,).
        labels: (n,) int64.
        order: rows by falling score.
        iou_thr: (classes,), a box that overlaps a better one of its class by more is dropped.

    Returns:
        The rows kept, by falling score; those of equal scores by label, and then as they were ordered.
    """
    # Classes stand one after the other, each from a new block on.
    blocks = np.zeros(len(iou_thr) + 1, np.int64)
    for row in order:
        blocks[labels[row] + 1] += 1
    for label in range(len(iou_thr)):
        blocks[label + 1] = blocks[label] + (blocks[label + 1] + BLOCK - 1) // BLOCK
    room = blocks[-1] * BLOCK
    sides, rows = np.empty((5, room), boxes.dtype), np.empty(room, np.int64)
    ends = blocks[:-1] * BLOCK
    for row in order:
        place = ends[labels[row]]
        ends[labels[row]] += 1
        x1, y1, x2, y2 = boxes[row, 0], boxes[row, 1], boxes[row, 2], boxes[row, 3]
        sides[0, place], sides[1, place], sides[2, place], sides[3, place] = x1, y1, x2, y2
        sides[4, place] = (x2 - x1) * (y2 - y1)
        rows[place] = row
    keep = np.zeros(len(boxes), np.bool_)
    dropped = np.zeros(blocks[-1], np.int64)  # a bit for each box of a block
    sides_of = sides.reshape(5, -1, BLOCK)
    for label in range(len(iou_thr)):
        most = iou_thr[label]
        for place in range(blocks[label] * BLOCK, ends[label]):
            if (dropped[place // BLOCK] >> (place % BLOCK)) & 1:
                continue
            keep[rows[place]] = True
            x1, y1, x2, y2, area = sides[0, place], sides[1, place], sides[2, place], sides[3, place], sides[4, place]
            for b in range(place // BLOCK, blocks[label + 1]):
                bits = 0
                for i in range(BLOCK):  # of a fixed length and from 0: compiled to vector instructions
                    width = min(sides_of[2, b, i], x2) - max(sides_of[0, b, i], x1)
                    height = min(sides_of[3, b, i], y2) - max(sides_of[1, b, i], y1)
                    inter = max(width, 0.0) * max(height, 0.0)
                    bits |= (inter / (sides_of[4, b, i] + area - inter) > most) << i
                dropped[b] |= bits
    kept, total = np.empty(len(order), np.int64), 0
    for row in order:  # without a branch, which would be guessed wrong too often
        kept[total] = row
        total += keep[row]
    for i in range(1, total):
        row, j = kept[i], i
        while j > 0 and scores[kept[j - 1]] == scores[row] and labels[kept[j - 1]] > labels[row]:
            kept[j] = kept[j - 1]
            j -= 1
        kept[j] = row
    return kept[:total]


@kernel
def soft_nms(boxes: np.ndarray, scores: np.ndarray, kind: int, iou_thr: float, sigma: float) -> np.ndarray:
    """Soft-NMS (arXiv 1704.04503) of one class.

    The box of the highest score is taken, the scores of the others sink by how much they overlap it, and so on.

    Args:
        boxes: (n, 4) float64, xyxy, in any order.
        scores: (n,), which end as the decayed scores, in the order of the result.
        kind: `LINEAR`, `GAUSSIAN` or `STANDARD`.
        iou_thr: scores sink where boxes overlap by more.
        sigma: of `GAUSSIAN`.

    Returns:
        (n,) int64, the boxes in the order they were taken.
    """
    count = len(boxes)
    order = np.arange(count)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for i in range(count):
        best = i
        for j in range(i + 1, count):
            if scores[j] > scores[best]:
                best = j
        order[i], order[best] = order[best], order[i]
        scores[i], scores[best] = scores[best], scores[i]
        a = order[i]
        for j in range(i + 1, count):
            b = order[j]
            width = min(boxes[a, 2], boxes[b, 2]) - max(boxes[a, 0], boxes[b, 0])
            height = min(boxes[a, 3], boxes[b, 3]) - max(boxes[a, 1], boxes[b, 1])
            if width <= 0 or height <= 0:
                continue
            inter = width * height
            iou = inter / (areas[a] + areas[b] - inter)
            if iou > iou_thr:
                if kind == LINEAR:
                    scores[j] *= 1.0 - iou
                elif kind == GAUSSIAN:
                    scores[j] *= np.exp(-(iou * iou) / sigma)
                else:
                    scores[j] *= 0.0
    return order


@kernel
def fuse_class(
    boxes: np.ndarray,
    scores: np.ndarray,
    models: np.ndarray,
    label: int,
    plan: Plan,
    out_boxes: np.ndarray,
    out_scores: np.ndarray,
) -> int:
    """Fuse one class of one image, and let boxes that still overlap decay; arguments and result as `wbf`'s."""
    if plan.method == WBF:
        found = wbf(boxes, scores, models, label, plan, out_boxes, out_scores)
    elif plan.method == NMW:
        found = nmw(boxes, scores, plan.iou_thr[label], out_boxes, out_scores)
    elif plan.method == SOFT_NMS:
        sunk = scores.copy()
        order = soft_nms(boxes, sunk, GAUSSIAN, 0.0, plan.sigma)
        found = 0
        for i in range(len(scores)):
            if sunk[i] > plan.soft_thr:
                out_boxes[found], out_scores[found] = boxes[order[i]], sunk[i]
                found += 1
    else:  # NMS, which left no more than it keeps
        found = len(scores)
        out_boxes[:found], out_scores[:found] = boxes, scores
    if plan.decay_sigma > 0:
        order = soft_nms(out_boxes[:found], out_scores[:found], GAUSSIAN, plan.decay_iou_thr, plan.decay_sigma)
        out_boxes[:found] = out_boxes[order]
    return found


@kernel
def gather(
    bboxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    starts: np.ndarray,
    model: int,
    plan: Plan,
    found: Detections,
) -> None:
    """Add to each image what a model found in it, in shares of its size and cut to it; what is too weak, or without
    area, is left out.

    Args:
        bboxes: (n, 4) float64, xyxy in pixels, in any order of the corners.
        scores: (n,) float64.
        labels: (n,) int64.
        starts: (M + 1,) int64, the row where each image's boxes start, and where the last's end.
        model: its position among the models.
        plan: how to fuse.
        found: what is added to.
    """
    weights, skip = plan.weights[:, model].copy(), plan.skip[:, model].copy()
    for image in range(len(found.sizes)):
        width, height = found.sizes[image]
        first, end, n = starts[image], starts[image + 1], found.ends[image]
        # A loop of its own, which is compiled to vector instructions.
        pixels, shares = bboxes[first:end].reshape(-1), found.shares[n : n + end - first].reshape(-1)
        for i in range(len(pixels)):
            shares[i] = min(max(pixels[i] / (height if i & 1 else width), 0.0), 1.0)
        of_image, image_scores = labels[first:end], scores[first:end]
        for i in range(end - first):
            label, score = of_image[i], image_scores[i]
            if score < skip[label]:
                continue
            x1, y1, x2, y2 = shares[4 * i], shares[4 * i + 1], shares[4 * i + 2], shares[4 * i + 3]
            x1, y1, x2, y2 = min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)
            if (x2 - x1) * (y2 - y1) == 0.0:
                continue
            found.shares[n, 0], found.shares[n, 1], found.shares[n, 2], found.shares[n, 3] = x1, y1, x2, y2
            found.scores[n] = score * weights[label] / plan.divisors[label]
            found.models[n], found.labels[n] = model, label
            n += 1
        found.ends[image] = n


@kernel
def fuse_classes(
    boxes: np.ndarray, scores: np.ndarray, models: np.ndarray, labels: np.ndarray, order: np.ndarray, plan: Plan
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fuse one image, class by class.

    Args:
        boxes: (n, 4) float64, xyxy between 0 and 1.
        scores: (n,) float64, times the model's weight.
        models: (n,) int64.
        labels: (n,) int64.
        order: rows by falling score.
        plan: how to fuse.

    Returns:
        The fused boxes, scores and labels, label after label.
    """
    count = len(order)
    rows, starts = by_label(order, labels, len(plan.weights))
    of_class, class_scores, class_models = np.empty((count, 4)), np.empty(count), np.empty(count, np.int64)
    fused_boxes, fused_scores, fused_labels = np.empty((count, 4)), np.empty(count), np.empty(count, np.int64)
    fused = 0
    for label in range(len(plan.weights)):
        here = rows[starts[label] : starts[label + 1]]
        m = len(here)
        if m == 0:
            continue
        for i in range(m):
            row = here[i]
            of_class[i, 0], of_class[i, 1] = boxes[row, 0], boxes[row, 1]
            of_class[i, 2], of_class[i, 3] = boxes[row, 2], boxes[row, 3]
            class_scores[i], class_models[i] = scores[row], models[row]
        found = fuse_class(
            of_class[:m],
            class_scores[:m],
            class_models[:m],
            label,
            plan,
            fused_boxes[fused:],
            fused_scores[fused:],
        )
        fused_labels[fused : fused + found] = label
        fused += found
    return fused_boxes[:fused], fused_scores[:fused], fused_labels[:fused]


@kernel
def fuse_images(found: Detections, plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fuse what the models found in each image.

    Returns:
        (M,) boxes an image, and the fused boxes in pixels (n, 4), scores (n,) and labels (n,), each image's by falling
        score.
    """
    images = len(found.sizes)
    counts = np.zeros(images, np.int64)
    room = 0
    for image in range(images):
        room += min(found.ends[image] - found.starts[image], plan.most)
    out_boxes, out_scores, out_labels = np.empty((room, 4)), np.empty(room), np.empty(room, np.int64)
    written = 0
    for image in range(images):
        first, end = found.starts[image], found.ends[image]
        boxes, scores, labels = found.shares[first:end], found.scores[first:end], found.labels[first:end]
        order = by_falling_score(scores)
        if plan.method == NMS:
            order = nms(boxes, scores, labels, order, plan.iou_thr)
        if plan.method != NMS or plan.decay_sigma > 0:
            boxes, scores, labels = fuse_classes(boxes, scores, found.models[first:end], labels, order, plan)
            order = by_falling_score(scores)
        width, height = found.sizes[image]
        first = written
        for row in order:
            if written - first == plan.most:
                break
            if scores[row] < plan.final_thr[labels[row]]:
                continue
            # An average in float32 may end a hair beyond the border that all its boxes lie on.
            x1, y1 = min(boxes[row, 0], plan.border), min(boxes[row, 1], plan.border)
            x2, y2 = min(boxes[row, 2], plan.border), min(boxes[row, 3], plan.border)
            out_boxes[written, 0], out_boxes[written, 1] = x1 * width, y1 * height
            out_boxes[written, 2], out_boxes[written, 3] = x2 * width, y2 * height
            out_scores[written], out_labels[written] = scores[row], labels[row]
            written += 1
        counts[image] = written - first
    return counts, out_boxes[:written].copy(), out_scores[:written].copy(), out_labels[:written].copy()
