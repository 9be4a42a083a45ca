import pytest
import torch
from mmengine.structures import InstanceData
from torch.nn import functional as F

from mmdet_trash.models.dense_heads import EfficientDetHead

STRIDES = [8, 16, 32, 64, 128]
ANCHORS = {"type": "AnchorGenerator", "octave_base_scale": 4, "scales_per_octave": 3, "ratios": [1.0, 0.5, 2.0]}
TRAIN = {
    "assigner": {"type": "mmdet.MaxIoUAssigner", "pos_iou_thr": 0.5, "neg_iou_thr": 0.5, "min_pos_iou": 0},
    "sampler": {"type": "mmdet.PseudoSampler"},
    "allowed_border": -1,
    "pos_weight": -1,
}


def tiny(levels: int = 5, **options) -> EfficientDetHead:
    torch.manual_seed(0)
    return EfficientDetHead(
        **{
            "num_classes": 3,
            "in_channels": 6,
            "feat_channels": 8,
            "stacked_convs": 2,
            "anchor_generator": {**ANCHORS, "type": "mmdet.AnchorGenerator", "strides": STRIDES[:levels]},
            "loss_cls": {"type": "mmdet.FocalLoss", "use_sigmoid": True, "gamma": 1.5, "alpha": 0.25},
            "loss_bbox": {"type": "mmdet.SmoothL1Loss", "beta": 0.1, "loss_weight": 1.25},
            "train_cfg": TRAIN,
            **options,
        }
    )


def pyramid(levels: int = 5, side: int = 16) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, 6, side >> level, side >> level, generator=generator) for level in range(levels)]


def test_a_level_goes_through_shared_convolutions_and_its_own_norms():
    head = tiny().eval()
    for number, (name, value) in enumerate(head.named_buffers()):
        if "running" in name:  # each norm is another
            value.copy_(0.5 + torch.rand(value.shape, generator=torch.Generator().manual_seed(number)))
    outs = head(pyramid())
    for net, found in zip((head.cls_net, head.reg_net), outs, strict=True):
        for level, x in enumerate(pyramid()):
            for conv, norm in zip(net.convs[:2], net.norms[level], strict=True):
                x = F.conv2d(x, conv[0].weight, padding=1, groups=x.shape[1])
                x = F.conv2d(x, conv[1].weight)
                x = (x - norm.running_mean[:, None, None]) / (norm.running_var[:, None, None] + 1e-3).sqrt()
                x = x * x.sigmoid()
            x = F.conv2d(x, net.convs[2][0].weight, padding=1, groups=8)
            x = F.conv2d(x, net.convs[2][1].weight, net.convs[2][1].bias)
            torch.testing.assert_close(found[level], x)


def test_levels_add_norms_alone():
    def count(levels: int) -> int:
        return sum(parameter.numel() for parameter in tiny(levels).parameters())

    norms = 2 * 2 * 2 * 8  # nets, convolutions, scale and shift, channels
    assert count(5) - count(4) == count(4) - count(3) == norms


def test_there_are_nine_anchors_a_pixel_of_the_papers_shapes():
    boxes = tiny().prior_generator.base_anchors[0]
    sides = boxes[:, 2:] - boxes[:, :2]
    shapes = {(round(float(w / h), 1), round(float((w * h).sqrt() / 32), 2)) for w, h in sides}
    assert shapes == {(ratio, scale) for ratio in (1.0, 2.0, 0.5) for scale in (1.0, 1.26, 1.59)}
    scores, deltas = tiny()(pyramid())
    assert [tuple(s.shape) for s in scores] == [(2, 27, 16 >> level, 16 >> level) for level in range(5)]
    assert [d.shape[1] for d in deltas] == [36] * 5


def test_nearly_everything_is_background_at_first():
    head = tiny()
    head.init_weights()
    scores = torch.cat([s.flatten() for s in head.eval()(pyramid())[0]]).sigmoid().detach()
    assert scores.median().item() == pytest.approx(0.01, rel=0.2) and scores.max() < 0.1


def test_it_learns_a_box():
    head, maps = tiny(), pyramid()
    gts = [InstanceData(bboxes=torch.tensor([[20.0, 24.0, 70.0, 84.0]]), labels=torch.tensor([1])) for _ in range(2)]
    meta = [{"img_shape": (128, 128), "pad_shape": (128, 128)}] * 2
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    found = []
    for _ in range(20):
        losses = head.loss_by_feat(*head.train()(maps), gts, meta)
        loss = sum(sum(losses[key]) for key in ("loss_cls", "loss_bbox"))
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None for parameter in head.parameters())
        optimizer.step()
        found.append(loss.item())
    assert found[-1] < 0.5 * found[0]


def test_the_box_loss_is_the_releases_huber_loss():
    loss = tiny().loss_bbox
    error = torch.linspace(-0.5, 0.5, 40).reshape(10, 4)
    released = 50 * F.huber_loss(error, torch.zeros_like(error), delta=0.1, reduction="sum") / (4 * 7)
    torch.testing.assert_close(loss(error, torch.zeros_like(error), avg_factor=7), released)
