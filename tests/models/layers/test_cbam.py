import numpy as np
import torch
from scipy.signal import correlate2d

from mmdet_trash.models.layers import CBAM


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_it_is_the_papers():
    torch.manual_seed(0)
    cbam = CBAM(8, ratio=4).double()
    x = torch.randn(2, 8, 9, 7, dtype=torch.float64)
    first, second = (cbam.channels[i].weight[:, :, 0, 0].detach().numpy() for i in (0, 2))
    kernel = cbam.places.weight[0].detach().numpy()
    for image, found in zip(x.numpy(), cbam(x).detach().numpy(), strict=True):
        pooled = (image.mean((1, 2)), image.max((1, 2)))
        refined = image * sigmoid(sum(second @ np.maximum(first @ p, 0) for p in pooled))[:, None, None]
        planes = (refined.mean(0), refined.max(0))
        places = sum(correlate2d(plane, k, mode="same") for plane, k in zip(planes, kernel, strict=True))
        np.testing.assert_allclose(found, refined * sigmoid(places), rtol=1e-10, atol=1e-12)


def test_it_takes_fewer_channels_than_its_ratio():
    assert CBAM(4)(torch.rand(1, 4, 3, 3)).shape == (1, 4, 3, 3)


def test_a_gradient_reaches_every_weight():
    cbam = CBAM(32)
    cbam(torch.randn(2, 32, 5, 5)).square().sum().backward()
    assert all(parameter.grad.any() for parameter in cbam.parameters())
