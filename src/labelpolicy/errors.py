"""The one exception that the command line turns into a one-line message."""


class LabelPolicyError(Exception):
    """Bad input, in words a user can act on.

    The message is one line: the file and place, what was found, what was expected, what to do.
    ``labelpolicy`` prints it after ``error:`` and exits with status 1.
    """
