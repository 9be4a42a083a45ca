"""Hooks that configs name."""

from mmdet_trash.engine.hooks.checkpoint_hook import CheckpointHook
from mmdet_trash.engine.hooks.class_balance_hook import ClassBalanceHook

__all__ = ["CheckpointHook", "ClassBalanceHook"]
