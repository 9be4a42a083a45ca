"""What a report says, in each language."""

from importlib.resources import files
from typing import Any

import yaml

LANGUAGES = ("en", "ko")


class Words:
    """The words of one language.

    Args:
        language: one of `LANGUAGES`.
    """

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"language {language!r} is unknown, one of {', '.join(LANGUAGES)} is right")
        self.language = language
        self.entries: dict[str, Any] = yaml.safe_load((files(__package__) / f"{language}.yaml").read_text("utf-8"))

    def __call__(self, key: str, **values: Any) -> str:
        """What stands under `a.b` for `key` `"a.b"`, with values put in.

        Raises:
            KeyError: when nothing stands there.
        """
        entry: Any = self.entries
        for name in key.split("."):
            entry = entry[name]
        return str(entry).format(**values)

    def name(self, group: str, name: str) -> str:
        """What stands under `group` for a name, or the name itself where nothing does, as for a model or a class."""
        return str(self.entries[group].get(name, name))

    def __contains__(self, key: str) -> bool:
        try:
            self(key)
        except (KeyError, TypeError):
            return False
        return True
