"""YOLOv7's head: losses against the numbers of its release, predictions against formulas."""

import math

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from torch import Tensor
from torch.nn import functional as F

from mmdet_trash.errors import InputError
from mmdet_trash.models.dense_heads import YOLOv7Head, yolov7_head
from mmdet_trash.models.losses import bbox_iou_loss
from mmdet_trash.models.task_modules import Objects, match_by_simota
from mmdet_trash.registry import MODELS
from tests.models.golden import TOLERANCE, load_golden, relative_error, series

CLASSES = 10
HEIGHT, WIDTH = 128, 160
TEST = ConfigDict(score_thr=0.001, nms_pre=1000, nms={"type": "nms", "iou_threshold": 0.65}, max_per_img=300)
META = {"img_shape": (32, 32)}


def head_of(num_classes=CLASSES, **options) -> YOLOv7Head:
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        cfg = {"type": "YOLOv7Head", "num_classes": num_classes, "in_channels": [8, 8, 8], "test_cfg": TEST}
        head = MODELS.build({**cfg, **options})
        head.init_weights()
    return head


def preds_of(golden) -> list[Tensor]:
    """Raw predictions as the head gives them, to be learnt."""
    maps = series(golden, "pred").values()
    return [x.permute(0, 1, 4, 2, 3).flatten(1, 2).contiguous().requires_grad_() for x in maps]


def gts_of(golden) -> list[InstanceData]:
    """Each image's objects: targets are of image, class, and centre and sides as shares of the image's."""
    size = torch.tensor([WIDTH, HEIGHT])
    gts = []
    for image in range(2):
        _, labels, centre, sides = golden["targets"][golden["targets"][:, 0] == image].split([1, 1, 2, 2], 1)
        bboxes = torch.cat([(centre - sides / 2) * size, (centre + sides / 2) * size], 1)
        gts.append(InstanceData(bboxes=bboxes, labels=labels[:, 0].long()))
    return gts


def losses_of(head, preds, gts) -> dict[str, Tensor]:
    return head.loss_by_feat(preds, gts, [{}] * len(gts))


@pytest.fixture
def match_in_squares(monkeypatch):
    """SimOTA as in the release, which takes an image's height for its width too while it matches."""
    scale = torch.tensor([HEIGHT / WIDTH, 1, HEIGHT / WIDTH, 1])

    def match(candidates, objects, *args):
        return match_by_simota(candidates, Objects(objects.image, objects.bboxes * scale, objects.labels), *args)

    monkeypatch.setattr(yolov7_head, "match_by_simota", match)


@pytest.mark.parametrize(("matching", "name"), [("anchor_ratio", "yolov7_loss"), ("simota", "yolov7_loss_ota")])
def test_losses_and_gradients_are_the_releases(matching, name, match_in_squares):
    golden = load_golden(name)
    preds = preds_of(golden)
    losses = losses_of(head_of(matching=matching), preds, gts_of(golden))
    # The release's items are of one image, the loss of all.
    items = torch.stack([losses[key].detach() / 2 for key in ("loss_bbox", "loss_obj", "loss_cls")])
    torch.testing.assert_close(torch.cat([items, items.sum()[None]]), golden["items"], rtol=1e-5, atol=0)
    total = sum(losses.values())
    torch.testing.assert_close(total.detach()[None], golden["loss"], rtol=1e-5, atol=0)
    total.backward()
    for level, expected in series(golden, "grad").items():
        (found,) = head_of().by_anchor([preds[level].grad])
        assert relative_error(found, expected) < TOLERANCE


def test_wide_images_are_matched_by_their_width():
    """Where the release takes the height."""
    golden = load_golden("yolov7_loss_ota")
    head, preds, gts = head_of(), preds_of(golden), gts_of(golden)
    found = losses_of(head, preds, gts)
    assert abs(found["loss_bbox"].item() / 2 - float(golden["items"][0])) > 1e-3
    turned = [InstanceData(bboxes=gt.bboxes[:, [1, 0, 3, 2]], labels=gt.labels) for gt in gts]
    head.anchors = head.anchors.flip(-1)
    maps = [x.transpose(2, 3).unflatten(1, (3, -1))[:, :, [1, 0, 3, 2, *range(4, 15)]].flatten(1, 2) for x in preds]
    for name, value in losses_of(head, maps, turned).items():
        torch.testing.assert_close(value, found[name], msg=name)


