"""Values and pure decisions: the same input gives the same output. No files, network, clock or environment."""
