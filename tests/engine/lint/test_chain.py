"""The chain is what MMEngine makes of it, and each value's place is where it was written."""

import pytest

from mmdet_trash.engine.config import load_config
from mmdet_trash.engine.lint import Chain, Loader, Refused
from mmdet_trash.engine.lint.finding import walk
from mmdet_trash.engine.lint.places import Traced
from mmdet_trash.engine.lint.report import tree_lines, value_lines
from mmdet_trash.errors import InputError
from tests.builders import ROOT
from tests.engine.lint.texts import CASCADE, CONFIGS

WHOLE = sorted(path for path in CONFIGS.rglob("*.py") if "_base_" not in path.parts)


@pytest.fixture
def chain(tmp_path):
    """Write files of a config, the last being the config itself, and read them."""

    def read(**texts: str) -> Chain:
        for name, text in texts.items():
            (tmp_path / f"{name}.py").write_text(text)
        return Chain(Loader().load(str(tmp_path / f"{name}.py")))

    return read


def places(chain: Chain, *path) -> list[str]:
    """The file and line of a value, and of those it took the place of."""
    place = chain.place(path)
    return [f"{each.file.rpartition('/')[2]}:{each.line}" for each in (place, *place.over)]


@pytest.mark.slow
def test_every_config_is_merged_as_mmengine_merges_it():
    loader = Loader()
    for path in WHOLE:
        chain = Chain(loader.load(str(path)))
        assert chain.cfg.to_dict() == load_config(str(path)).to_dict(), path
        assert all(isinstance(node, Traced) for _, node in walk(chain.cfg))


def test_options_are_merged_as_mmengine_merges_them(loader):
    options = {
        "optim_wrapper.optimizer.lr": 0.1,
        "param_scheduler.1.end": 9,
        "model.neck": {"type": "AugFPN"},
        "new.a": 1,
    }
    chain = Chain(loader.load(str(CASCADE)), options)
    assert chain.cfg.to_dict() == load_config(str(CASCADE), options).to_dict()
    assert str(chain.place(("optim_wrapper", "optimizer", "lr"))) == "--cfg-options"
    assert places(chain, "model", "neck", "num_outs") == ["resnet50_fpn.py:21"]


def test_a_value_is_where_its_key_is(chain):
    read = chain(
        base="a = dict(\n    b=dict(\n        c=1,\n        d=[dict(e=2)],\n    ),\n)\n",
        mine='_base_ = "./base.py"\n\na = dict(b=dict(c=3))\nx = {\n    "y": {"z": 4},\n}\n',
    )
    assert places(read, "a", "b", "c") == ["mine.py:3", "base.py:3"]
    assert places(read, "a", "b", "d", 0, "e") == ["base.py:4"]
    assert places(read, "x", "y", "z") == ["mine.py:5"]
    assert places(read, "a", "b", "none") == ["mine.py:3"], "what encloses it"


def test_what_is_taken_from_a_base_keeps_its_place(chain):
    read = chain(
        base="head = dict(\n    type='A',\n    size=1,\n)\n",
        mine=(
            '_base_ = "./base.py"\nheads = [dict(_base_.head, size=n) for n in (1, 2)]\nsame = {{_base_.head}}\n'
            'spread = {\n    **_base_.head,\n    "size": 5,\n}\n'
        ),
    )
    assert places(read, "heads", 1, "type") == ["base.py:2"]
    assert places(read, "heads", 1, "size") == ["mine.py:2", "base.py:3"]
    assert places(read, "same", "size") == ["base.py:3"]
    assert places(read, "spread", "type") == ["base.py:2"]
    assert places(read, "spread", "size") == ["mine.py:6", "base.py:3"]


def test_what_is_changed_later_is_where_it_was_changed(chain):
    read = chain(
        base="a = dict(b=1)\n",
        mine='_base_ = "./base.py"\nc = dict(d=1, e=[1])\nc["d"] = 2\nc["e"].append(3)\n_base_.a.b = 4\n',
    )
    assert read.cfg.to_dict() == {"a": {"b": 4}, "c": {"d": 2, "e": [1, 3]}}
    assert places(read, "c", "d") == ["mine.py:3", "mine.py:2"]
    assert places(read, "a", "b") == ["mine.py:5", "base.py:1"]


