"""Build the folder that ``--data`` names, from the public repositories; needs a network.

    python benchmarks/fetch_data.py DIR

NTREX-128 (github.com/MicrosoftTranslator/NTREX, CC BY-SA 4.0) -> DIR/ntrex/{es-en,de-en}.tsv
WMT 2023 (github.com/wmt-conference/wmt23-news-systems, free for research) -> DIR/wmt23/*.tsv
WMT 2022 (github.com/wmt-conference/wmt22-news-systems, free for research) -> DIR/wmt22/*.tsv

Every TSV has a header and one segment a line; the columns are those that the benchmarks read.
"""

from __future__ import annotations

import argparse
import sys
import urllib.error
import urllib.request
from pathlib import Path

RAW = "https://raw.githubusercontent.com"
NTREX = "MicrosoftTranslator/NTREX/main/NTREX-128/newstest2019-{}.txt"
WMT = "wmt-conference/wmt{year}-news-systems/{branch}/txt"
NTREX_LANGUAGES = {"es": "ref.spa", "de": "ref.deu"}
NTREX_ENGLISH = "src.eng"
WMT23 = ("zh-en", "en-cs", "de-en", "ja-en")
WMT23_SYSTEMS = ("NLLB_Greedy", "GPT4-5shot")
WMT22 = (
    ("cs-en", "Online-Y", "Online-W"),
    ("de-en", "LT22", "JDExploreAcademy"),
    ("de-fr", "LT22", "Online-W"),
    ("en-cs", "CUNI-Bergamot", "Online-W"),
    ("en-de", "OpenNMT", "Online-W"),
    ("en-ja", "KYB", "JDExploreAcademy"),
    ("en-zh", "Online-Y", "Online-B"),
    ("ja-en", "KYB", "JDExploreAcademy"),
    ("ru-en", "ALMAnaCH-Inria", "JDExploreAcademy"),
    ("uk-cs", "ALMAnaCH-Inria", "CharlesTranslator"),
    ("uk-en", "ALMAnaCH-Inria", "Online-B"),
    ("zh-en", "Online-Y", "JDExploreAcademy"),
)


def lines(path: str, base: str) -> list[str]:
    """Fetch a text file, one segment a line; every run of white space becomes one blank."""
    with urllib.request.urlopen(f"{base}/{path}", timeout=60) as answer:
        text = answer.read().decode("utf-8-sig")
    return [" ".join(line.split()) for line in text.removesuffix("\n").split("\n")]


def write(path: Path, columns: dict[str, list[str]]) -> None:
    """Write columns of equal length as a TSV with an id, without rows that have an empty cell."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1:
        sys.exit(f"error: {path.name}: the files have different numbers of lines: {lengths}")
    path.parent.mkdir(parents=True, exist_ok=True)
    full = [row for row in zip(*columns.values(), strict=True) if all(row)]
    rows = ["\t".join(("id", *columns))]
    rows += ["\t".join((str(number), *row)) for number, row in enumerate(full)]
    path.write_text("\n".join(rows) + "\n", "utf-8")
    print(f"{path}: {len(rows) - 1} segments", file=sys.stderr)


def fetch_ntrex(folder: Path, base: str) -> None:
    """Fetch the foreign sides as sources and the English original as reference."""
    english = lines(NTREX.format(NTREX_ENGLISH), base)
    for language, name in NTREX_LANGUAGES.items():
        columns = {"source": lines(NTREX.format(name), base), "reference": english}
        write(folder / "ntrex" / f"{language}-en.tsv", columns)


def fetch_wmt(
    path: Path, base: str, root: str, stem: str, reference: str, systems: tuple[str, str]
) -> None:
    """Fetch source, reference and two systems' translations of one pair."""
    source, target = stem.rsplit(".", 1)[1].split("-")
    small, large = systems
    columns = {
        "source": lines(f"{root}/sources/{stem}.src.{source}", base),
        "reference": lines(f"{root}/references/{stem}.ref.{reference}.{target}", base),
        "draft": lines(f"{root}/system-outputs/{stem}.hyp.{small}.{target}", base),
        "retranslation": lines(f"{root}/system-outputs/{stem}.hyp.{large}.{target}", base),
    }
    write(path, columns)


def main() -> None:
    """Fetch everything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--base", default=RAW, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder, base = arguments.folder, arguments.base
    try:
        fetch_ntrex(folder, base)
        root = WMT.format(year=23, branch="master")
        for pair in WMT23:
            path = folder / "wmt23" / f"{pair}.tsv"
            fetch_wmt(path, base, root, f"generaltest2023.{pair}", "refA", WMT23_SYSTEMS)
        root = WMT.format(year=22, branch="main")
        for pair, small, large in WMT22:
            path = folder / "wmt22" / f"{pair}.{small}.{large}.tsv"
            # The Czech-English sets have no reference A.
            reference = "B" if pair in ("cs-en", "en-cs") else "A"
            fetch_wmt(path, base, root, f"generaltest2022.{pair}", reference, (small, large))
    except urllib.error.URLError as error:
        sys.exit(f"error: cannot fetch {getattr(error, 'url', base)}: {error.reason}")


if __name__ == "__main__":
    main()
