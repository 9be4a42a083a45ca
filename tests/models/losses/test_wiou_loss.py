import pytest
import torch

from mmdet_trash.models.losses import WIoULoss, bbox_iou_loss
from tests.models.losses.pairs import placed


def test_wise_ious_focus_is_the_papers():
    pred, target = placed("random")
    iou_loss, first = bbox_iou_loss(pred, target, "iou"), bbox_iou_loss(pred, target, "wiou")
    beta = iou_loss / 0.4
    expected = {1: first, 2: beta**0.5 * first, 3: beta / (3 * 1.9 ** (beta - 3)) * first}
    for version, loss in expected.items():
        module = WIoULoss(reduction="none", version=version).eval()
        if version > 1:
            module.mean_loss.fill_(0.4)
        torch.testing.assert_close(module(pred, target), loss, check_dtype=False)


def test_in_version_3_the_focus_is_1_at_delta_and_most_for_the_ordinary():
    module = WIoULoss(reduction="none").eval()
    module.mean_loss.fill_(0.25)
    pred = torch.tensor([[0, 0, 10, height] for height in (2.5, 6, 9.75)])
    target = torch.tensor([[0.0, 0, 10, 10]]).expand(3, 4)
    focus = module(pred, target) / bbox_iou_loss(pred, target, "wiou")
    assert focus[0].item() == pytest.approx(1)  # 1 - IoU is 0.75, three times the mean
    assert focus[1] > focus[0] > focus[2]


def test_the_running_mean_moves_in_training_alone_and_by_what_has_weight():
    pred, target = placed("random")
    weight = torch.zeros(100)
    weight[:10], weight[10:20] = 1, 3
    module = WIoULoss(momentum=0.25)
    module.eval()(pred, target)
    assert module.mean_loss == 1
    module.train()(pred, target, torch.zeros(100))
    assert module.mean_loss == 1
    module(pred[:0], target[:0])
    assert module.mean_loss == 1
    module(pred, target, weight)
    loss = bbox_iou_loss(pred, target, "iou")
    expected = 0.75 + 0.25 * (loss[:10].sum() + 3 * loss[10:20].sum()) / 40
    assert module.mean_loss.item() == pytest.approx(expected.item())
    again = WIoULoss()
    again.load_state_dict(module.state_dict())
    assert again.mean_loss == module.mean_loss


@pytest.mark.parametrize("version", [2, 3])
def test_the_focus_is_without_gradient(version):
    pred, target = placed("random")
    pred.requires_grad_()
    module = WIoULoss(reduction="none", momentum=0.5, version=version)
    loss, first = module(pred, target), bbox_iou_loss(pred, target, "wiou")
    expected = torch.autograd.grad(((loss / first).detach() * first).sum(), pred)
    torch.testing.assert_close(torch.autograd.grad(loss.sum(), pred), expected)
    assert not module.mean_loss.requires_grad


@pytest.mark.parametrize("version", [2, 3])
def test_one_bad_batch_does_not_stay_in_the_mean(version):
    pred, target = (boxes.float() for boxes in placed("random"))
    module = WIoULoss(version=version, momentum=0.5)
    bad = pred.clone()
    bad[0], bad[1] = float("nan"), float("inf")
    module(bad, target)
    expected = 0.5 + 0.5 * bbox_iou_loss(pred[2:], target[2:], "iou").mean()
    torch.testing.assert_close(module.mean_loss, expected)
    module(torch.full_like(pred, float("nan")), target)
    torch.testing.assert_close(module.mean_loss, expected)
    assert torch.isfinite(module(pred, target))


@pytest.mark.parametrize("version", [2, 3])
def test_boxes_that_fit_give_a_number_though_rounding_has_them_above_an_iou_of_1(version):
    pred = torch.tensor([[0.5930206179618835, 0.5183804631233215, 75.47850799560547, 6.476627826690674]])
    target = torch.tensor([[0.5930202603340149, 0.5183802247047424, 75.47850799560547, 6.476628303527832]])
    for module in (WIoULoss(version=version), WIoULoss(version=version, momentum=1.0)):
        assert module(pred, target).abs() < 1e-5
        assert torch.isfinite(module(pred, target))


def test_weights_of_half_precision_and_with_a_gradient_are_taken_as_numbers():
    pred, target = (boxes.float() for boxes in placed("random", count=70_000))
    module = WIoULoss(momentum=1.0)
    weight = torch.ones(70_000, dtype=torch.half, requires_grad=True)
    for _ in range(2):
        module(pred, target, weight).backward()
    torch.testing.assert_close(module.mean_loss, bbox_iou_loss(pred, target, "iou").mean())
    module(pred, target, torch.zeros(70_000, dtype=torch.half))
    assert torch.isfinite(module.mean_loss)