@pytest.fixture
def step():
    """A head's random predictions for two images, one without objects, and its matches."""
    generator = torch.Generator().manual_seed(1)
    preds = [torch.randn(2, 45, HEIGHT // s, WIDTH // s, generator=generator) for s in (8, 16, 32)]
    bboxes = torch.tensor([[10.0, 12, 60, 50], [40, 30, 90, 60], [0, 0, 160, 128]])
    gts = [InstanceData(bboxes=bboxes, labels=torch.tensor([1, 4, 9]))]
    gts.append(InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0).long()))
    return preds, gts


def pairs_of(head, preds, gts):
    objects = Objects.of_images([gt.bboxes for gt in gts], [gt.labels for gt in gts])
    levels = head.by_anchor(preds)
    matches = head.match(levels, objects)
    return levels, matches, objects


def mean_of_levels(values, matches):
    """The sum of each level's mean."""
    return sum(values[matches.level == level].mean() for level in matches.level.unique())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_classes_learn_binary_cross_entropy_with_smoothed_labels(smoothing, step):
    preds, gts = step
    binary = {"type": "CrossEntropyLoss", "use_sigmoid": True, "label_smoothing": smoothing, "loss_weight": 0.3}
    head = head_of(loss_cls=binary, matching="anchor_ratio")
    levels, matches, objects = pairs_of(head, preds, gts)
    raw = torch.stack([levels[i][n, a, y, x, 5:] for i, n, a, y, x, _ in zip(*matches.columns, strict=True)])
    target = F.one_hot(objects.labels[matches.target], CLASSES) * (1 - smoothing) + smoothing / 2
    expected = mean_of_levels(F.binary_cross_entropy_with_logits(raw, target, reduction="none").mean(1), matches)
    torch.testing.assert_close(losses_of(head, preds, gts)["loss_cls"], 2 * 0.3 * expected)


def test_objectness_learns_the_ciou_where_matched_and_zero_elsewhere(step):
    preds, gts = step
    head = head_of(matching="anchor_ratio", level_weights=(3.0, 2.0, 1.0))
    levels, matches, objects = pairs_of(head, preds, gts)
    boxes = decoded_by_level(head, preds)
    expected = 0.0
    for level, (raw, weight) in enumerate(zip(levels, (3.0, 2.0, 1.0), strict=True)):
        target = torch.zeros(raw.shape[:-1])
        own = matches[matches.level == level]
        for n, a, y, x, t in zip(*own.columns[1:], strict=True):
            ciou = 1 - bbox_iou_loss(boxes[level][n, a, y, x][None], objects.bboxes[t][None], "ciou")
            target[n, a, y, x] = ciou.clamp(min=0)
        expected += weight * F.binary_cross_entropy_with_logits(raw[..., 4], target)
    torch.testing.assert_close(losses_of(head, preds, gts)["loss_obj"], 2 * 0.7 * expected)


