"""Result files become answers beside the rows that were asked."""
