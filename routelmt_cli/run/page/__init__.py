"""The page of a run, ``report.html``: one file that needs no network and runs no stranger's script.

``data`` gathers values from a run, ``text`` and ``charts`` shape them, ``render`` puts them into
the template. Everything that a corpus, a card or a file's name holds is text there, never markup.
"""
