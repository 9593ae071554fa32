"""The HTTP interface: one blueprint a noun, JSON in and out, ids as strings of digits."""
