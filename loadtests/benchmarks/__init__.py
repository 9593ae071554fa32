"""Measurements of this project itself: the figures that the READMEs quote, and what a like costs."""
