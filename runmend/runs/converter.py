"""How values become payloads: as with `temporalio.contrib.pydantic`, with one set of type adapters for the whole
process.

Temporal makes a converter for each run and each activity, and the stock one begins with an empty cache each time: the
adapters of a run's eight types cost 2 ms of its 45. Used by every client of ours; what it writes is what the stock
converter writes.
"""

from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import CompositePayloadConverter, DataConverter, DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import ApplicationError

from runmend.core.errors import RunmendError

_CONVERTERS = tuple(PydanticPayloadConverter().converters.values())


class SharedPayloadConverter(CompositePayloadConverter):
    """Pydantic's payload converter; what it is made of is made once."""

    def __init__(self) -> None:
        super().__init__(*_CONVERTERS)


class PlainFailureConverter(DefaultFailureConverter):
    """Leaves the stack out of what we raise ourselves: its words are meant for who reads the run.

    A fault of the program keeps it.
    """

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """Fill a failure from an exception and its causes."""
        super().to_failure(exception, payload_converter, failure)
        if isinstance(exception, (ApplicationError, RunmendError)):
            failure.stack_trace = ""


data_converter = DataConverter(
    payload_converter_class=SharedPayloadConverter, failure_converter_class=PlainFailureConverter
)
