"""Bugsink, the embedded error tracker."""
