"""What every command does first: read the settings, send the log where it belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heimdex.domain.errors import HeimdexError

if TYPE_CHECKING:
    from heimdex.settings import Settings


class DataFolderUnusable(HeimdexError):
    """The data directory cannot be made or written."""

    code = "data_folder_unusable"


def start(*, log_to_terminal: bool = False, **overrides: object) -> Settings:
    """Return the settings, with the log going to ``<data_dir>/logs/heimdex.log``.

    Args:
        log_to_terminal: also write the log lines to stderr; a server does, other commands do not.

    Raises:
        SettingsInvalid: a setting has a value that cannot work.
        DataFolderUnusable: the data directory cannot be written.
    """
    from heimdex.settings import load_settings
    from heimdex.telemetry.log import configure_logging

    settings = load_settings(**overrides)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        configure_logging(
            settings.log.level,
            settings.log.format,
            stderr=log_to_terminal,
            file=settings.data_dir / "logs" / "heimdex.log",
        )
    except OSError as error:
        raise DataFolderUnusable(
            f"The data directory {settings.data_dir} cannot be used: {error.strerror}.",
            remedy="Set HEIMDEX_DATA_DIR to a folder that you may write to.",
        ) from None
    return settings
