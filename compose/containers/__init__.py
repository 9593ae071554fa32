"""The stack in containers: the parts of compose/registry.py as services of a Compose file."""
