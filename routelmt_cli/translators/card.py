"""Model cards: TOML files that say where a model's weights are, how to prompt it, what it costs.

In: ``models/*.toml`` or a file of the user's. Out: a validated ``ModelCard`` and fingerprints. A
card names data only; nothing in it is executed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from routelmt_cli.budget.money import parse_price
from routelmt_cli.budget.price import Price
from routelmt_cli.errors import UsageError
from routelmt_cli.translators.card_file import Table, card_data
from routelmt_cli.translators.endpoint_card import EndpointCard, read_endpoint
from routelmt_cli.translators.ray_card import RayCard, read_ray

Backend = Literal["llama.cpp", "openai", "stand-in"]
BACKENDS = ("llama.cpp", "openai", "stand-in")
RESERVED_OPTIONS = frozenset(
    ["messages", "add_generation_prompt", "bos_token", "eos_token", "raise_exception"]
)
"""What a chat template is given of every prompt, so that no card's option may be called so."""
_MAX_NAME_LENGTH = 200
_LARGEST_NUMBER = 1e15
_HUB_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.+-]{0,95}")


@dataclass(frozen=True)
class WeightsCard:
    """Where the weights come from: a path, files of an installed package joined in order, or a hub.

    Attributes
    ----------
    file_name
        The file's own name; of a file of the hub its place in the repository.
    repo, revision
        Of the Hugging Face Hub; ``revision`` is a branch, a tag or a commit.
    """

    file_name: str
    path: Path | None
    package: str | None
    parts: tuple[str, ...]
    sha256: str | None
    repo: str | None = None
    revision: str | None = None


@dataclass(frozen=True)
class NoteCard:
    """How one kind of note is written into a prompt.

    Attributes
    ----------
    item
        One note: ``{source}`` and, but for context, ``{target}``.
    around
        What stands around all of a request, with ``{items}``.
    """

    item: str
    around: str


NOTES = ("context", "near", "terms")
"""The kinds of notes that a card may have a place for."""


@dataclass(frozen=True)
class PromptCard:
    """How a source becomes a prompt.

    Attributes
    ----------
    kind
        ``completion`` (few-shot text) or ``chat`` (the GGUF's own template).
    instruction
        The system message, or text before the examples.
    template
        ``completion``: one example with ``{source}`` and ``{target}``, the open end before
        ``{target}``; ``chat``: the user's message with ``{source}``. ``{source_language}`` and
        ``{target_language}`` become English names.
    examples
        Language pair to (source, target) pairs.
    template_options
        What the GGUF's chat template is told besides, such as ``enable_thinking = false``.
    notes
        Kind (``context``: segments before this one; ``near``: a similar source with its
        translation; ``terms``: a glossary's) to how it is written.
        ``{notes}`` in the template says where; without it a completion has them before its open
        end.
    """

    kind: Literal["completion", "chat"]
    instruction: str
    template: str
    examples: Mapping[str, tuple[tuple[str, str], ...]]
    template_options: Mapping[str, bool | int | str] = field(default_factory=dict)
    notes: Mapping[str, NoteCard] = field(default_factory=dict)

    def examples_for(
        self, source_language: str, target_language: str
    ) -> tuple[tuple[str, str], ...]:
        """Return the examples of a pair; ``pt-BR-en`` falls back on ``pt-en``."""
        primary = (source_language.split("-")[0], target_language.split("-")[0])
        for source, target in ((source_language, target_language), primary):
            if f"{source}-{target}" in self.examples:
                return self.examples[f"{source}-{target}"]
        return ()


@dataclass(frozen=True)
class DecodingCard:
    """How far a hypothesis may go.

    Attributes
    ----------
    stop
        Texts that end a hypothesis.
    cap_ratio, cap_extra
        The token cap of a segment: ceil(``cap_ratio`` x source tokens) + ``cap_extra``.
    context_tokens
        The longest sequence, shared prefix included.
    parallel_sequences
        Sequences decoded together.
    n_gpu_layers
        How many of the model's layers GPUs hold, where the library can use any; -1 for all.
    """

    stop: tuple[str, ...]
    cap_ratio: float
    cap_extra: int
    context_tokens: int
    parallel_sequences: int
    n_gpu_layers: int = -1