def decoded_by_level(head, preds):
    """Each level's boxes (N, anchors, H, W, 4), xyxy."""
    levels = head.by_anchor(preds)
    sizes = [level[..., 0].numel() // len(level) for level in levels]
    parts = head.decode(preds)[..., :4].split(sizes, 1)
    found = []
    for part, level in zip(parts, levels, strict=True):
        centre, sides = part.reshape(*level.shape[:-1], 4).chunk(2, -1)
        found.append(torch.cat([centre - sides / 2, centre + sides / 2], -1))
    return found


def test_boxes_learn_each_levels_mean(step):
    preds, gts = step
    head = head_of(matching="anchor_ratio", loss_bbox={"type": "GIoULoss", "loss_weight": 0.5})
    _, matches, objects = pairs_of(head, preds, gts)
    boxes = decoded_by_level(head, preds)
    pred = torch.stack([boxes[i][n, a, y, x] for i, n, a, y, x, _ in zip(*matches.columns, strict=True)])
    expected = mean_of_levels(bbox_iou_loss(pred, objects.bboxes[matches.target], "giou"), matches)
    torch.testing.assert_close(losses_of(head, preds, gts)["loss_bbox"], 2 * 0.5 * expected)


def test_classes_weigh_by_their_mean_whatever_their_number(step):
    preds, gts = step
    few = [x.unflatten(1, (3, -1))[:, :, [*range(7), 9, 14]].flatten(1, 2) for x in preds]  # classes 1, 4 and 9 of ten
    gts = [InstanceData(bboxes=gt.bboxes, labels=torch.tensor([1, 2, 3])[: len(gt)]) for gt in gts]
    head = head_of(4, matching="anchor_ratio")
    levels, matches, objects = pairs_of(head, few, gts)
    raw = torch.stack([levels[i][n, a, y, x, 5:] for i, n, a, y, x, _ in zip(*matches.columns, strict=True)])
    target = F.one_hot(objects.labels[matches.target], 4).float()
    expected = mean_of_levels(F.binary_cross_entropy_with_logits(raw, target, reduction="none").mean(1), matches)
    torch.testing.assert_close(losses_of(head, few, gts)["loss_cls"], 2 * 0.3 * expected)


def test_anchors_of_another_ratio_are_matched_where_it_is_allowed(step):
    counts = [len(pairs_of(head_of(matching="anchor_ratio", ratio_thr=ratio), *step)[1]) for ratio in (1.5, 4.0, 9.0)]
    assert counts[0] < counts[1] < counts[2]


def test_weights_of_classes_count_in_focal_loss_too(step):
    preds, gts = step
    gts = [InstanceData(bboxes=gt.bboxes, labels=torch.full_like(gt.labels, 4)) for gt in gts]
    weights = [1.0] * CLASSES
    weights[4] = 3.0
    focal = {"type": "FocalLoss", "use_sigmoid": True}
    plain = losses_of(head_of(loss_cls=focal), preds, gts)["loss_cls"]
    weighted = losses_of(head_of(loss_cls={**focal, "class_weight": weights}), preds, gts)["loss_cls"]
    torch.testing.assert_close(weighted, 3 * plain)


def test_gains_follow_the_image_size_and_the_number_of_classes(step):
    plain, scaled = losses_of(head_of(), *step), losses_of(head_of(img_size=1280), *step)
    torch.testing.assert_close(scaled["loss_obj"], 4 * plain["loss_obj"])
    torch.testing.assert_close(scaled["loss_cls"], plain["loss_cls"] * CLASSES / 80)
    torch.testing.assert_close(scaled["loss_bbox"], plain["loss_bbox"])


def test_the_loss_is_summed_over_processes(step, monkeypatch):
    one = losses_of(head_of(), *step)
    monkeypatch.setattr(yolov7_head, "get_world_size", lambda: 3)
    for name, value in losses_of(head_of(), *step).items():
        torch.testing.assert_close(value, 3 * one[name])


@pytest.mark.parametrize("matching", ["simota", "anchor_ratio"])
@pytest.mark.parametrize("num_classes", [1, CLASSES])
def test_images_without_objects_teach_objectness_alone(matching, num_classes):
    head = head_of(num_classes, matching=matching)
    preds = [torch.randn(2, 3 * (5 + num_classes), s, s, requires_grad=True) for s in (8, 4, 2)]
    empty = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0).long())
    losses = losses_of(head, preds, [empty, empty])
    assert losses.pop("loss_obj") > 0
    assert all(value == 0 for value in losses.values()) and ("loss_cls" in losses) == (num_classes > 1)
    sum(losses_of(head, preds, [empty, empty]).values()).backward()
    assert all(torch.isfinite(x.grad).all() for x in preds)


