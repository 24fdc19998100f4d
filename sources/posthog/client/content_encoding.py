"""Decodes Content-Encoding: raw chunks of an answer -> its bytes, in pieces of bounded size.

httpx decodes a whole chunk at once and as many layers as the header names, so that 3.4 kB of gzip in gzip become 4 GB
in memory before they can be counted.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

PIECE = 1 << 20
"""The most bytes that are decoded at once."""
GZIP = 16 + zlib.MAX_WBITS


class EncodingError(Exception):
    """The bytes are not what the header Content-Encoding says, or hogsync does not read that encoding."""


def decode_pieces(chunks: Iterable[bytes], encodings: Iterable[str]) -> Iterator[bytes]:
    """Yield the decoded bytes of `chunks` in pieces of at most PIECE bytes; raises EncodingError.

    `encodings` are the values of the header. Only gzip is requested, so a server that uses another encoding, or more
    than one layer, is not PostHog.
    """
    layers = [name for name in (value.strip().lower() for value in encodings) if name not in {"", "identity"}]
    if not layers:
        yield from chunks
    elif layers in (["gzip"], ["x-gzip"]):
        yield from _unzipped(chunks)
    else:
        raise EncodingError("the answer has a Content-Encoding that hogsync does not read")


def _unzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of one gzip member; what follows is ignored, as browsers do. No bytes at all are no error."""
    stream, begun = zlib.decompressobj(GZIP), False
    for chunk in chunks:
        rest, begun = chunk, begun or bool(chunk)
        while rest and not stream.eof:
            try:
                piece = stream.decompress(rest, PIECE)
            except zlib.error as error:
                raise EncodingError("the compressed answer was damaged") from error
            rest = stream.unconsumed_tail
            yield piece
    if begun and not stream.eof:
        raise EncodingError("the compressed answer was cut off")
