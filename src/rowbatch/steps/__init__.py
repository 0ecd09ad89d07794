"""The verbs. Only here do tables, providers and the store meet."""