def test_focal_loss_may_take_the_place_of_cross_entropy(step):
    focal = {"type": "FocalLoss", "use_sigmoid": True, "gamma": 1.5, "alpha": 0.25}
    preds, gts = step
    head = head_of(matching="anchor_ratio", loss_cls=focal, loss_obj=focal)
    levels, matches, objects = pairs_of(head, preds, gts)
    raw = torch.stack([levels[i][n, a, y, x, 5:] for i, n, a, y, x, _ in zip(*matches.columns, strict=True)])
    hot = F.one_hot(objects.labels[matches.target], CLASSES).float()
    missed = (hot - raw.sigmoid()).abs()
    alpha = torch.where(hot > 0, 0.25, 0.75)
    loss = F.binary_cross_entropy_with_logits(raw, hot, reduction="none") * alpha * missed**1.5
    found = losses_of(head, preds, gts)
    torch.testing.assert_close(found["loss_cls"], 2 * mean_of_levels(loss.mean(1), matches))
    assert torch.isfinite(found["loss_obj"])


def test_in_half_precision_boxes_are_as_in_single(step):
    preds, gts = step
    half = [x.half() for x in preds]
    found, expected = losses_of(head_of(), half, gts), losses_of(head_of(), [x.float() for x in half], gts)
    assert torch.equal(found["loss_bbox"], expected["loss_bbox"])
    assert all(torch.isfinite(value) for value in found.values())


def test_a_box_is_decoded_by_the_formula():
    head = head_of()
    raw = torch.zeros(1, 45, 4, 4)
    by_anchor = head.by_anchor([raw])[0]
    by_anchor[0, 1, 2, 3] = torch.tensor([0.3, -0.7, 0.1, -0.2, 2.0, *[-1.0] * 9, 1.5])
    box = head.decode([raw, torch.zeros(1, 45, 2, 2), torch.zeros(1, 45, 1, 1)])[0, 16 + 2 * 4 + 3]

    def sigmoid(t):
        return 1 / (1 + math.exp(-t))

    anchor = yolov7_head.ANCHORS[0][1]
    expected = [(2 * sigmoid(0.3) - 0.5 + 3) * 8, (2 * sigmoid(-0.7) - 0.5 + 2) * 8]
    expected += [(2 * sigmoid(0.1)) ** 2 * anchor[0], (2 * sigmoid(-0.2)) ** 2 * anchor[1]]
    expected += [sigmoid(2.0), *[sigmoid(-1.0)] * 9, sigmoid(1.5)]
    torch.testing.assert_close(box, torch.tensor(expected))


def test_decoding_is_in_single_precision_whatever_the_maps_are():
    preds = [torch.randn(1, 45, s, s).half() for s in (160, 80, 40)]
    found, expected = head_of().decode(preds), head_of().decode([x.float() for x in preds])
    assert found.dtype == torch.float32 and torch.equal(found, expected)


def one_box(scores: dict[int, float], objectness: float) -> list[Tensor]:
    """Predictions of one box at cell (1, 1) of the finest level, of class scores, and of nothing else."""
    preds = [torch.full((1, 45, s, s), -20.0) for s in (4, 2, 1)]
    by_anchor = preds[0].view(1, 3, 15, 4, 4)
    by_anchor[0, 0, :4, 1, 1] = 0
    by_anchor[0, 0, 4, 1, 1] = math.log(objectness / (1 - objectness))
    for label, score in scores.items():
        by_anchor[0, 0, 5 + label, 1, 1] = math.log(score / (1 - score))
    return preds


@pytest.mark.parametrize(("multi_label", "labels"), [(True, [7, 2]), (False, [7])])
def test_a_box_counts_for_each_class_or_for_its_best(multi_label, labels):
    (found,) = head_of().predict_by_feat(
        one_box({2: 0.5, 7: 0.8}, 0.5), [META], ConfigDict({**TEST, "multi_label": multi_label})
    )
    assert found.labels.tolist() == labels
    torch.testing.assert_close(found.scores, torch.tensor([0.4, 0.25])[: len(labels)])
    torch.testing.assert_close(found.bboxes, torch.tensor([[6.0, 4, 18, 20]] * len(labels)))


def test_boxes_are_those_of_the_original_image():
    meta = {**META, "scale_factor": (0.5, 2.0)}
    (found,) = head_of().predict_by_feat(one_box({2: 0.5}, 0.5), [meta], rescale=True)
    torch.testing.assert_close(found.bboxes, torch.tensor([[12.0, 2, 36, 10]]))


def test_boxes_are_cut_at_the_border_of_the_image():
    (found,) = head_of().predict_by_feat(one_box({2: 0.5}, 0.5), [{"img_shape": (16, 14)}])
    torch.testing.assert_close(found.bboxes, torch.tensor([[6.0, 4, 14, 16]]))


