"""What is told of a run afterwards: the report, the archive, and what came out when it was done again."""
