"""A small classifier that learns a model's labels of a sample of texts, to label the rest of a table."""