@pytest.mark.parametrize(
    "text",
    [
        "own = dict(b=dict(c=1))\nown.update(b=dict(d=2))",
        "own = {'b': {'c': 1}}\nown.update({'b': {key: 2 for key in 'de'}}, f=3)",
        "own = _base_.a\nown.update(dict(b=dict(d=2)))",
        "own = dict(_base_.a)\nown.update(b={key: 2 for key in 'de'})",
        "own = _base_.a\nown.update(b={key: 2 for key in 'de'})",
        "from copy import deepcopy\nown = deepcopy(_base_.a)\nother = deepcopy(own)\nother['b']['c'] = 3",
        "own = dict([('x', 1)], **_base_.a.b)\nother = own.copy()\nother.setdefault('y', own)\nown.pop('x')",
        "own = [dict(a=1)] * 2\nown[0]['a'] = 2\nother = dict(*[_base_.a])",
        "import os\ndef helper():\n    return dict(a=1)\nown = helper() | {'b': 2}",
        "own = {**_base_.a, 'b': dict(n=1), **dict(m=2)}",
        "a = {'b': 5, '_delete_': True}\nown = {1: 'one', (2, 3): {'x': None}}",
    ],
)
def test_dicts_are_what_python_and_mmengine_make_of_them(chain, tmp_path, text):
    read = chain(base="a = dict(b=dict(c=1))\n", mine=f'_base_ = "./base.py"\n{text}\n')
    assert read.cfg.to_dict() == load_config(str(tmp_path / "mine.py")).to_dict()


def test_deleting_leaves_nothing_of_a_base(chain):
    read = chain(base="a = dict(b=1, c=2)\n", mine='_base_ = "./base.py"\na = dict(\n    _delete_=True,\n    b=3,\n)\n')
    assert read.cfg.to_dict() == {"a": {"b": 3}}
    assert list(value_lines(read, "a")) == [f"a.b = 3  # {read.place(('a', 'b'))}, over {read.place(('a',)).over[0]}"]


def test_files_and_values_are_shown(loader, monkeypatch):
    monkeypatch.chdir(ROOT)
    chain = Chain(loader.load("configs/cascade_rcnn/cascade-rcnn_r50_augfpn_1x_trash.py"), {"model.neck.num_outs": 6})
    lines = list(tree_lines(chain.file))
    assert lines[:4] == [
        "configs/cascade_rcnn/cascade-rcnn_r50_augfpn_1x_trash.py",
        "    configs/cascade_rcnn/cascade-rcnn_r50_fpn_1x_trash.py",
        "        configs/_base_/models/cascade-rcnn_r50_fpn.py",
        "            configs/_base_/models/resnet50_fpn.py",
    ]
    neck = dict(line.split(" = ") for line in value_lines(chain, "model.neck"))
    assert neck["model.neck.type"] == (
        "'AugFPN'  # configs/cascade_rcnn/cascade-rcnn_r50_augfpn_1x_trash.py:5, "
        "over configs/_base_/models/resnet50_fpn.py:21"
    )
    assert neck["model.neck.num_outs"] == "6  # --cfg-options, over configs/_base_/models/resnet50_fpn.py:21"
    assert list(value_lines(chain, "param_scheduler.1.gamma")) == [
        "param_scheduler.1.gamma = 0.1  # configs/_base_/schedules/schedule_1x.py:14"
    ]
    shown = [line.split(" = ")[0] for line in value_lines(chain)]
    assert len(shown) == len(set(shown)) > 150
    with pytest.raises(InputError, match=r"has no 'nek'; 'neck' is the nearest there is"):
        list(value_lines(chain, "model.nek.type"))


def test_a_base_that_two_files_share_is_shown_once_in_the_order_of_merging(chain):
    read = chain(one="a = 1\n", two='_base_ = "./one.py"\nb = 2\n', mine='_base_ = ["./two.py"]\nc = 3\n')
    assert [file.path.rpartition("/")[2] for file in read.file.chain()] == ["one.py", "two.py", "mine.py"]
    assert read.age(read.place(("a",))) < read.age(read.place(("c",)))


def test_names_that_python_may_not_merge_are_refused(chain):
    with pytest.raises(Refused, match=r"mine\.py:1: .*one\.py:1 and .*two\.py:2 both define 'a'"):
        chain(one="a = 1\n", two="b = 1\na = 2\n", mine='_base_ = ["./one.py", "./two.py"]\n')


@pytest.mark.parametrize(
    "text", ["from mmengine.config import read_base\nwith read_base():\n    from .base import *\n", None]
)
def test_what_is_not_a_config_with_bases_is_one_line(tmp_path, text):
    path = tmp_path / ("mine.py" if text else "mine.yaml")
    path.write_text(text or "a: 1\n")
    with pytest.raises(InputError, match="is not looked into; a config in Python with _base_"):
        Loader().load(str(path))
