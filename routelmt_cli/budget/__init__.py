"""Money, prices and the knapsack: what a run may spend and what it should buy with it.

Pure functions on integers and arrays. Nothing here reads a file, knows a model or a corpus, or
spends anything; the ledger belongs to ``run``.
"""
