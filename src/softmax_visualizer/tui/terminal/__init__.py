"""What is written to the terminal, and how: the only place for Textual's private parts."""
