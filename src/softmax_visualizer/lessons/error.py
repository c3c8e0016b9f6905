"""What is said about a lesson that cannot be used."""


class LessonError(ValueError):
    """A lesson that is not there or not usable; its text says what is wrong, where, and what is allowed."""
