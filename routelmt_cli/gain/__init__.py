"""The router: labels, training, prediction, guard and the bundle of plain files that holds them.

Features and scores go in, predicted gains and output lengths come out. This room runs no
translator and spends nothing.
"""
