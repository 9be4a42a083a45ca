import doctest
import importlib
import pkgutil

import pytest
import torch

import mmdet_trash.models

MODULES = [info.name for info in pkgutil.walk_packages(mmdet_trash.models.__path__, "mmdet_trash.models.")]
FINDER = doctest.DocTestFinder()


def examples(name: str) -> list[doctest.DocTest]:
    module = importlib.import_module(name)
    return [found for found in FINDER.find(module, globs=dict(vars(module))) if found.examples]


@pytest.mark.parametrize("name", [name for name in MODULES if examples(name)])
def test_the_examples_in_docstrings_are_true(name):
    for example in examples(name):
        example.globs["torch"] = torch
        assert doctest.DocTestRunner().run(example).failed == 0, example.name


def test_there_are_examples():
    assert len([name for name in MODULES if examples(name)]) >= 5
