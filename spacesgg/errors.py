"""The one exception whose message is meant for the user."""


class InputError(Exception):
    """Bad input: the message names the file, what was found, what was expected and what to do."""
