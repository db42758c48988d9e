"""The protocol: what may be said to MemOS and what it answers. Values only; nothing here waits or touches a network."""
