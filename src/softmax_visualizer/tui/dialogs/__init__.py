"""Small screens over the board, and what is asked in them."""
