"""The local OpenAI-compatible Batch server and its engines. Knows no runs and no codebooks."""
