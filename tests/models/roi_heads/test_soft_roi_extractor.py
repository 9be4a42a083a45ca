import copy

import pytest
import torch
from mmcv.ops import RoIAlign
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from torch import Tensor, nn

from mmdet_trash.errors import InputError
from mmdet_trash.models.roi_heads.roi_extractors import SoftRoIExtractor
from mmdet_trash.registry import MODELS
from tests.models.golden import TOLERANCE, load_golden, params, relative_error, series
from tests.models.plain import channel_fusion, gradients_agree, spatial_fusion

STRIDES = [4, 8, 16, 32]
FUSIONS = ["asf", "acf", "sum", "max"]
LEARNT = {"asf": spatial_fusion, "acf": channel_fusion}


def roi_layer(size: int = 7) -> dict:
    return {"type": "RoIAlign", "output_size": size, "sampling_ratio": 2, "aligned": False}


def extractor(fusion: str = "asf", strides=STRIDES, channels: int = 8, size: int = 7) -> SoftRoIExtractor:
    torch.manual_seed(0)
    extract = SoftRoIExtractor(roi_layer(size), channels, strides, fusion)
    extract.init_weights()
    return extract


def feats(strides=STRIDES, channels: int = 8, images: int = 2, side: int = 128) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(images, channels, side // stride, side // stride, generator=generator) for stride in strides]


def random_rois(count: int = 9, images: int = 2, side: int = 128) -> Tensor:
    """Of every size up to the image's, on images in turn."""
    generator = torch.Generator().manual_seed(1)
    corners = (torch.rand(count, 2, 2, generator=generator) * side).sort(1).values.flatten(1)
    return torch.cat([(torch.arange(count) % images)[:, None], corners], 1)


def aligned(maps: list[Tensor], rois: Tensor, strides=STRIDES, size: int = 7) -> list[Tensor]:
    """The RoIs' features from each level, by mmcv's operator itself."""
    return [RoIAlign(size, 1 / stride, 2, "avg", False)(feat, rois) for feat, stride in zip(maps, strides, strict=True)]


def golden_errors(extract: SoftRoIExtractor, golden: dict[str, Tensor]) -> dict[str, float]:
    """How far the features and their gradients are from the file's, by their name there."""
    maps = {i: feat.requires_grad_() for i, feat in series(golden, "feat").items()}
    out = extract(list(maps.values()), golden["rois"])
    out.square().sum().backward()
    found = {"out": out} | {f"grad_feat{i}": feat.grad for i, feat in maps.items()}
    return {key: relative_error(value, golden[key]) for key, value in found.items()}


def golden_extractor() -> tuple[SoftRoIExtractor, dict[str, Tensor]]:
    golden = load_golden("soft_roi_selection")
    extract = extractor(channels=12, strides=golden["strides"].tolist())
    extract.load_state_dict(params(golden), strict=True)
    return extract, golden


def test_features_and_gradients_are_the_releases():
    errors = golden_errors(*golden_extractor())
    assert len(errors) == 5 and max(errors.values()) <= TOLERANCE, errors


@pytest.mark.parametrize("key", ["fusion.squeeze.weight", "fusion.attention.bias"])
def test_the_releases_numbers_tell_a_weight_that_is_a_little_off(key):
    extract, golden = golden_extractor()
    extract.state_dict()[key].view(-1)[0] += 0.01
    assert max(golden_errors(extract, golden).values()) > TOLERANCE


@pytest.mark.parametrize("fusion", FUSIONS)
def test_gradients_are_those_of_finite_differences(fusion):
    extract = extractor(fusion, strides=[4, 8], channels=4, size=2)
    rois = torch.tensor([[0, 3.1, 2.3, 20.7, 14.9], [1, 1.2, 5.6, 12.3, 23.4]], dtype=torch.double)
    maps = feats([4, 8], channels=4, side=24)
    assert gradients_agree(extract, maps, lambda leaves: extract(leaves, rois))


@pytest.mark.parametrize("fusion", LEARNT)
def test_learnt_fusions_weigh_every_levels_roi_features(fusion):
    extract, maps, rois = extractor(fusion), feats(), random_rois()
    state = {key.removeprefix("fusion."): value for key, value in extract.state_dict().items()}
    torch.testing.assert_close(extract(maps, rois), LEARNT[fusion](state, aligned(maps, rois)))


def test_the_others_are_the_sum_and_the_maximum_of_them():
    maps, rois = feats(), random_rois()
    each = torch.stack(aligned(maps, rois))
    torch.testing.assert_close(extractor("sum")(maps, rois), each.sum(0))
    torch.testing.assert_close(extractor("max")(maps, rois), each.amax(0))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_no_rois_give_no_features_and_gradients_of_zero(fusion):
    extract = extractor(fusion)
    maps = [feat.requires_grad_() for feat in feats()]
    out = extract(maps, torch.zeros(0, 5))
    assert out.shape == (0, 8, 7, 7)
    out.sum().backward()
    assert all(tensor.grad is not None and not tensor.grad.any() for tensor in (*maps, *extract.parameters()))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_one_level_will_do(fusion):
    maps, rois = feats([8]), random_rois()
    out = extractor(fusion, strides=[8])(maps, rois)
    (only,) = aligned(maps, rois, [8])
    if fusion in LEARNT:
        assert ((out / only - 0.5).abs() < 0.5).all(), "one map is weighed between 0 and 1"
    else:
        torch.testing.assert_close(out, only)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_scale_enlarges_the_rois_about_their_centres(fusion):
    extract, maps, rois = extractor(fusion), feats(), random_rois()
    image, x1, y1, x2, y2 = rois.T
    grow_x, grow_y = (x2 - x1) * 0.25, (y2 - y1) * 0.25
    enlarged = torch.stack([image, x1 - grow_x, y1 - grow_y, x2 + grow_x, y2 + grow_y], 1)
    torch.testing.assert_close(extract(maps, rois, 1.5), extract(maps, enlarged), rtol=1e-4, atol=1e-4)
    before = rois.clone()
    extract(maps, rois, 1.5)
    assert torch.equal(rois, before)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_rois_features_are_its_own_affair(fusion):
    extract, maps, rois = extractor(fusion), feats(), random_rois()
    out = extract(maps, rois)
    order = torch.randperm(len(rois), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(extract(maps, rois[order]), out[order])
    torch.testing.assert_close(extract(maps, rois[4:5]), out[4:5])


def test_rois_are_of_the_image_that_they_name():
    extract, maps, rois = extractor(), feats(), random_rois()
    second = rois[rois[:, 0] == 1]
    alone = torch.cat([torch.zeros(len(second), 1), second[:, 1:]], 1)
    out = extract(maps, second)
    torch.testing.assert_close(out, extract([feat[1:] for feat in maps], alone))
    assert not torch.allclose(out, extract([feat[:1] for feat in maps], alone))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_masks_want_larger_features(fusion):
    maps, rois = feats(), random_rois()
    out = extractor(fusion, size=14)(maps, rois)
    assert out.shape == (len(rois), 8, 14, 14)
    if fusion == "sum":
        torch.testing.assert_close(out, torch.stack(aligned(maps, rois, size=14)).sum(0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_stays_half(dtype):
    extract, maps, rois = extractor("asf"), feats(), random_rois()
    expected = extract(maps, rois)
    with torch.autocast("cpu", dtype):
        out = extract(maps, rois)
    torch.testing.assert_close(out.float(), expected, rtol=0, atol=0.05 * expected.abs().max().item())


def test_state_dict_keys_are_the_fusions():
    convs = [f"fusion.{conv}.{part}" for conv in ("squeeze", "attention") for part in ("weight", "bias")]
    assert [list(extractor(fusion).state_dict()) for fusion in FUSIONS] == [convs, convs, [], []]


def test_the_authors_keys_load_inside_a_model():
    model = nn.ModuleDict({"bbox": extractor(), "mask": extractor()})
    theirs = {}
    for i, (key, value) in enumerate(model.state_dict().items()):
        key = key.replace("fusion.squeeze", "spatial_attention_conv.0")
        theirs[key.replace("fusion.attention", "spatial_attention_conv.2")] = torch.full_like(value, i)
    before = dict(theirs)
    model.load_state_dict(theirs, strict=True)
    assert [int(value.flatten()[0]) for value in model.state_dict().values()] == list(range(8))
    assert theirs == before, "what was given to load is left as it is"


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_copy_is_equal(fusion):
    extract, maps, rois = extractor(fusion), feats(), random_rois()
    assert torch.equal(copy.deepcopy(extract)(maps, rois), extract(maps, rois))


def test_a_config_builds_it_as_it_does_mmdetections():
    cfg = {"roi_layer": roi_layer(), "out_channels": 8, "featmap_strides": STRIDES}
    extract = MODELS.build({"type": "mmdet_trash.SoftRoIExtractor", **cfg})
    assert type(extract) is SoftRoIExtractor and list(extract.state_dict())
    single = SingleRoIExtractor(**cfg)
    assert extract.num_inputs == single.num_inputs == 4
    assert extract.out_channels == single.out_channels == 8
    assert extract(feats(), random_rois()).shape == single(feats(), random_rois()).shape


def test_an_unknown_fusion_is_one_line():
    with pytest.raises(InputError, match=r"^fusion: 'mean' is unknown") as error:
        extractor("mean")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("strides", [[8, 4], [4, 8, 8], [4, 16, 8]])
def test_strides_that_do_not_rise_are_one_line(strides):
    with pytest.raises(InputError, match=r"^featmap_strides: ") as error:
        extractor(strides=strides)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda maps: maps[:-1], "featmap_strides"),
        (lambda maps: [*maps, maps[-1]], "featmap_strides"),
        (lambda maps: [], "featmap_strides"),
        (lambda maps: maps[::-1], "feats"),
        (lambda maps: [maps[0], maps[2], maps[1], maps[3]], "feats"),
    ],
)
@pytest.mark.parametrize("rois", [random_rois(), torch.zeros(0, 5)], ids=["rois", "no rois"])
def test_levels_that_are_not_those_of_the_strides_are_one_line(change, named, rois):
    with pytest.raises(InputError, match=f"^{named}: ") as error:
        extractor()(change(feats()), rois)
    assert "\n" not in str(error.value)


def test_levels_of_another_width_are_one_line():
    with pytest.raises(InputError, match=r"^out_channels: 8 is stated") as error:
        extractor("sum")([*feats()[:3], feats(channels=6)[3]], random_rois())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_features_can_be_viewed_as_a_head_may(fusion):
    assert extractor(fusion)(feats(), random_rois()).is_contiguous()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_without_a_roi_the_operator_is_left_alone(fusion, monkeypatch):
    """On a GPU mmcv's fails for none."""

    def refuse(*_):
        raise AssertionError("the operator was called without a RoI")

    extract, maps = extractor(fusion), [feat.requires_grad_() for feat in feats()]
    for layer in extract.roi_layers:
        monkeypatch.setattr(layer, "forward", refuse)
    extract(maps, random_rois(0)).sum().backward()
    assert all(feat.grad is not None and not feat.grad.any() for feat in maps)


def test_it_has_as_many_parameters_as_the_paper_says():
    extract = SoftRoIExtractor(roi_layer(), 256, STRIDES)
    assert sum(parameter.numel() for parameter in extract.parameters()) == pytest.approx(0.27e6, abs=0.005e6)
