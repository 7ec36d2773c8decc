"""Clients of the bridge that behave badly, over real sockets of loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx

UNFINISHED_HEADERS = b"POST /alerts HTTP/1.1\r\nHost: bridge\r\nX-Slow: "
UNFINISHED_BODY = b'POST /alerts HTTP/1.1\r\nHost: bridge\r\nContent-Length: 100000\r\n\r\n{"alerts": ['
PATIENCE = 30.0


@dataclass
class Attacker:
    """A connection that is used badly."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answered(self, seconds: float = PATIENCE) -> bytes:
        """All that it is answered until the other side hangs up."""
        answer = b""
        async with asyncio.timeout(seconds):
            with suppress(ConnectionError):
                while more := await self.reader.read(65536):
                    answer += more
        return answer

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def attacker(address: str, says: bytes = b"", *, buffer: int | None = None) -> AsyncIterator[Attacker]:
    """Connect, and say something; `buffer`: how many bytes wait at most to be read here."""
    url = httpx.URL(address)
    client = socket.socket()
    if buffer is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(client, (url.host, url.port))
    except BaseException:
        client.close()
        raise
    made = Attacker(*await asyncio.open_connection(sock=client, limit=2**10 if buffer else 2**16))
    made.writer.write(says)
    try:
        yield made
    finally:
        await made.close()


def head(answer: bytes) -> tuple[int, dict[str, str]]:
    """The status and the headers of an answer."""
    first, *rest = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return int(first.split(" ")[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
