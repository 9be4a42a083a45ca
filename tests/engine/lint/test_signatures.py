import torch

from mmdet_trash.engine.lint.signatures import accepted


class Base:
    def __init__(self, size, mode="x"):
        pass


class HandsOn(Base):
    def __init__(self, *args, depth=1, **kwargs):
        super().__init__(*args, **kwargs)


class ReadsSome(Base):
    def __init__(self, **kwargs):
        self.flag = kwargs.pop("flag", None)
        self.named = "mode" in kwargs and kwargs["mode"]
        super().__init__(**kwargs)


class Swallows(Base):
    def __init__(self, size, **kwargs):
        super().__init__(size)


class GivesElsewhere(Base):
    def __init__(self, size, **kwargs):
        super().__init__(size, **kwargs)
        self.inner = dict(kwargs)


class Inherits(HandsOn):
    pass


class Takes(Swallows):
    def __init__(self, own, **kwargs):
        super().__init__(**kwargs)


def function(a, *, b=1):
    return a, b


def test_arguments_are_those_of_the_class_and_of_what_it_hands_them_on_to():
    assert accepted(Base) == {"size", "mode"}
    assert accepted(HandsOn) == accepted(Inherits) == {"size", "mode", "depth"}
    assert accepted(ReadsSome) == {"size", "mode", "flag"}
    assert accepted(function) == {"a", "b"}


def test_nothing_is_said_of_a_class_that_may_take_anything():
    for kind in (Swallows, GivesElsewhere, Takes, dict):
        assert accepted(kind) is None


def test_libraries_are_read_as_well():
    assert "momentum" in accepted(torch.optim.SGD) and "momentum" not in accepted(torch.optim.AdamW)
    assert {"num_features", "momentum"} <= accepted(torch.nn.BatchNorm2d)
