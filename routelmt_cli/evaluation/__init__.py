"""How good an ordering of segments is: metrics, baselines, curves, comparisons, pictures.

Works on arrays of scores, gains and costs, one row a segment, and knows no router, no corpus and
no file. What is true of every figure: it is deterministic, and ties favour nobody.
"""
