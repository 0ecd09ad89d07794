"""
Exports of programs as the tables that their users see: surveys, annotation tools, archives of social media.

One module each, on top of the readers of `rowbatch.tables`.
"""
