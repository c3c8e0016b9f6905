"""See what temperature and top-p do to a language model's next token, live, in a terminal."""

__version__ = "0.1.0"
