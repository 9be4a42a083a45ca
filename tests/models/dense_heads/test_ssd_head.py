import torch
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope

from mmdet_trash.registry import MODELS

CLASSES = 3
SIDES = (3, 2, 1)


def small_head():
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        return MODELS.build(
            {
                "type": "SSDHead",
                "num_classes": CLASSES,
                "in_channels": (8, 8, 8),
                "anchor_generator": {
                    "type": "SSDAnchorGenerator",
                    "scale_major": False,
                    "input_size": 300,
                    "basesize_ratio_range": (0.2, 0.9),
                    "strides": [100, 150, 300],
                    "ratios": [[2], [2, 3], [2]],
                },
                "test_cfg": ConfigDict(nms_pre=1000, min_bbox_size=0, score_thr=0.0),
            }
        )


def test_it_predicts_the_softmax_of_every_anchor_without_the_background():
    torch.manual_seed(0)
    head = small_head().eval()
    scores, deltas = head([torch.randn(1, 8, side, side) for side in SIDES])
    deltas = [torch.zeros_like(delta) for delta in deltas]
    meta = {"img_shape": (300, 300), "scale_factor": (1.0, 1.0)}
    (found,) = head.predict_by_feat(scores, deltas, batch_img_metas=[meta], cfg=head.test_cfg, with_nms=False)

    logits = torch.cat([score.permute(0, 2, 3, 1).reshape(-1, CLASSES + 1) for score in scores])
    expected = logits.softmax(-1)[:, :CLASSES]
    assert torch.allclose(found.scores.sort().values, expected.flatten().sort().values)
    anchors = torch.cat(head.prior_generator.grid_priors([(side, side) for side in SIDES], device="cpu")).clamp(0, 300)
    best = found.scores.argmax()
    anchor, label = divmod(int(expected.argmax()), CLASSES)
    assert found.labels[best] == label
    assert torch.allclose(found.bboxes[best], anchors[anchor], atol=1e-4)
