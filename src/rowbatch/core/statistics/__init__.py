"""
Numbers that a reviewer believes: agreement of coders, quality against gold, estimates corrected for a
    model's errors.

Pure functions over values in arrays of numpy: no tables, no pages, no clock, and no randomness without a
seed. A module is a family. What was said is counted first (`patterns`), so that a million rows take as long
as the few ways in which coders can differ.
"""
