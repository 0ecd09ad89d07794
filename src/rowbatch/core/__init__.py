"""Values and pure decisions: no files, no network, no clock, no environment."""
