import mmdet.models.losses as theirs
import pytest
import torch
from mmengine.registry import DefaultScope
from torch import Tensor
from torch.nn import functional as F

from mmdet_trash.errors import InputError
from mmdet_trash.models.losses import CrossEntropyLoss, FocalLoss
from mmdet_trash.registry import MODELS

N, C = 40, 5
REDUCTIONS = [{}, {"reduction_override": "none"}, {"reduction_override": "sum"}, {"avg_factor": 7.0}]


@pytest.fixture
def drawn() -> tuple[Tensor, Tensor, Tensor]:
    """Logits (N, C + 1), labels (N,) of which C is the background, weights (N,)."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(N, C + 1, generator=generator, dtype=torch.double)
    labels = torch.randint(0, C + 1, (N,), generator=generator)
    return logits, labels, torch.rand(N, generator=generator, dtype=torch.double)


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "FocalLoss"])
def test_a_config_finds_ours_first(name):
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        assert type(MODELS.build({"type": name})).__module__.startswith("mmdet_trash.")
        assert type(MODELS.build({"type": f"mmdet.{name}"})).__module__.startswith("mmdet.")


# Cross entropy.


@pytest.mark.parametrize("use_sigmoid", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS, ids=str)
def test_without_smoothing_cross_entropy_is_mmdetections(drawn, use_sigmoid, reduction):
    logits, labels, weight = drawn
    logits = logits[:, :C] if use_sigmoid else logits
    options = {"use_sigmoid": use_sigmoid, "class_weight": [1.0 + i for i in range(logits.shape[1])]}
    found = CrossEntropyLoss(**options)(logits, labels, weight, **reduction)
    assert torch.equal(found, theirs.CrossEntropyLoss(**options)(logits, labels, weight, **reduction))


@pytest.mark.parametrize("class_weight", [None, [1.0, 2.0, 0.5, 3.0, 1.0, 0.1]])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_smoothing_of_a_softmax_is_pytorchs(drawn, share, class_weight):
    logits, labels, weight = drawn
    loss = CrossEntropyLoss(label_smoothing=share, class_weight=class_weight)
    of_class = None if class_weight is None else torch.tensor(class_weight, dtype=torch.double)
    expected = F.cross_entropy(logits, labels, of_class, label_smoothing=share, reduction="none")
    torch.testing.assert_close(loss(logits, labels, reduction_override="none"), expected)
    torch.testing.assert_close(loss(logits, labels, weight, avg_factor=7.0), (expected * weight).sum() / 7)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_smoothing_of_a_sigmoid_is_half_and_half(drawn, share):
    # MMDetection's labels and weights of a sigmoid are float32, whatever the logits are.
    labels, (logits, weight) = drawn[1], (each.float() for each in drawn[::2])
    logits = logits[:, :C]
    targets = torch.full((N, C), share / 2)
    for row, label in enumerate(labels.tolist()):
        if label < C:
            targets[row, label] = 1 - share / 2
    expected = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    loss = CrossEntropyLoss(use_sigmoid=True, label_smoothing=share)
    torch.testing.assert_close(loss(logits, labels, reduction_override="none"), expected)
    torch.testing.assert_close(loss(logits, labels, weight, avg_factor=7.0), (expected * weight[:, None]).sum() / 7)
    of_shares = loss(logits, F.one_hot(labels, C + 1)[:, :C].float(), weight, avg_factor=7.0)
    torch.testing.assert_close(of_shares, (expected * weight[:, None]).sum() / 7)


def test_smoothed_labels_pull_a_sure_answer_back():
    logits, label = torch.tensor([[9.0, 0, 0]]), torch.tensor([0])
    plain, smoothed = CrossEntropyLoss(), CrossEntropyLoss(label_smoothing=0.1)
    assert smoothed(logits, label) > plain(logits, label)
    (grad,) = torch.autograd.grad(smoothed(logits.requires_grad_(), label), logits)
    assert grad[0, 0] > 0


@pytest.mark.parametrize("share", [-0.1, 1, float("nan")])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(InputError, match=r"^label_smoothing: \S+ is given, 0 or more and below 1 is right$"):
        CrossEntropyLoss(label_smoothing=share)


@pytest.mark.parametrize("option", [{"use_mask": True}, {"ignore_index": 255}, {"avg_non_ignore": True}])
def test_masks_and_ignored_labels_are_not_smoothed(option):
    CrossEntropyLoss(**option)
    with pytest.raises(InputError, match="do not go with it"):
        CrossEntropyLoss(label_smoothing=0.1, **option)


@pytest.mark.parametrize(
    ("logits", "labels", "option"),
    [
        (torch.zeros(4, 3), torch.zeros(4, dtype=torch.long), {"ignore_index": 2}),
        (torch.zeros(4), torch.zeros(4), {}),
        (torch.zeros(4, 3, 2, 2), torch.zeros(4, 2, 2, dtype=torch.long), {}),
    ],
)
def test_smoothing_wants_logits_of_samples_and_classes(logits, labels, option):
    CrossEntropyLoss(use_sigmoid=logits.ndim == 1)(logits, labels, **option)
    with pytest.raises(InputError, match=r"^label_smoothing: logits .* are right$"):
        CrossEntropyLoss(label_smoothing=0.1, use_sigmoid=logits.ndim == 1)(logits, labels, **option)


# Focal loss.


@pytest.mark.parametrize("reduction", REDUCTIONS, ids=str)
def test_the_focal_loss_of_sigmoids_is_mmdetections(drawn, reduction):
    logits, labels, weight = drawn
    found = FocalLoss(gamma=1.5, alpha=0.3)(logits[:, :C], labels, weight, **reduction)
    expected = theirs.FocalLoss(gamma=1.5, alpha=0.3)(logits[:, :C], labels, weight, **reduction)
    assert torch.equal(found, expected)


@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, 0.25), (0.0, 0.5), (1.5, 0.7)])
def test_the_focal_loss_of_a_softmax_is_the_papers(drawn, gamma, alpha):
    logits, labels, weight = drawn
    probabilities = logits.softmax(1)
    expected = torch.stack(
        [
            -(alpha if label < C else 1 - alpha) * (1 - p[label]) ** gamma * p[label].log()
            for p, label in zip(probabilities, labels.tolist(), strict=True)
        ]
    )
    loss = FocalLoss(use_sigmoid=False, gamma=gamma, alpha=alpha, loss_weight=2.0)
    torch.testing.assert_close(loss(logits, labels, reduction_override="none"), 2 * expected)
    torch.testing.assert_close(loss(logits, labels, weight, avg_factor=7.0), 2 * (expected * weight).sum() / 7)
    assert torch.autograd.gradcheck(lambda x: loss(x, labels), logits.requires_grad_())


def test_a_focal_loss_that_focuses_on_nothing_is_half_a_cross_entropy(drawn):
    logits, labels, _ = drawn
    found = FocalLoss(use_sigmoid=False, gamma=0.0, alpha=0.5)(logits, labels)
    torch.testing.assert_close(found, F.cross_entropy(logits, labels) / 2)


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("use_sigmoid", [False, True])
def test_a_class_weight_is_a_factor_of_its_boxes(drawn, use_sigmoid, background):
    logits, labels, weight = drawn
    logits = logits[:, :C] if use_sigmoid else logits
    class_weight = [1.0, 2.0, 0.5, 3.0, 4.0] + ([0.1] if background else [])
    factor = torch.tensor([*class_weight[:C], 0.1 if background else 1.0], dtype=torch.double)[labels]
    plain, weighed = (FocalLoss(use_sigmoid, class_weight=each) for each in (None, class_weight))
    for own in (None, weight):
        expected = plain(logits, labels, factor if own is None else factor * own)
        torch.testing.assert_close(weighed(logits, labels, own), expected)


@pytest.mark.parametrize("shape", [(N, 1), (N, C), (N * C,)])
def test_weights_of_each_class_of_a_sample_stay_what_they_are(drawn, shape):
    logits, labels, _ = drawn
    weight, class_weight = torch.rand(shape, dtype=torch.double), torch.tensor([1.0, 2.0, 0.5, 3.0, 4.0, 1.0])
    expected = FocalLoss()(logits[:, :C], labels, reduction_override="none")
    expected = expected * weight.reshape(N, -1) * class_weight[labels, None]
    found = FocalLoss(class_weight=class_weight[:C].tolist())(logits[:, :C], labels, weight, reduction_override="none")
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_a_sure_answer_has_a_gradient_that_is_a_number(gamma):
    logits = torch.tensor([[100.0, 0, 0]], requires_grad=True)
    loss = FocalLoss(use_sigmoid=False, gamma=gamma)(logits, torch.tensor([0]))
    assert torch.isfinite(torch.autograd.grad(loss, logits)[0]).all()


@pytest.mark.parametrize("options", [{"use_sigmoid": False}, {"class_weight": [1.0] * C}])
def test_labels_that_are_one_hot_are_refused_where_they_say_too_little(drawn, options):
    with pytest.raises(InputError, match=r"^target: \(40, 5\) is given, labels \(N,\) are right$"):
        FocalLoss(**options)(drawn[0][:, :C], F.one_hot(drawn[1], C + 1)[:, :C])


def test_a_softmax_of_what_is_activated_is_refused():
    with pytest.raises(InputError, match=r"^activated: goes with use_sigmoid=True$"):
        FocalLoss(use_sigmoid=False, activated=True)
