"""One command on all machines: hosts reached by ssh, what is done on each, and what came of it."""
