"""The Textual app: screens, widgets, styles. It draws decodings, and decides nothing about probabilities."""
