"""What an exception of somebody else's code says, as one line for a message."""


def reason(error: BaseException) -> str:
    """The first line of its text, or its kind where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
