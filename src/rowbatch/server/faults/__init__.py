"""A Batch server that misbehaves on purpose: what can go wrong, when it does, and how."""
