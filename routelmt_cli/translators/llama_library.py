"""A typed, thin layer over llama-cpp-python's low-level API: weights, vocabulary, batched decoding.

In: GGUF files, tokens, sequence numbers. Out: tokens, text, logits as numpy views. Every failure
of the C library becomes a typed error. It holds no policy: which sequences are decoded together is
decided in ``llama_schedule``.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from routelmt_cli.errors import MidRunError, UsageError
from routelmt_cli.translators import llama_log, openmp
from routelmt_cli.translators.llama_settings import LlamaSettings
from routelmt_cli.translators.llama_signals import (
    decoding_flag,
    loading_flag,
    set_abort_callback,
    set_progress_callback,
)

# Codes of llama_decode, ggml_type, llama_flash_attn_type.
_NO_ROOM, _ABORTED = 1, 2
_CACHE_TYPES = {"f16": 1, "q8_0": 8}
_FLASH_ATTENTION = {"auto": -1, "off": 0, "on": 1}

# Characters that together have every byte of UTF-8: each must be known where a word is not.
_ALL_BYTES = "".join(
    chr(code)
    for code in (*range(0x800), *range(0x800, 0x110000, 1009))
    if not 0xD800 <= code < 0xE000
)


class DecodeError(MidRunError):
    """llama.cpp could not evaluate a batch."""


class NoRoomError(DecodeError):
    """The cache has no room for a batch; nothing of it was evaluated."""


class LlamaModel:
    """The weights of one GGUF file, and its vocabulary.

    Parameters
    ----------
    path
        The GGUF file.
    use_extra_buffers
        Let llama.cpp repack the weights for this processor's fastest kernels.
    gpu_layers
        How many layers GPUs hold, where the library can use any; -1 for all.
    vocabulary_only
        Load no tensors: tokens can be counted, nothing decoded.

    Raises
    ------
    UsageError
        Where llama.cpp cannot load the file.
    """

    def __init__(
        self,
        path: Path,
        *,
        use_extra_buffers: bool = True,
        gpu_layers: int = -1,
        vocabulary_only: bool = False,
    ) -> None:
        openmp.share_the_processor()
        import llama_cpp

        self._api = llama_cpp
        llama_log.install()
        llama_cpp.llama_backend_init()
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        params.use_extra_bufts = use_extra_buffers
        params.vocab_only = vocabulary_only
        set_progress_callback(params)
        with loading_flag().watched():
            self.handle = llama_cpp.llama_model_load_from_file(os.fsencode(path), params)
        if not self.handle and loading_flag().changed:
            # The signal's handler has run and raised nothing, so the model is wanted.
            self.handle = llama_cpp.llama_model_load_from_file(os.fsencode(path), params)
        if not self.handle:
            raise UsageError(
                f"{path}: llama.cpp cannot load this model",
                hint="is it a complete GGUF file of an architecture that llama.cpp knows? "
                "run again with -vv to see what llama.cpp says",
            )
        self.vocab = llama_cpp.llama_model_get_vocab(self.handle)
        self.vocabulary_size: int = llama_cpp.llama_vocab_n_tokens(self.vocab)
        self.width: int = llama_cpp.llama_model_n_embd_out(self.handle)
        self.add_bos: bool = llama_cpp.llama_vocab_get_add_bos(self.vocab)
        self.bos: int = llama_cpp.llama_vocab_bos(self.vocab)
        self.eos: int = llama_cpp.llama_vocab_eos(self.vocab)
        # Then the cache is not in the memory that this process sees.
        self.on_another_device: bool = gpu_layers != 0 and llama_cpp.llama_supports_gpu_offload()
        self._pieces: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}

        # From the header, since llama.cpp does not read it in a vocabulary-only load.
        self.trained_context = self.number("context_length", 1 << 20)

    def close(self) -> None:
        """Free the weights."""
        if self.handle:
            self._api.llama_model_free(self.handle)
            self.handle = None

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        """Return the tokens of ``text``; user text is never parsed for special tokens."""
        data = text.encode("utf-8")
        room = len(data) + 8
        tokens = (self._api.llama_token * room)()
        count = self._api.llama_tokenize(
            self.vocab, data, len(data), tokens, room, False, parse_special
        )
        if count < 0:
            room = -count
            tokens = (self._api.llama_token * room)()
            count = self._api.llama_tokenize(
                self.vocab, data, len(data), tokens, room, False, parse_special
            )
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        """Return the bytes that a token stands for; special tokens stand for none."""
        known = self._pieces.get(token)
        if known is None:
            buffer = ctypes.create_string_buffer(64)
            count = self._api.llama_token_to_piece(self.vocab, token, buffer, 64, 0, False)
            if count < 0:
                buffer = ctypes.create_string_buffer(-count)
                count = self._api.llama_token_to_piece(self.vocab, token, buffer, -count, 0, False)
            known = self._pieces[token] = buffer.raw[:count]
        return known

    def ends_generation(self, token: int) -> bool:
        """Say whether a token ends the text (end of sequence, of turn, of message)."""
        known = self._ends.get(token)
        if known is None:
            known = self._ends[token] = bool(self._api.llama_vocab_is_eog(self.vocab, token))
        return known

    def metadata(self, key: str) -> str | None:
        """Return a metadata value of the GGUF header as text, or None."""
        room = 1 << 12
        buffer = ctypes.create_string_buffer(room)
        count = self._api.llama_model_meta_val_str(self.handle, key.encode(), buffer, room)
        if count >= room:  # a long chat template
            buffer = ctypes.create_string_buffer(count + 1)
            self._api.llama_model_meta_val_str(self.handle, key.encode(), buffer, count + 1)
        return buffer.value.decode("utf-8", "replace") if count >= 0 else None

    def number(self, key: str, default: int = 0) -> int:
        """Return a number of the model's architecture; the default where there is no single one."""
        architecture = self.metadata("general.architecture")
        value = self.metadata(f"{architecture}.{key}") or ""
        # What is no number there is refused when the tensors are loaded.
        return int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else default

    # llama.cpp aborts where it is asked for these after a vocabulary-only load.
    @property
    def weights_bytes(self) -> int:
        """The size of the weights."""
        return int(self._api.llama_model_size(self.handle))

    @property
    def layers(self) -> int:
        """The number of layers."""
        return int(self._api.llama_model_n_layer(self.handle))

    @property
    def heads(self) -> int:
        """The number of attention heads of the first layer."""
        return int(self._api.llama_model_n_head(self.handle))

    def special_text(self, token: int) -> str:
        """Return a special token's own text, for chat templates."""
        if token < 0:
            return ""
        return bytes(self._api.llama_vocab_get_text(self.vocab, token)).decode("utf-8", "replace")

    @cached_property
    def longest_piece(self) -> int:
        """The most bytes that a token stands for."""
        return max(len(self.piece(token)) for token in range(self.vocabulary_size))

    def use_vocabulary(self) -> None:
        """Ask of the vocabulary all that is asked of it later: what is broken in it crashes now."""
        self.metadata("tokenizer.chat_template")
        for token in (self.bos, self.eos):
            self.special_text(token)
        for token in range(self.vocabulary_size):
            self.piece(token)
            self.ends_generation(token)
        for parse_special in (False, True):
            self.tokenize(_ALL_BYTES, parse_special=parse_special)


