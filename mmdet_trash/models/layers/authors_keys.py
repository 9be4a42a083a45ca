from collections.abc import Mapping, MutableMapping
from typing import Any


def rename_keys(state_dict: MutableMapping[str, Any], prefix: str, names: Mapping[str, str]) -> None:
    """Rename a module's keys in place, so that a release's own weights load.

    Args:
        state_dict: keys to tensors.
        prefix: where the module stands in its model, `"neck."` say, or empty.
        names: the release's beginnings of a key, after the prefix, to ours.
    """
    for key in list(state_dict):
        for theirs, ours in names.items():
            if key.startswith(prefix + theirs):
                state_dict[prefix + ours + key[len(prefix + theirs) :]] = state_dict.pop(key)
                break
