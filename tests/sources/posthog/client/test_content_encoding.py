"""What a Content-Encoding says is undone in small steps, or refused."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable

import pytest

from sources.posthog.client.content_encoding import PIECE, EncodingError, decode_pieces

TEXT = b'{"results": [' + b'{"id": 1},' * 300_000 + b"{}]}"
ZIP = gzip.compress(TEXT)


def cut(whole: bytes, size: int) -> Iterable[bytes]:
    return [whole[at : at + size] for at in range(0, len(whole), size)]


@pytest.mark.parametrize("size", [1, 7, 65_536, len(ZIP)])
@pytest.mark.parametrize("name", ["gzip", "GZip", " x-gzip", "identity"])
def test_an_answer_comes_back_whole_however_it_is_cut(name: str, size: int) -> None:
    raw = TEXT if name == "identity" else ZIP
    pieces = list(decode_pieces(cut(raw, max(size, len(raw) // 9_000)), [name]))
    assert b"".join(pieces) == TEXT
    assert name == "identity" or max(map(len, pieces)) <= PIECE


@pytest.mark.fault("transport.bomb")
def test_a_bomb_is_unpacked_no_further_than_its_reader_wants() -> None:
    bomb = gzip.compress(b"\0" * (PIECE * 50))
    pieces = decode_pieces([bomb], ["gzip"])
    assert len(next(pieces)) == PIECE


@pytest.mark.parametrize("header", [[], [""], ["identity"], ["gzip"], ["identity", "gzip"]])
def test_no_bytes_are_no_error(header: list[str]) -> None:
    assert b"".join(decode_pieces([], header)) == b"".join(decode_pieces([b""], header)) == b""


@pytest.mark.fault("transport.bomb")
@pytest.mark.parametrize(
    "header",
    [
        ["gzip", "gzip"],
        ["gzip", "identity", "gzip"],
        ["deflate"],
        ["br"],
        ["zstd"],
        ["compress"],
        ["gzip gzip"],
    ],
)
def test_another_encoding_and_more_than_one_are_refused(header: list[str]) -> None:
    with pytest.raises(EncodingError, match="does not read"):
        list(decode_pieces([zlib.compress(TEXT)], header))


@pytest.mark.fault("transport.bad_gzip")
@pytest.mark.parametrize(
    "raw",
    [b"[1]", ZIP[:-1], ZIP[:40], ZIP[:-8] + bytes(8), ZIP[:60] + bytes(40)],
    ids=["no gzip", "without its last byte", "cut", "another checksum", "zeros within"],
)
def test_what_is_cut_or_damaged_is_refused_even_where_all_of_its_text_came(raw: bytes) -> None:
    with pytest.raises(EncodingError, match="compressed answer"):
        list(decode_pieces([raw], ["gzip"]))
