"""`python -m likestorm` is the command `likestorm`."""

from likestorm.cli import command

command()
