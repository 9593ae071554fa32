"""Adapters: each speaks to one backing store within a deadline and raises errors.UnavailableError when that fails."""
