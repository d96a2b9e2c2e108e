"""Numbers about a segment: source, draft and decoding, in one schema with names and a version.

Texts, token statistics and a label-free background of the corpus go in, a float32 matrix with one
row a segment comes out. This room knows neither gain nor budget nor any translator.
"""
