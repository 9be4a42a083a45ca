"""AugFPN in lower precision, compiled, traced and exported."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmdet_trash.models.necks import AugFPN
from tests.models.necks.necks import IN_CHANNELS, backbone_maps, with_random_weights

KINDS = {
    "two stages": {},
    "one stage": {"start_level": 1, "add_extra_convs": "on_input", "rfa_to_extra": True},
    "no ratios": {"pool_ratios": ()},
}
SIZE = (200, 330)
"""Of the image: the top map is 7x11, which is pooled to 1x1, 1x2 and 2x3, so that most cells overlap."""


@pytest.fixture(params=KINDS)
def neck(request) -> AugFPN:
    return with_random_weights(AugFPN(IN_CHANNELS, 8, 5, **KINDS[request.param]))


@pytest.fixture
def inputs() -> list[Tensor]:
    return backbone_maps(*SIZE)


def check_close(found: tuple[Tensor, ...], expected: tuple[Tensor, ...], tolerance: float) -> None:
    """Check that maps differ by no more than a share of the largest number in them."""
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        bound = tolerance * theirs.abs().max().item()
        torch.testing.assert_close(ours.float(), theirs, rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_stays_half_and_has_gradients(neck, inputs, dtype):
    expected = neck(inputs)
    neck.to(dtype)
    outs = neck([feature.to(dtype) for feature in inputs])
    assert {out.dtype for out in outs} == {dtype}
    check_close(outs, expected, 0.05)
    sum(out.float().mean() for out in outs).backward()
    used = {name: parameter.grad for name, parameter in neck.named_parameters()}
    assert all(grad is not None and torch.isfinite(grad).all() and grad.any() for grad in used.values())


def test_autocast_keeps_the_weights_and_their_gradients_in_float32(neck, inputs):
    expected = neck(inputs)
    with torch.autocast("cpu", torch.bfloat16):
        outs = neck(inputs)
    assert {out.dtype for out in outs} == {torch.bfloat16}
    check_close(outs, expected, 0.05)
    sum(out.float().mean() for out in outs).backward()
    assert {parameter.grad.dtype for parameter in neck.parameters()} == {torch.float32}


class OfMaps(nn.Module):
    """A neck that takes its maps one by one, as traced and exported modules do."""

    def __init__(self, neck: AugFPN) -> None:
        super().__init__()
        self.neck = neck

    def forward(self, *maps: Tensor) -> tuple[Tensor, ...]:
        return self.neck(maps)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_trace_gives_the_same(neck, inputs):
    traced = torch.jit.trace(OfMaps(neck), tuple(inputs))
    others = backbone_maps(*SIZE, seed=1)
    check_close(traced(*others), neck(others), 1e-6)


@pytest.mark.slow
def test_compiled_as_one_graph_it_gives_the_same_with_gradients(neck, inputs):
    torch.compiler.reset()
    compiled = torch.compile(neck, backend="aot_eager", fullgraph=True)
    leaves = [feature.requires_grad_() for feature in inputs[1:]]
    outs, expected = compiled([inputs[0], *leaves]), neck([inputs[0], *leaves])
    check_close(outs, expected, 1e-6)
    grads, expected_grads = (
        torch.autograd.grad(sum(out.square().sum() for out in pyramid), leaves) for pyramid in (outs, expected)
    )
    check_close(grads, expected_grads, 1e-5)


@pytest.mark.slow
def test_compiled_by_the_default_backend_it_gives_the_same(inputs):
    torch.compiler.reset()
    neck = with_random_weights(AugFPN(IN_CHANNELS, 8, 3, start_level=2)).eval()
    with torch.no_grad():
        check_close(torch.compile(neck, fullgraph=True)(inputs), neck(inputs), 1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_exported_to_onnx_it_gives_the_same(neck, inputs, tmp_path):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    path = tmp_path / "neck.onnx"
    torch.onnx.export(OfMaps(neck).eval(), tuple(inputs), path, dynamo=True, verbose=False)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {node.name: feature.numpy() for node, feature in zip(session.get_inputs(), inputs, strict=True)}
    found = tuple(torch.from_numpy(np.asarray(out)) for out in session.run(None, feeds))
    check_close(found, neck(inputs), 1e-4)
