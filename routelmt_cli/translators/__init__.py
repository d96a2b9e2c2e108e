"""Sources to hypotheses: model cards, weights, prompts and the translators that run them.

A translator knows nothing of gain or budget; it counts tokens, decodes, and reports usage.
"""
