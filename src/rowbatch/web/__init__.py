"""The web app: pages over `rowbatch.api`, served on this computer only."""
