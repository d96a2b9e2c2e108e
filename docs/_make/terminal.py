r"""Draw a terminal's picture of what a command really printed, with Rich and without a web font.

    python docs/_make/terminal.py > docs/images/demo.svg

draws what the README says that ``make demo`` printed, and ``tests/docs/test_docs.py`` fails where
the picture says something else. Another command's output is captured first (this one with the
demo models, on an idle machine):

    cp examples/es-en.tsv build/ && cd build
    routelmt plan es-en.tsv --from es --to en --budget 0.0015 2>&1 | tee plan.txt
    python ../docs/_make/terminal.py plan.txt > ../docs/images/plan.svg \
      --command 'routelmt plan es-en.tsv --from es --to en --budget 0.0015'

A text goes in, an SVG comes out; nothing is run, and nothing is changed but lines that are longer
than the picture is wide, which are wrapped.
"""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

README = Path(__file__).resolve().parents[2] / "README.md"
DEMO = re.compile(r"^What `make demo` prints.*?\n```\n(.*?)^```", re.MULTILINE | re.DOTALL)
CLOSING_TABLE = "tier "


def demo() -> str:
    """Return what the README says that the demo printed, from the closing table on."""
    shown = DEMO.search(README.read_text("utf-8"))
    if shown is None:
        raise ValueError("README.md: no block after 'What `make demo` prints'")
    return beginning_at(shown[1], CLOSING_TABLE)


def beginning_at(text: str, first: str) -> str:
    """Return a text from the first line on that begins so; all of it for ''."""
    return text[f"\n{text}".index(f"\n{first}") :].rstrip()


def picture(command: str, text: str, width: int = 100) -> str:
    """Return an SVG of a prompt, a command and what it printed."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "green"), (command, "bold")))
    for line in text.splitlines():
        style = "bold cyan" if line.lstrip().startswith("router ") else ""
        console.print(Text(line, style=style))
    drawn = console.export_svg(title="routelmt", unique_id="routelmt")
    # Rich asks a web server for its font; whatever the reader's monospace is will do.
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)


def main() -> None:
    """Draw the README's demo, or a file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?", help="the README's demo if there is none")
    parser.add_argument("--begin", default="", help="the first line that is shown")
    parser.add_argument("--command", default="make demo")
    parser.add_argument("--width", type=int, default=100)
    arguments = parser.parse_args()
    text = demo()
    if arguments.file is not None:
        text = beginning_at(arguments.file.read_text("utf-8"), arguments.begin)
    print(picture(arguments.command, text, arguments.width), end="")


if __name__ == "__main__":
    main()
