"""Hooks that configs name."""

from mmdet_trash.engine.hooks.checkpoint_hook import CheckpointHook

__all__ = ["CheckpointHook"]
