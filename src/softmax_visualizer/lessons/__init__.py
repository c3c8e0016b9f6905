"""Lesson files: what they may say, their steps, and what they expect to be true."""
