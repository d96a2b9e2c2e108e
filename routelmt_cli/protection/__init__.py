"""What must come through a translation unchanged: found, put behind markers, put back, checked.

Texts go in, texts come out. The room knows no model, money or file.
"""
