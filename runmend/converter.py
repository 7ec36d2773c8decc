"""How values become payloads: as with `temporalio.contrib.pydantic`, with one set of type adapters for the whole process.

Temporal makes a converter for each run and each activity, and the stock one begins with an empty cache each time: the adapters of a run's
eight types cost 2 ms of its 45. Used by every client of ours; what it writes is what the stock converter writes.
"""

from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import CompositePayloadConverter, DataConverter

_CONVERTERS = tuple(PydanticPayloadConverter().converters.values())


class SharedPayloadConverter(CompositePayloadConverter):
    """Pydantic's payload converter; what it is made of is made once."""

    def __init__(self) -> None:
        super().__init__(*_CONVERTERS)


data_converter = DataConverter(payload_converter_class=SharedPayloadConverter)
