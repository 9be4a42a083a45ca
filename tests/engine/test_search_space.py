import argparse

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mmengine.config import Config
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from mmdet_trash.engine.arguments import CfgOptions
from mmdet_trash.engine.config import load_config
from mmdet_trash.engine.search_space import first_draw, option_text, parse_parameter, read_space, search_space
from mmdet_trash.errors import InputError
from tests.builders import ROOT

DEMO = ROOT / "configs" / "demo" / "cascade-rcnn_tiny.py"
LR = "optim_wrapper.optimizer.lr"
finite = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.sampled_from("abcXYZ_"), min_size=1).filter(
    lambda word: word.lower() not in ("true", "false", "none")
)
plain = (
    st.none() | st.booleans() | st.integers() | finite | words.filter(lambda word: not word.lower().startswith("nan"))
)
nested = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple))


def as_cfg_option(text):
    """What MMEngine's own `--cfg-options x=TEXT` reads."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cfg-options", nargs="+", action=CfgOptions)
    return parser.parse_args(["--cfg-options", f"x={text}"]).cfg_options["x"]


@given(nested)
def test_a_value_is_written_as_cfg_options_reads_it(value):
    read = as_cfg_option(option_text(value))
    assert repr(read) == repr(value)


@given(finite, finite, st.sampled_from(["float", "log"]))
def test_ranges_of_numbers_hold_what_was_written_or_are_refused(low, high, kind):
    right = low < high and (kind == "float" or low > 0)
    try:
        distribution = parse_parameter("x", f"{kind}:{low!r}:{high!r}").distribution
    except InputError:
        assert not right
    else:
        assert right
        assert distribution == FloatDistribution(low, high, log=kind == "log")


@given(st.integers(), st.integers())
def test_ranges_of_whole_numbers_hold_what_was_written_or_are_refused(low, high):
    try:
        distribution = parse_parameter("x", f"int:{low}:{high}").distribution
    except InputError:
        assert low >= high
    else:
        assert distribution == IntDistribution(low, high)


@given(st.lists(nested, min_size=2, max_size=4, unique_by=option_text))
def test_choices_are_the_values_that_cfg_options_would_give(values):
    texts = list(map(option_text, values))
    parameter = parse_parameter("x", "choice:" + ",".join(texts))
    assert parameter.distribution == CategoricalDistribution(tuple(texts))
    assert repr([parameter.value(text) for text in texts]) == repr(values)
    assert [parameter.drawn(value) for value in values] == texts


@given(st.builds("{}:{}".format, st.sampled_from(["float", "log", "int", "choice", "", "flaot"]), st.text()))
@example("choice:a],[b")
@example("choice:(1,2")
@example("choice:a,,b")
@example("choice:a,a")
@example("choice:a")
@example("choice:")
@example("float:1")
@example("float:nan:1")
@example("float:0:inf")
@example("int:1.5:3")
@example("int:1:2:3")
def test_any_text_is_read_or_refused(text):
    try:
        parameter = parse_parameter("model.x", text)
    except InputError as error:
        assert str(error).startswith(f"model.x={text}: ")
        assert "right" in str(error) or "bracket" in str(error) or "begins above 0" in str(error)
    else:
        drawn = parameter.distribution
        assert drawn.low < drawn.high if not parameter.choices else len(drawn.choices) > 1


def test_a_file_and_the_command_line_join(tmp_path):
    (tmp_path / "space.yaml").write_text(
        f"{LR}: log:1e-4:1e-2\nmodel.backbone.depth: [18, 34]\nimg: [[1, 2], '(3,4)', true]\n"
    )
    assert read_space(str(tmp_path / "space.yaml")) == {
        LR: "log:1e-4:1e-2",
        "model.backbone.depth": "choice:18,34",
        "img": "choice:[1,2],(3,4),True",
    }
    (tmp_path / "space.yaml").write_text(f"{LR}: log:1e-4:1e-2\n")
    cfg = load_config(str(DEMO))
    parameters = search_space(["train_dataloader.batch_size=int:1:9"], str(tmp_path / "space.yaml"), cfg)
    assert [parameter.field for parameter in parameters] == [LR, "train_dataloader.batch_size"]
    assert first_draw(parameters, cfg) == {LR: 1e-3, "train_dataloader.batch_size": 8}


@pytest.mark.parametrize("content", ["- a\n", "", "x: {a: 1}\n", "x: 3\n", "x: [1, 2\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content):
    (tmp_path / "space.yaml").write_text(content)
    with pytest.raises(InputError, match=r"space\.yaml: "):
        read_space(str(tmp_path / "space.yaml"))
    with pytest.raises(InputError, match="no such file"):
        read_space(str(tmp_path / "none.yaml"))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([], "nothing to search: --param FIELD=KIND:… or --space FILE is needed"),
        (["lr"], "--param lr: FIELD=KIND:… is right"),
        ([f"{LR}=float:0:1"] * 2, f"--param {LR}=float:0:1: {LR} is given twice"),
        (["optim_wraper.optimizer.lr=float:0:1"], f"did you mean '{LR}'?"),
        (["param_scheduler.1.eta_min_ration=float:0:1"], "did you mean 'param_scheduler.1.eta_min_ratio'?"),
        (["param_scheduler.2.end=int:1:9"], "is no field of the config"),
        # A variable of the file, which the data loaders hold a copy of.
        (["max_epochs=int:5:20"], "did you mean 'train_cfg.max_epochs'?"),
        (["train_pipeline.2.scale=choice:(1,1),(256,256)"], "did you mean 'train_dataloader.dataset.pipeline.2.scale'"),
        # MMEngine sets fields of a list's items, not the items themselves.
        (["model.neck.in_channels.3=int:60:256"], "did you mean 'model.neck.in_channels'?"),
    ],
)
def test_what_the_config_does_not_have_is_refused(params, message):
    with pytest.raises(InputError) as error:
        search_space(params, None, load_config(str(DEMO)))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("value", "text", "drawn"),
    [
        (0.5, "float:0:1", 0.5),
        (1, "float:0:1", 1.0),
        (3, "int:3:5", 3),
        ((256, 256), "choice:(128,128),(256,256)", "(256,256)"),
        ([1], "choice:[1],[2]", "[1]"),
        ("GN", "choice:BN,GN", "GN"),
        (None, "choice:None,1", "None"),
        (True, "choice:1,True", "True"),
        (2, "float:0:1", None),
        (True, "float:0:1", None),
        (3.5, "int:3:5", None),
        ("3", "int:3:5", None),
        ([256, 256], "choice:(128,128),(256,256)", None),
        ({"a": 1}, "choice:1,2", None),
        (float("nan"), "float:0:1", None),
    ],
)
def test_the_configs_own_value_is_drawn_first_or_the_range_is_refused(value, text, drawn):
    cfg = Config({"x": value})
    if drawn is None:
        with pytest.raises(InputError, match=r"x: the config's own value .* is tried first and is not in "):
            first_draw([parse_parameter("x", text)], cfg)
    else:
        first = first_draw([parse_parameter("x", text)], cfg)["x"]
        assert (first, type(first)) == (drawn, type(drawn))
        assert parse_parameter("x", text).value(first) == value
