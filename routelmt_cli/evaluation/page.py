"""One page about an evaluation: verdicts, curves, every figure, and where they come from.

Comparisons and facts go in, HTML text comes out. What always holds: the page is one file that
needs no script, no network and nothing beside it, and whatever text goes in is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from routelmt_cli.evaluation.comparison import Comparison
from routelmt_cli.evaluation.plot import svg
from routelmt_cli.evaluation.report import figure_rows, interval_line, title, verdict

_STYLE = """
body { font: 15px/1.5 sans-serif; color: #222 }
body { max-width: 84rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
svg { max-width: 100%; height: auto }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .8rem .2rem 0; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
thead th { border-bottom: 1px solid #888 }
tr.router { font-weight: bold } tr.oracle { color: #666 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem } dt { color: #666 }
dd { margin: 0; overflow-wrap: anywhere }
"""

_GLOSSARY = """
Each order spends the same budget p from its first segment on, ties in random order.
HitRate: the share of the truly best segments among its own best. MeanDelta: mean gain of what is
retranslated. lift: the part of the gain of retranslating everything. recovered: (order - random)
/ (true gain - random) at p. nAUC: the same for the area under the whole curve. severe: regressions
of {points:g} points or more among what is retranslated.
""".strip()


def page(
    heading: str,
    comparisons: Sequence[Comparison],
    facts: Mapping[str, str],
    remarks: Sequence[str] = (),
) -> str:
    """Write the page.

    Parameters
    ----------
    heading
        Its title.
    comparisons
        Of the same orderings, at least one.
    facts
        Provenance by name: router, corpus, metric, prices, versions.
    remarks
        What a reader should be warned of.

    Returns
    -------
    str
        HTML 5.
    """
    verdicts = [
        f"<li><b>{escape(title(one.budget))}</b>: {escape(verdict(one))}</li>"
        for one in comparisons
    ]
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(heading)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(heading)}</h1>",
        f"<ul>{''.join(verdicts)}</ul>",
        *(f"<p>Note: {escape(remark)}</p>" for remark in remarks),
        f'<div class="wide">{svg(comparisons)}</div>',
    ]
    for one in comparisons:
        parts.append(f"<h2>Budget: {escape(title(one.budget))}</h2>")
        parts += [_table(one), f"<p>{escape(interval_line(one))}</p>"]
    glossary = _GLOSSARY.format(points=-comparisons[0].severe)
    parts.append(f"<p>{escape(glossary)}</p><h2>Where this comes from</h2><dl>")
    parts += [f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items()]
    return "\n".join([*parts, "</dl></body></html>", ""])


def _table(comparison: Comparison) -> str:
    header, *rows = figure_rows(comparison)
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(
        f'<tr class="{row.kind}">{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>\n'
        for row, cells in zip(comparison.rows, rows, strict=True)
    )
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>'
        "</table></div>"
    )
