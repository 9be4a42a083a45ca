"""Checkpoints that survive a full disk and a kill at any moment."""

from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process, master_only
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook as _CheckpointHook
from mmengine.runner import Runner

from mmdet_trash.errors import InputError
from mmdet_trash.files import atomic_write
from mmdet_trash.registry import HOOKS


class AtomicLocalBackend(LocalBackend):
    """Local files that are written whole or not at all."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        with atomic_write(filepath, "wb") as file:
            file.write(obj)


register_backend("atomic_local", AtomicLocalBackend, force=True)


class _DeferredRemoval(LocalBackend):
    """Removes a file only when told that what replaces it is safe."""

    def __init__(self) -> None:
        super().__init__()
        self.doomed: list[str] = []

    def remove(self, filepath: str | Path) -> None:
        self.doomed.append(str(filepath))

    def flush(self, keep: set[str | None]) -> None:
        for path in self.doomed:
            if path not in keep:
                Path(path).unlink(missing_ok=True)
        self.doomed.clear()


@HOOKS.register_module()
class CheckpointHook(_CheckpointHook):
    """MMEngine's `CheckpointHook`, which never removes a checkpoint before the next one is whole on the disk.

    Theirs removes the old file first and writes the new one in place: a full disk or a kill between the two leaves
    neither. Beside the `epoch_N.pth` it leaves `last.pth`, a link to the newest one.

    Args:
        **kwargs: as for MMEngine's; files are local.

    Raises:
        InputError: when `backend_args` names another place than local files.
    """

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get("backend_args"):
            raise InputError("CheckpointHook: backend_args names another place; checkpoints are local files here")
        super().__init__(**{**kwargs, "backend_args": {"backend": "atomic_local"}})

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        self.file_backend = _DeferredRemoval()
        if is_main_process():
            for half_written in Path(self.out_dir).glob(".*.pth.*"):
                half_written.unlink()

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        super()._save_checkpoint_with_step(runner, step, meta)
        self._replace_older()

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        super()._save_best_checkpoint(runner, metrics)
        self._replace_older()

    @master_only
    def _replace_older(self) -> None:
        """Point `last.pth` at the newest checkpoint, then remove what it and the best one replace."""
        if self.last_ckpt is not None:  # None when a validation comes before the first checkpoint
            last = Path(self.last_ckpt)
            link = last.with_name(".last.pth")
            link.unlink(missing_ok=True)
            link.symlink_to(last.name)
            link.replace(last.with_name("last.pth"))
        self.file_backend.flush(keep={self.last_ckpt, getattr(self, "best_ckpt_path", None)})
