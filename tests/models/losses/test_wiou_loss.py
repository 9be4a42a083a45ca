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