def test_a_single_class_scores_by_objectness():
    preds = [torch.full((1, 18, s, s), -20.0) for s in (4, 2, 1)]
    preds[0].view(1, 3, 6, 4, 4)[0, 0, 4, 1, 1] = 0
    (found,) = head_of(num_classes=1).predict_by_feat(preds, [META])
    assert found.labels.tolist() == [0]
    torch.testing.assert_close(found.scores, torch.tensor([0.5]))


def test_what_is_below_the_threshold_or_too_much_is_left_out():
    preds = [torch.randn(2, 45, s, s) for s in (16, 8, 4)]
    cfg = ConfigDict({**TEST, "score_thr": 0.2, "max_per_img": 7})
    for found in head_of().predict_by_feat(preds, [META] * 2, cfg):
        assert len(found) == 7 and (found.scores > 0.2).all()
    cfg.score_thr = 1.0
    assert [len(found) for found in head_of().predict_by_feat(preds, [META] * 2, cfg)] == [0, 0]


def test_a_box_whose_best_class_is_below_the_threshold_is_left_out():
    cfg = ConfigDict({**TEST, "multi_label": False, "score_thr": 0.3})
    (found,) = head_of().predict_by_feat(one_box({2: 0.5}, 0.5), [META], cfg)
    assert len(found) == 0


def test_so_many_are_kept_before_suppression_and_all_without_a_limit():
    preds = [torch.randn(1, 45, s, s) for s in (8, 4, 2)]
    lengths = []
    for nms_pre in (5, -1, 10**6):
        cfg = ConfigDict(score_thr=0.05, nms_pre=nms_pre, nms={"type": "nms", "iou_threshold": 1.0}, max_per_img=10**6)
        lengths.append(len(head_of().predict_by_feat(preds, [{"img_shape": (64, 64)}], cfg)[0]))
    assert lengths[0] == 5 < lengths[1] == lengths[2]


def test_of_a_single_class_what_is_decoded_scores_by_objectness():
    preds = [torch.randn(1, 18, s, s) for s in (4, 2, 1)]
    assert (head_of(num_classes=1).decode(preds)[..., 5] == 1).all()


def test_it_begins_with_few_objects():
    """About eight a level in an image of 640 px, each of a class in 0.6 of the number of classes."""
    head = head_of()
    maps = [torch.zeros(1, 8, 640 // s, 640 // s) for s in (8, 16, 32)]
    for raw in head.by_anchor(head(maps)[0]):
        objects = raw[..., 4].sigmoid().sum().item() / head.num_anchors
        assert objects == pytest.approx(8, rel=0.5)
        assert raw[..., 5:].sigmoid().mean().item() == pytest.approx(0.06, rel=0.5)


def test_weights_that_init_cfg_names_are_loaded_and_stay(tmp_path):
    expected = {key: torch.randn_like(value) for key, value in head_of().state_dict().items()}
    torch.save({"state_dict": expected}, tmp_path / "head.pth")
    found = head_of(init_cfg={"type": "Pretrained", "checkpoint": str(tmp_path / "head.pth")}).state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in found.items())


def test_arguments_that_do_not_fit_are_one_line():
    with pytest.raises(InputError, match="loss_cls: is of a softmax, use_sigmoid=True is right"):
        head_of(loss_cls={"type": "CrossEntropyLoss"})
    with pytest.raises(InputError, match=r"ratio_thr: 0\.5 is given, above 1 is right"):
        head_of(ratio_thr=0.5)
    for anchors in ([[1, 2]] * 3, [[(1, 2)], [(3, 4), (5, 6)], [(7, 8)]]):
        with pytest.raises(InputError, match="as many pairs of width and height a level are right"):
            head_of(anchors=anchors)
    with pytest.raises(InputError, match="matching: 'x' is unknown, one of simota, anchor_ratio is right"):
        head_of(matching="x")
    with pytest.raises(InputError, match="anchors are of 3 levels, in_channels of 3, strides of 2, level_weights of 3"):
        head_of(strides=[8, 16])
