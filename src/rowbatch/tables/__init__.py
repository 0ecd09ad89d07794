"""Table formats in and out, in columnar chunks. Knows no codebook and no provider."""
