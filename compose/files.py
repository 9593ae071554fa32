"""Files that appear whole or not at all."""

import shutil
from pathlib import Path

PRIVATE = 0o600


def write_whole(path: Path, content: str | bytes, mode: int = PRIVATE, user: str | None = None) -> None:
    """Write a file beside its place, give it its mode and owner, and move it there: a reader never finds half of it."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=PRIVATE)
    partial.write_bytes(content.encode() if isinstance(content, str) else content)
    partial.chmod(mode)
    if user:
        shutil.chown(partial, user, user)
    partial.replace(path)
