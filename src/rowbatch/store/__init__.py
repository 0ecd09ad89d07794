"""The run directory and its ledger: atomic files, locks, migrations. Knows no provider."""
