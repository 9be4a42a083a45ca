"""Hooks that configs name."""

from mmdet_trash.engine.hooks.augmentation_hook import AugmentationHook
from mmdet_trash.engine.hooks.checkpoint_hook import CheckpointHook
from mmdet_trash.engine.hooks.class_balance_hook import ClassBalanceHook
from mmdet_trash.engine.hooks.self_adversarial_hook import SelfAdversarialHook

__all__ = ["AugmentationHook", "CheckpointHook", "ClassBalanceHook", "SelfAdversarialHook"]
