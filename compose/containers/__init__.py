"""The stack in containers: the parts of compose/listing.py as services of a Compose file."""
