"""The tools, each usable alone: they need no run, no key and no network."""
