"""The regions of the screen, from top to bottom: each is a function of the scene."""