class LlamaContext:
    """A decoding context with room for several sequences, fed by numpy columns.

    Parameters
    ----------
    model
        The loaded weights; the context must be closed before them.
    settings
        Its layout: ``settings.sequences`` and one for a shared prefix.
    cells
        How many tokens all sequences hold together; one that they share counts once.
    outputs
        The most tokens of a batch whose logits are wanted.

    Attributes
    ----------
    cells
        As many as were asked for, or a few more.
    batch_tokens
        The most tokens evaluated in one call.

    Raises
    ------
    MidRunError
        Where llama.cpp cannot allocate the context.
    """

    def __init__(
        self,
        model: LlamaModel,
        settings: LlamaSettings,
        *,
        cells: int,
        outputs: int,
    ) -> None:
        import llama_cpp

        self._api = llama_cpp
        self.model = model
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = cells
        params.n_batch = params.n_ubatch = settings.batch_tokens
        params.n_seq_max = settings.sequences + 1
        # Otherwise the graph has room for the logits of a whole batch, 0.5 GB for Gemma 3.
        # llama.cpp aborts where it is below the number of sequences.
        params.n_outputs_max = max(outputs, params.n_seq_max)
        params.n_outputs_max_per_seq = outputs
        params.n_threads = params.n_threads_batch = settings.threads
        params.type_k = params.type_v = _CACHE_TYPES[settings.cache_type]
        params.flash_attn_type = _FLASH_ATTENTION[settings.flash_attention]
        params.kv_unified = True  # one buffer for all sequences: see docs/log.md
        params.pooling_type = llama_cpp.LLAMA_POOLING_TYPE_NONE  # states are asked for by token
        params.no_perf = True
        self.handle = llama_cpp.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise MidRunError(
                f"llama.cpp cannot allocate a context of {cells} tokens",
                hint="lower parallel_sequences or context_tokens in the model card",
            )
        self.cells: int = llama_cpp.llama_n_ctx(self.handle)
        # No more than cells, whatever was asked for.
        self.batch_tokens: int = llama_cpp.llama_n_batch(self.handle)
        batch_tokens = self.batch_tokens
        self._memory = llama_cpp.llama_get_memory(self.handle)
        self._signals = decoding_flag()
        set_abort_callback(self.handle)
        self.token = np.zeros(batch_tokens, np.int32)
        self.position = np.zeros(batch_tokens, np.int32)
        self.sequence = np.zeros(batch_tokens, np.int32)
        self.wants_logits = np.zeros(batch_tokens, np.int8)
        self._sequence_counts = np.ones(batch_tokens, np.int32)
        pointer = ctypes.POINTER(ctypes.c_int32)
        base = self.sequence.ctypes.data
        self._sequence_pointers = (pointer * batch_tokens)(
            *(ctypes.cast(base + 4 * i, pointer) for i in range(batch_tokens))
        )
        self._batch = llama_cpp.llama_batch(
            n_tokens=0,
            token=self.token.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token)),
            embd=None,
            pos=self.position.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_pos)),
            n_seq_id=self._sequence_counts.ctypes.data_as(pointer),
            seq_id=ctypes.cast(self._sequence_pointers, ctypes.POINTER(pointer)),
            logits=self.wants_logits.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def close(self) -> None:
        """Free the context."""
        if self.handle:
            self._api.llama_free(self.handle)
            self.handle = None

    def decode(self, tokens: int, *, with_states: bool = False) -> npt.NDArray[np.float32]:
        """Evaluate the first ``tokens`` rows of the columns.

        Parameters
        ----------
        tokens
            How many rows.
        with_states
            Whether ``states`` is asked next. llama.cpp then takes every row for one that wants
            logits, so all of them must.

        Returns
        -------
        numpy.ndarray
            float32 of shape (rows that want logits, vocabulary), in the rows' order: a view of
            llama.cpp's memory, valid until the next call and the caller's to write to.

        Raises
        ------
        NoRoomError
            Where the cache is full; the sequences hold what they held before.
        DecodeError
            Where llama.cpp refuses.
        """
        rows = int(np.count_nonzero(self.wants_logits[:tokens]))
        if with_states and rows != tokens:
            raise ValueError("every row must want logits where states are asked for")
        self._api.llama_set_embeddings(self.handle, with_states)
        self._batch.n_tokens = tokens
        with self._signals.watched():
            code = self._api.llama_decode(self.handle, self._batch)
        if code == _ABORTED:
            # As above. No part of the batch was kept, since it is evaluated at once or not at all.
            code = self._api.llama_decode(self.handle, self._batch)
        if code == _NO_ROOM:
            raise NoRoomError("llama.cpp has no room for a batch in its cache")
        if code != 0:
            raise DecodeError(f"llama.cpp could not evaluate a batch (code {code})")
        if rows == 0:
            return np.empty((0, self.model.vocabulary_size), np.float32)
        return np.ctypeslib.as_array(
            self._api.llama_get_logits(self.handle), shape=(rows, self.model.vocabulary_size)
        )

    def states(self, rows: int) -> npt.NDArray[np.float32]:
        """Return the hidden states of the last batch, after the model's last norm.

        Returns
        -------
        numpy.ndarray
            float32 of shape (rows, width): a view, as ``decode`` gives.

        Raises
        ------
        DecodeError
            Where llama.cpp has none for this model.
        """
        pointer = self._api.llama_get_embeddings(self.handle)
        if not pointer:
            raise DecodeError("llama.cpp gives no hidden states for this model")
        return np.ctypeslib.as_array(pointer, shape=(rows, self.model.width))

    def evaluate(self, sequence: int, tokens: Sequence[int]) -> None:
        """Evaluate a whole text into one empty sequence, in chunks, without logits."""
        for start in range(0, len(tokens), self.batch_tokens):
            part = tokens[start : start + self.batch_tokens]
            count = len(part)
            self.token[:count] = part
            self.position[:count] = np.arange(start, start + count)
            self.sequence[:count] = sequence
            self.wants_logits[:count] = 0
            # The last token's logits are never read, but some graphs need one output row.
            self.wants_logits[count - 1] = 1
            self.decode(count)

    def copy_sequence(self, source: int, target: int) -> None:
        """Copy all that a sequence holds to an empty one."""
        self._api.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def drop_sequence(self, sequence: int) -> None:
        """Forget a sequence; nothing is left to forget in a closed context."""
        if self.handle:
            self._api.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def clear(self) -> None:
        """Forget every sequence and the cache's data: the state of a new context."""
        self._api.llama_memory_clear(self._memory, True)
