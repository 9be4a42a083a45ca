"""Errors that are the user's to mend."""


class InputError(ValueError):
    """Something read from outside is wrong.

    The message is one line: which file, which row or id, what is wrong and what would be right. The tools print it
    and exit with code 2.
    """
