"""Rows of a table become request lines."""
