"""Records a history of every kind of run, into a folder of its own; older recordings stay as they are."""

import asyncio
import re
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import Message
from temporalio.api.history.v1 import History
from temporalio.client import Client, WorkflowHistory
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from runmend.core.settings import Settings
from runmend.runs.connection import register_search_attributes
from runmend.runs.converter import data_converter
from tests.histories import stored
from tests.histories.kinds import KINDS, play
from tests.temporal.support import ROOT, TEMPORAL
from tests.world import a_world_on
from workflows.remediation import Remediation

NOBODY: Final = "runmend"
"""The identity of client and worker, which is the process and the host by default."""
AT_ONCE: Final = 4
MOST_BYTES: Final = 90_000


class Unfit(Exception):
    """A recorded history is not fit to be kept."""


async def record(say: Callable[[str], None], name: str) -> Path:
    """Play every kind of run on a Temporal of its own and keep their histories in `recorded/NAME`, all or none.

    Raises:
        Unfit: a history says something of this machine, is too large, or does not replay.
        FileExistsError: there is a recording of that name.
    """
    folder = stored.RECORDED / name
    if folder.exists():
        raise FileExistsError(f"{folder} is there already; no recording is overwritten")
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(TEMPORAL), dev_server_log_level="never"
    ) as temporal:
        address = temporal.client.service_client.config.target_host
        client = await Client.connect(address, data_converter=data_converter, identity=NOBODY)
        await register_search_attributes(client)
        slots = asyncio.Semaphore(AT_ONCE)

        async def recorded(kind: str) -> str:
            async with slots:
                text = await _record(client, kind)
                say(f"{kind}: {text.count('eventId')} events, {len(text.encode()) / 1000:.0f} kB")
                return text

        async with asyncio.TaskGroup() as group:
            tasks = {kind: group.create_task(recorded(kind), name=kind) for kind in KINDS}
    _keep(folder, {kind: task.result() for kind, task in tasks.items()})
    return folder


def _keep(folder: Path, texts: Mapping[str, str]) -> None:
    """Write a recording in one stroke: whoever interrupts it leaves no half of one."""
    stored.RECORDED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=stored.RECORDED.parent) as staged:
        whole = Path(staged, folder.name)
        whole.mkdir()
        for kind, text in texts.items():
            (whole / f"{kind}.json").write_text(text, encoding="utf-8")
        whole.rename(folder)


async def _record(client: Client, kind: str) -> str:
    """The history of one kind of run, as it is kept."""
    with tempfile.TemporaryDirectory() as directory:
        async with a_world_on(
            WorkflowEnvironment.from_client(client), Path(directory), Settings(cluster=kind)
        ) as world:
            handle = await play(kind, world)
            events = History(events=(await handle.fetch_history()).events)
    anonymous(events)
    if found := sorted(traces(events)):
        raise Unfit(f"{kind} says something of this machine: {', '.join(found)}")
    text = stored.written(events)
    if len(text.encode()) > MOST_BYTES:
        raise Unfit(f"{kind} has {len(text.encode())} bytes, more than {MOST_BYTES}")
    read_again = WorkflowHistory.from_json(kind, text)
    await Replayer(workflows=[Remediation], data_converter=data_converter).replay_workflow(read_again)
    return text


def anonymous(message: Message) -> None:
    """Take out of a history what differs from machine to machine and means nothing to a replay: the worker's build, and
    stacks."""
    for field, value in message.ListFields():
        if field.name == "stack_trace":
            message.ClearField(field.name)
        elif field.name == "build_id":
            setattr(message, field.name, NOBODY)
        else:
            for part in _messages(value):
                anonymous(part)


def traces(message: Message) -> Iterator[str]:
    """What a history says of the machine and the person that recorded it: names of host and folders, payloads
    included."""
    names = (socket.gethostname(), str(ROOT), str(Path.home()), tempfile.gettempdir())
    telling = re.compile("|".join((*(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in names), r"\d+@[\w.-]+")))
    for text in _texts(message):
        if found := telling.search(text):
            yield found.group()


def _texts(message: Message) -> Iterator[str]:
    for _, value in message.ListFields():
        plain = value if isinstance(value, (str, bytes)) else ""
        yield plain.decode(errors="ignore") if isinstance(plain, bytes) else plain
        for part in _messages(value):
            yield from _texts(part)


def _messages(value: Any) -> Iterator[Message]:
    """The messages in a field: one, several, or a map's; a scalar has none."""
    if isinstance(value, Message):
        yield value
    elif isinstance(value, Mapping):
        yield from (part for part in value.values() if isinstance(part, Message))
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        yield from (part for part in value if isinstance(part, Message))
