"""What has to be closed is closed by leaving its `with`."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closing:
    """Gives a class with a `close()` the methods of a context manager."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
