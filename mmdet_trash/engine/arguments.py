"""The command line that training and testing share."""

import argparse
from typing import Any

from mmengine.config import Config, DictAction

from mmdet_trash.engine.config import load_config, set_data_root, set_fold
from mmdet_trash.errors import InputError


class CfgOptions(DictAction):
    """MMEngine's `KEY=VALUE` options, with a mistake told in one line."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        for value in values:
            if "=" not in value:
                parser.error(f"{option_string} {value}: KEY=VALUE is right")
        super().__call__(parser, namespace, values, option_string)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what runs on what data: config, data root, overrides."""
    parser.add_argument("config", help="config file")
    parser.add_argument("--data-root", help="folder of train.json, test.json and the images")
    parser.add_argument("--cfg-options", nargs="+", action=CfgOptions, metavar="KEY=VALUE", help="override the config")


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of one run: those of the config, the fold, the launcher."""
    add_config_arguments(parser)
    parser.add_argument("--folds-dir", help="folder of train_fold{k}.json and val_fold{k}.json")
    parser.add_argument("--fold", type=int, help="which fold of --folds-dir to validate on")
    parser.add_argument("--launcher", choices=["none", "pytorch", "slurm", "mpi"], default="none")
    # What torch's older launcher passes; the rank is read from the environment.
    parser.add_argument("--local-rank", "--local_rank", type=int, default=0, help=argparse.SUPPRESS)


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say how to train."""
    parser.add_argument("--amp", action="store_true", help="mixed precision, on a GPU")
    parser.add_argument("--from-scratch", action="store_true", help="load no initial weights")


def config_of(args: argparse.Namespace, fold_parts: tuple[str, ...] = ("train", "val")) -> Config:
    """The config that the arguments name, on the data that they name.

    Raises:
        InputError: when one of them does not fit.
    """
    if (args.folds_dir is None) != (args.fold is None):
        raise InputError("--folds-dir and --fold go together")
    cfg = load_config(args.config, args.cfg_options)
    set_data_root(cfg, args.data_root)
    if args.fold is not None:
        set_fold(cfg, args.folds_dir, args.fold, fold_parts)
    return cfg
