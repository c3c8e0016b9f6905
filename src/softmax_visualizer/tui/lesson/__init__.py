"""Lessons as they are played on the screen."""
