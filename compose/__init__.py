"""How the parts of the stack are put together: topology, configuration, start, readiness and end."""
