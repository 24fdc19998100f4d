"""A sandbox in the place of PostHog Cloud: https, its host name, and the request budget that hogsync keeps there."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sources.sandbox import Sandbox

CERTIFICATE = Path(__file__).with_suffix(".pem")


@contextmanager
def in_the_cloud(posthog: Sandbox) -> Iterator[dict[str, Any]]:
    """Variables of an environment from which us.posthog.com, the default host, is this sandbox: by a proxy."""
    loop = asyncio.new_event_loop()
    proxy = loop.run_until_complete(_listening(posthog))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield {
            "POSTHOG_HOST": None,
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}",
            "SSL_CERT_FILE": str(CERTIFICATE),
        }
    finally:
        loop.call_soon_threadsafe(proxy.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _listening(posthog: Sandbox) -> asyncio.Server:
    there = urlsplit(posthog.url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    async def connect(client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        await client.readuntil(b"\r\n\r\n")
        answers.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await answers.start_tls(context)
        server, requests = await asyncio.open_connection(there.hostname, there.port)
        await asyncio.gather(_pass_on(client, requests), _pass_on(server, answers))

    return await asyncio.start_server(connect, "127.0.0.1")


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while said := await source.read(1 << 16):
            target.write(said)
            await target.drain()
        target.close()
