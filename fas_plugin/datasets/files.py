"""Writing files so that a reader sees either the whole new file or the old one."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

#: The file that says "synthetic" in the folder that holds the datasets.
MARKER = "SYNTHETIC.json"


class DiskFullError(OSError):
    """No space left where results are written."""


def write_file(path: Path, content: bytes) -> None:
    """Write ``content`` to a temporary name beside ``path`` and rename it; makes the folder.

    Raises:
        DiskFullError: no space or quota left.
    """
    with writing(path) as file:
        file.write(content)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """The same for content that comes piece by piece; after an error ``path`` is as it was.

    Raises:
        DiskFullError: no space or quota left.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with reporting_full_disk(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                yield file
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


@contextmanager
def reporting_full_disk(folder: Path) -> Iterator[None]:
    """Turn "no space left" from the operating system into one message with the remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFullError(
            f"no space left for {folder}: free some and run the same command again; "
            "what is finished is kept"
        ) from None


#: Bytes from either end of a file that its fingerprint looks at.
FINGERPRINT_BYTES = 65_536


def fingerprint(path: Path) -> str:
    """SHA-256 over a file's size in decimal, its first and its last 64 KiB, in hexadecimal.

    It tells one clip from another without reading gigabytes; it proves no integrity.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest = hashlib.sha256(str(size).encode())
        digest.update(file.read(FINGERPRINT_BYTES))
        file.seek(max(0, size - FINGERPRINT_BYTES))
        digest.update(file.read(FINGERPRINT_BYTES))
    return digest.hexdigest()
