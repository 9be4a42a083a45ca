from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from mmengine.model import BaseModule
from mmengine.utils.dl_utils.parrots_wrapper import _BatchNorm
from torch import Tensor, float32

from mmdet_trash.errors import InputError
from mmdet_trash.registry import MODELS

STEMS = ("embeddings", "embedder")
STAGES = ("stages", "layers", "layer")
"""What the families call their parts."""


@MODELS.register_module()
class HuggingFaceBackbone(BaseModule):
    """A backbone of Hugging Face's `transformers`: ConvNeXt, Swin, ResNet, DINOv2 and what else its `AutoBackbone` has.

    Pretrained weights are those of `init_cfg=dict(type="Pretrained", checkpoint=...)`: a folder as `save_pretrained`
    writes it, or a name on the hub. They may be a classifier's; what a backbone has no use for is left out.

    Args:
        config: of the model: its `model_type`, such as `"convnext"`, and what differs from that type's defaults. Or a
            folder or a name on the hub to take it from, which needs that to be at hand even without its weights.
        out_indices: which stages come out. Of ConvNeXt, Swin and ResNet, stage i has stride `4 * 2**i`; a plain
            transformer's, such as DINOv2's, are its layers, all of one stride.
        frozen_stages: how many of stem (0) and stages keep their weights: -1 for none.
        norm_eval: whether batch norms keep their statistics in training.
        init_cfg: the pretrained weights.

    Attributes:
        channels: of each map that comes out.

    Raises:
        InputError: when `transformers` is missing, has no such backbone or takes no such setting, or when weights are
            not at hand or are another model's.

    Example:
        >>> config = dict(model_type="convnext", hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1])
        >>> [tuple(m.shape) for m in HuggingFaceBackbone(config)(torch.zeros(1, 3, 64, 64))]
        [(1, 8, 16, 16), (1, 16, 8, 8), (1, 24, 4, 4), (1, 32, 2, 2)]
    """

    def __init__(
        self,
        config: dict[str, Any] | str,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        frozen_stages: int = -1,
        norm_eval: bool = False,
        init_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        transformers = _transformers()
        config = _config(transformers, config)
        stages = [name for name in getattr(config, "stage_names", ()) if name != "stem"]
        if wrong := [index for index in out_indices if not 0 <= index < len(stages)]:
            raise InputError(f"out_indices: {wrong[0]} is none of the {len(stages)} stages of {config.model_type}")
        with _one_line(config.model_type):
            config.out_features = [stages[index] for index in out_indices]
            self.model = transformers.AutoBackbone.from_config(config)
        self.channels: list[int] = self.model.channels
        self.frozen_stages, self.norm_eval = frozen_stages, norm_eval
        self._freeze()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Turn images (N, 3, H, W) into maps, one for each of `out_indices`."""
        return self.model(x).feature_maps

    def init_weights(self) -> None:
        """Load the pretrained weights, if there are any; the model has drawn its own when it was built."""
        if self.init_cfg:
            self._load(self.init_cfg["checkpoint"])
        self._is_init = True

    def train(self, mode: bool = True) -> "HuggingFaceBackbone":
        """Switch between training and inference; frozen stages and norms stay as they are."""
        super().train(mode)
        self._freeze()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _load(self, checkpoint: str) -> None:
        with _one_line(checkpoint):
            # AutoBackbone itself would ask the hub for a folder, too.
            loaded, report = type(self.model).from_pretrained(
                checkpoint,
                config=self.model.config,
                dtype=float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
        # A classifier has no norms of the maps that come out.
        missing = [key for key in report["missing_keys"] if "hidden_states_norms" not in key]
        if missing := sorted([*missing, *(key for key, *_ in report["mismatched_keys"])]):
            kind = self.model.config.model_type
            raise InputError(f"{checkpoint}: not the weights of this {kind}, it has no {missing[0]} of that shape")
        self.model.load_state_dict(loaded.state_dict())

    def _freeze(self) -> None:
        if self.frozen_stages < 0:
            return
        # Some wrap the whole model.
        body = self.model if hasattr(self.model, "encoder") else next(self.model.children())
        stems = [getattr(body, name) for name in STEMS if hasattr(body, name)]
        stages = [getattr(body.encoder, name) for name in STAGES if hasattr(body.encoder, name)]
        for part in [*stems, *stages[0][: self.frozen_stages]]:
            part.eval().requires_grad_(False)


def _transformers() -> ModuleType:
    """The package, which a run without such a backbone does not need."""
    try:
        import transformers
    except ImportError:
        raise InputError('HuggingFaceBackbone: needs transformers: pip install "mmdet-trash[transformers]"') from None
    # What matters of its reports is told in a line.
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def _config(transformers: ModuleType, given: dict[str, Any] | str) -> Any:
    """A model's configuration, of its class."""
    if isinstance(given, str):
        with _one_line(given):
            return transformers.AutoConfig.from_pretrained(given)
    settings = dict(given)
    kind = settings.pop("model_type", None)
    if kind not in transformers.CONFIG_MAPPING:
        raise InputError(f"config: model_type {kind!r} is none of transformers {transformers.__version__}")
    with _one_line("config"):
        defaults = transformers.AutoConfig.for_model(kind)
        if unknown := [key for key in settings if not hasattr(defaults, key)]:
            raise InputError(f"config: {kind} has no setting {unknown[0]!r}")
        # Some of its own defaults are tuples, which its models then add to lists.
        lists = {key: list(value) for key, value in vars(defaults).items() if isinstance(value, tuple)}
        return transformers.AutoConfig.for_model(kind, **{**lists, **settings})


@contextmanager
def _one_line(subject: str) -> Iterator[None]:
    """Turn what transformers refuses, or cannot find, into one line."""
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{subject}: no folder of a model, and the hub does not give it: {_first(error)}") from None
    except Exception as error:  # settings are checked in many ways
        raise InputError(f"{subject}: {_first(error)}") from None


def _first(error: Exception) -> str:
    """What an error says, in one line of 200 characters at most."""
    return " ".join(str(error).split())[:200]
