"""Files that appear whole under a name, in a folder or on object storage: the one way to both."""