@dataclass(frozen=True)
class ModelCard:
    """One model: weights, prompt, decoding, price.

    Attributes
    ----------
    nanousd_per_hour
        What the machine costs that runs it, for ``models bench`` to derive a price from; None
        where the card does not say.
    endpoint
        The server that runs the model, of the backend ``openai``; None for others.
    ray
        What its workers take of a Ray cluster.
    """

    name: str
    description: str
    license: str
    backend: Backend
    weights: WeightsCard | None
    prompt: PromptCard
    decoding: DecodingCard
    price: Price
    price_note: str
    charge_prefix: Literal["once", "every request"]
    card_path: Path
    nanousd_per_hour: int | None = None
    endpoint: EndpointCard | None = None
    stand_in: Mapping[str, Any] = field(default_factory=dict)
    ray: RayCard = field(default_factory=RayCard)

    def fingerprint(self, weights_sha256: str, source_language: str, target_language: str) -> str:
        """Return what identifies this model's hypotheses for a pair: weights, prompt, decoding.

        Price, how many sequences are decoded together, and by how many workers, are not part of it.
        """
        pair = f"{source_language}-{target_language}"
        identity = {
            "backend": self.backend,
            "weights": weights_sha256,
            "prompt": [self.prompt.kind, self.prompt.instruction, self.prompt.template],
            "examples": self.prompt.examples_for(source_language, target_language),
            "decoding": [self.decoding.stop, self.decoding.cap_ratio, self.decoding.cap_extra],
            "pair": pair,
            "stand_in": dict(self.stand_in),
        }
        if self.endpoint is not None:
            identity["endpoint"] = self.endpoint.identity()
        if self.prompt.template_options:
            identity["template_options"] = dict(self.prompt.template_options)
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def load_card(path: Path) -> ModelCard:
    """Read and validate a model card.

    Raises
    ------
    UsageError
        Naming the card and the entry that is wrong.
    """
    root = Table(card_data(path), str(path))
    backend = root.get("backend", str, "llama.cpp")
    if backend not in BACKENDS:
        raise UsageError(
            f"{path}: unknown backend '{backend}'", hint=f"one of {', '.join(BACKENDS)}"
        )
    for section, owner in (("weights", "llama.cpp"), ("endpoint", "openai")):
        if section in root.data and backend != owner:
            raise UsageError(f'{path}: section [{section}] needs backend = "{owner}"')
    if "ray" in root.data and backend == "openai":
        raise UsageError(f"{path}: section [ray] is of models that need workers, not of servers")
    price = root.table("price")
    prices = price.table("usd_per_million_tokens")
    is_remote = backend == "openai"
    charge = price.get("shared_prefix", str, "every request" if is_remote else "once")
    if is_remote and charge == "once":
        raise UsageError(f"{price.where}: a server charges a 'shared_prefix' with every request")
    if charge not in ("once", "every request"):
        raise UsageError(f'{price.where}: \'shared_prefix\' must be "once" or "every request"')
    name = root.get("name", str)
    if not name.isprintable() or not 0 < len(name) <= _MAX_NAME_LENGTH:
        # It is shown in terminals and kept in router bundles, which take no other.
        raise UsageError(f"{path}: 'name' must be 1 to {_MAX_NAME_LENGTH} printable characters")
    weights = _weights(root.table("weights"), path) if backend == "llama.cpp" else None
    prompt = _prompt(root.table("prompt", optional=backend == "stand-in"), backend)
    if is_remote and prompt.template_options:
        raise UsageError(f"{path}: [prompt.template_options] are of models that run here")
    return ModelCard(
        name=name,
        description=root.get("description", str, ""),
        license=root.get("license", str, ""),
        backend=backend,
        weights=weights,
        prompt=prompt,
        decoding=_decoding(
            root.table("decoding", optional=True),
            is_remote=is_remote,
            is_chat=prompt.kind == "chat",
        ),
        price=Price(
            *(
                parse_price(prices.get(side, (int, float, str)), option=f"{prices.where}: '{side}'")
                for side in ("input", "output")
            )
        ),
        price_note=price.get("note", str, ""),
        charge_prefix=charge,
        card_path=path,
        nanousd_per_hour=None
        if price.get("usd_per_hour", (int, float, str), None) is None
        else parse_price(price.data["usd_per_hour"], option=f"{price.where}: 'usd_per_hour'"),
        endpoint=read_endpoint(root.table("endpoint"), prompt.kind) if is_remote else None,
        stand_in=_stand_in(root.table("stand_in", optional=True)),
        ray=read_ray(root.table("ray", optional=True)),
    )


def _weights(table: Table, card_path: Path) -> WeightsCard:
    path = table.get("path", str, None)
    package = table.get("package", str, None)
    repo = table.get("repo", str, None)
    if (path, package, repo).count(None) != 2:
        raise UsageError(f"{table.where}: name one of 'path', 'package' and 'repo'")
    sha256 = table.get("sha256", str, None)
    if sha256 is not None and not (len(sha256) == 64 and set(sha256) <= set("0123456789abcdef")):
        raise UsageError(f"{table.where}: 'sha256' must be 64 lower-case hexadecimal digits")
    if repo is not None:
        return _hub_weights(table, repo, sha256)
    parts = table.strings("parts", [])
    if package is not None and not parts:
        raise UsageError(f"{table.where}: 'parts' must list the package's files")
    for part in parts:
        module, _, inside = part.partition("/")
        if not module.isidentifier() or not inside or inside.startswith("/"):
            raise UsageError(f"{table.where}: '{part}' must read MODULE/FILE")
        if ".." in Path(inside).parts:
            raise UsageError(f"{table.where}: '{part}' must stay inside its package")
    usual = Path(parts[-1] if path is None else path).name
    file_name = table.get("file", str, usual)
    if Path(file_name).name != file_name or file_name in ("", "..") or "\0" in file_name:
        raise UsageError(f"{table.where}: 'file' must be a plain file name")
    return WeightsCard(file_name, _beside(card_path, path, table.where), package, parts, sha256)


