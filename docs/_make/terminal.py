"""Draw a terminal's picture of what a command printed, with Rich and without a web font.

make demo 2>&1 | tee demo.txt
python docs/_make/terminal.py demo.txt --from 'tier ' > docs/images/demo.svg
"""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text


def picture(command: str, text: str, width: int) -> str:
    """Return an SVG of a prompt, a command and what it printed."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "green"), (command, "bold")))
    for line in text.splitlines():
        style = "bold cyan" if line.lstrip().startswith("router ") else ""
        console.print(Text(line, style=style), soft_wrap=True)
    drawn = console.export_svg(title="routelmt", unique_id="routelmt")
    # Rich asks a web server for its font; whatever the reader's monospace is will do.
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)


def main() -> None:
    """Draw a file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--from", dest="first", default="", help="begin with this line")
    parser.add_argument("--command", default="make demo")
    parser.add_argument("--width", type=int, default=100)
    arguments = parser.parse_args()
    text = arguments.file.read_text("utf-8")
    shown = text[text.index("\n" + arguments.first) + 1 :] if arguments.first else text
    print(picture(arguments.command, shown.rstrip(), arguments.width), end="")


if __name__ == "__main__":
    main()
