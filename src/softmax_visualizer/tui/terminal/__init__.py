"""What stands between the app and the terminal; the only place for Textual's private parts."""
