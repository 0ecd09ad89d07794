"""One module per provider: its wire format, its limits, its calls. Knows no ledger and no run directory."""
