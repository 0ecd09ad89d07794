"""The verbs of a run. Only here do its requests, its results, a provider and the ledger meet."""
