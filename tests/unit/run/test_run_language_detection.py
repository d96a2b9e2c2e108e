"""Which language texts are in, how sure that is, and what a corpus is mixed of."""

from __future__ import annotations

import pytest
from made_texts import TEXTS, texts

from routelmt_cli.corpus.format import Format
from routelmt_cli.corpus.layout import Layout
from routelmt_cli.corpus.reader import open_corpus
from routelmt_cli.errors import UsageError
from routelmt_cli.run import language_detection
from routelmt_cli.run.language_detection import detect, detect_language, sample_of, sample_texts

pytest.importorskip("py3langid", reason="needs the extra: pip install '.[detect]'")


@pytest.fixture
def corpus(tmp_path):
    """Open a plain text of some segments."""

    def write(lines):
        path = tmp_path / "in.txt"
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        return open_corpus(path, Layout(Format.TEXT), display_name="in.txt", reserved=())

    return write


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_four_sentences_tell_a_language(language):
    found = detect(texts(language, 4))
    assert (found.language, found.is_sure, list(found.shares)) == (language, True, [language])


def test_one_long_sentence_may_tell_a_language():
    found = detect([" ".join(texts("es", 4))])
    assert (found.language, found.is_sure) == ("es", True)


def test_short_texts_go_with_the_others():
    found = detect(texts("es", 80))
    assert found.language == "es" and found.shares["es"] > 0.97 and found.remarks() == [
        "source language: es (detected in 80 segments, 100.0% sure)"
    ]  # fmt: skip


@pytest.mark.parametrize("other", ["ca", "de", "en", "ru"])
def test_a_mixed_corpus_is_one_of_its_larger_part_with_a_warning(other):
    found = detect(texts("es", 184) + texts(other, 16))
    assert found.language == "es" and found.is_sure
    assert list(found.shares) == ["es", other]
    assert found.shares[other] == pytest.approx(0.08, abs=0.03)
    assert found.remarks()[1].startswith("warning: the corpus seems to be mixed: 9")
    assert found.remarks()[1].endswith(f"% {other}; all of it is translated as es")


@pytest.mark.parametrize(
    "lines",
    [
        ["OK"],
        ["Haus"],
        ["xkqz wvut", "zzyx qwrt plmk", "asdf ghjk"],
        ["def f(x): return x", "for i in range(10):", "int main(void) {"],
        texts("de", 50) + texts("en", 50),
    ],
    ids=["a word of all", "a word", "no language", "code", "halves"],
)
def test_what_does_not_tell_is_refused(corpus, lines):
    with pytest.raises(UsageError, match=r"^in.txt: cannot tell the source language: ") as refused:
        detect_language("in.txt", sample_texts(corpus(lines)))
    assert refused.value.hint.startswith("add --from CODE")


def test_a_corpus_without_letters(corpus):
    with pytest.raises(UsageError, match="no text to tell the source language by"):
        detect_language("in.txt", sample_texts(corpus(["", "12.5", " ", "3 × 4"])))


def test_the_sample_is_spread_and_always_the_same(corpus):
    lines = [f"word {'odd' if row % 2 else 'even'} {row}" for row in range(20_000)]
    one = corpus(lines)
    sample = sample_texts(one)
    assert len(sample) == language_detection.SAMPLE == len(set(sample))
    assert sample == sample_texts(one) == sample_of(lines)
    rows = sorted(int(text.split()[2]) for text in sample)
    quarters = [sum(row // 5_000 == quarter for row in rows) for quarter in range(4)]
    assert min(quarters) > 70
    # Not in step with what takes turns.
    assert 150 < sum("odd" in text for text in sample) < 250


def test_the_sample_leaves_out_what_says_nothing(corpus):
    lines = ["", "7", "  ", "text"] * 1_000
    assert sample_texts(corpus(lines), 100) == sample_of(lines, 100) == ["text"] * 100
    assert sample_texts(corpus(lines[:8]), 100) == ["text"] * 2
    assert sample_texts(corpus(["x" * 5_000]), 100) == ["x" * 1_000]
