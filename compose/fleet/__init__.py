"""Actions on all machines of a fleet over ssh, and their outcomes."""
