"""Every side effect of a run: observing, the steps' operations, verification, the report.

No activity's thread is interrupted (`no_thread_cancel_exception`): a worker hears of a cancellation where it tells that
it still works, and an exception in the middle of a write would leave nobody who knows whether it was made.
"""
