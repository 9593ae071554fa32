"""What the service does, in plain Python: nouns, their rules, and the ports through which they reach the stores."""
