"""The one exception that speaks to the person at the keyboard."""


class InputError(ValueError):
    """Input that cannot be used: the message is one line that says what is wrong and what to do."""