def _hub_weights(table: Table, repo: str, sha256: str | None) -> WeightsCard:
    """Read where a file of the hub is; its names become names of folders, and parts of a URL."""
    file_name, revision = table.get("file", str), table.get("revision", str, "main")
    owner, _, name = repo.partition("/")
    if not (_is_hub_name(owner) and _is_hub_name(name)):
        raise UsageError(f"{table.where}: 'repo' must read OWNER/NAME")
    for key, value in (("file", file_name), ("revision", revision)):
        if not all(map(_is_hub_name, value.split("/"))):
            raise UsageError(f"{table.where}: '{key}' must be a name of the hub's")
    if not file_name.endswith(".gguf"):
        raise UsageError(f"{table.where}: 'file' must end in .gguf")
    return WeightsCard(file_name, None, None, (), sha256, repo, revision)


def _is_hub_name(part: str) -> bool:
    return bool(_HUB_NAME.fullmatch(part)) and part.strip(".") != ""


def _beside(card_path: Path, path: str | None, where: str) -> Path | None:
    """Take a path as it is seen from the card's folder; ``~`` is the user's home."""
    if path is None:
        return None
    try:
        return card_path.parent / Path(path).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{where}: 'path' begins with the home of no known user") from error


def _prompt(table: Table, backend: str) -> PromptCard:
    kind = table.get("kind", str, "completion" if backend == "stand-in" else ...)
    if kind not in ("completion", "chat"):
        raise UsageError(f'{table.where}: \'kind\' must be "completion" or "chat"')
    template = table.get("template", str, "{source}{target}" if backend == "stand-in" else ...)
    if "{source}" not in template or (kind == "completion" and "{target}" not in template):
        raise UsageError(f"{table.where}: 'template' must hold {{source}} (and {{target}})")
    examples = {}
    for pair, rows in table.table("examples", optional=True).data.items():
        if not isinstance(rows, list) or not all(
            isinstance(row, list) and len(row) == 2 and all(isinstance(text, str) for text in row)
            for row in rows
        ):
            raise UsageError(f"{table.where}: examples of '{pair}' must be [source, target] pairs")
        examples[pair] = tuple((source, target) for source, target in rows)
    options = table.table("template_options", optional=True)
    for key, value in options.data.items():
        if kind != "chat":
            raise UsageError(f"{options.where}: only a chat template has options")
        whole = isinstance(value, int) and abs(value) <= _LARGEST_NUMBER
        if not whole and not isinstance(value, str):
            raise UsageError(
                f"{options.where}: '{key}' must be true, false, a whole number or text"
            )
        if key in RESERVED_OPTIONS:
            raise UsageError(f"{options.where}: '{key}' is routelmt's own to give")
    notes = {kind: _note(table, kind) for kind in NOTES if kind in table.data}
    if notes and kind == "chat" and "{notes}" not in template.partition("{source}")[0]:
        raise UsageError(f"{table.where}: 'template' must hold {{notes}} before {{source}}")
    return PromptCard(
        kind, table.get("instruction", str, ""), template, examples, dict(options.data), notes
    )


def _note(prompt: Table, kind: str) -> NoteCard:
    table = prompt.table(kind)
    item, around = table.get("item", str), table.get("around", str, "{items}")
    if "{source}" not in item or ("{target}" in item) != (kind != "context"):
        wanted = "{source} alone" if kind == "context" else "{source} and {target}"
        raise UsageError(f"{table.where}: 'item' must hold {wanted}")
    if around.count("{items}") != 1:
        raise UsageError(f"{table.where}: 'around' must hold {{items}} once")
    return NoteCard(item, around)


def _stand_in(table: Table) -> Mapping[str, str | int | float]:
    for key, value in table.data.items():
        # Written so that NaN fails too; an integer of TOML can be larger than any float.
        if not isinstance(value, str) and not (
            isinstance(value, (int, float)) and abs(value) <= _LARGEST_NUMBER
        ):
            raise UsageError(f"{table.where}: '{key}' is neither text nor a number in range")
    return table.data


def _decoding(table: Table, *, is_remote: bool, is_chat: bool) -> DecodingCard:
    # Chats end by themselves; some begin with a line break, and some servers refuse to be stopped.
    stop = table.strings("stop", [] if is_remote and is_chat else ["\n"])
    if not all(stop):
        raise UsageError(f"{table.where}: 'stop' must not hold an empty text")
    return DecodingCard(
        stop=stop,
        cap_ratio=float(table.number("cap_ratio", 2.0, 0.1, 20)),
        cap_extra=table.whole("cap_extra", 16, 1, 4096),
        context_tokens=table.whole("context_tokens", 2048, 64, 1 << 20),
        parallel_sequences=(
            table.whole("parallel_sequences", 64, 1, 4096)
            if is_remote
            else table.whole("parallel_sequences", 16, 1, 255)
        ),
        n_gpu_layers=-1 if is_remote else table.whole("n_gpu_layers", -1, -1, 10_000),
    )
