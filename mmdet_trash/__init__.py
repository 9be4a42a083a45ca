"""Trash detection on MMDetection 3.x: modules, configs, folds, fusion and submissions."""

__version__ = "0.1.0"
