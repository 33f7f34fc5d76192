"""The one exception that the command line turns into a one-line message, and the others that it knows the reason of."""

LONGEST = 500  # characters of a message


class LabelPolicyError(Exception):
    """Bad input, in words a user can act on.

    The message is one line: the file and place, what was found, what was expected, what to do.
    ``labelpolicy`` prints it after ``error:`` and exits with status 1.
    """


def one_line(error: BaseException) -> str | None:
    """What went wrong in one line of at most LONGEST characters; None for what only a fault of ours can cause."""
    text = " ".join(str(error).split())
    if isinstance(error, LabelPolicyError):
        message = text
    elif isinstance(error, OSError):
        message = f"{error.filename or 'file system'}: {error.strerror or text}"
    elif isinstance(error, MemoryError) or "allocate memory" in text or "out of memory" in text:
        message = f"not enough memory ({text or 'none is left'}): lower widths, batches or threads, or give more of it"
    elif isinstance(error, RecursionError):
        message = f"something is nested too deep ({text}): look at the file named last, and make it flatter"
    elif isinstance(error, (OverflowError, UnicodeError)):
        message = f"a value that cannot be stored ({text}): look for a huge number or for text that is no Unicode"
    else:
        return None
    return message if len(message) <= LONGEST else f"{message[: LONGEST - 160]} … {message[-150:]}"
