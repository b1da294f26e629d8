"""The exceptions that speak to the person at the keyboard: each message is one line that says what to do."""


class InputError(ValueError):
    """Input that cannot be used."""


class TrainingError(ArithmeticError):
    """Training that cannot go on: its numbers are no numbers any more."""
