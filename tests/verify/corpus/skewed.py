"""Importing this spoils a generator: its workers' wall clocks are a quarter of a second ahead of the leading one's."""

import sys
import time

from tests.verify.corpus.visitors import Visitor

_real_time = time.time

if "--worker" in sys.argv:
    time.time = lambda: _real_time() + 0.25


class Skewed(Visitor):
    """As any visitor."""

    abstract = True
