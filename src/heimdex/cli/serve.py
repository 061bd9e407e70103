"""``heimdex serve``: the search page and the HTTP interface."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from heimdex.cli.follow import following
from heimdex.cli.output import remark, say, say_json
from heimdex.cli.running import announced, find_server, new_server
from heimdex.cli.start import start
from heimdex.cli.warm import warm_up
from heimdex.cli.watch_clip import clip_watched
from heimdex.domain.errors import BadRequest, HeimdexError

if TYPE_CHECKING:
    from heimdex.settings import Settings
    from heimdex.wiring import Library


class AddressUnusable(HeimdexError):
    """The server cannot listen there."""

    code = "address_unusable"


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None,
        typer.Option(
            envvar="PORT", min=0, max=65535, help="Port to listen on; 0 takes a free one.", show_default="8765"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as a JSON object when ready.")] = False,
) -> None:
    """Serve the search page and the HTTP interface until Ctrl-C.

    \b
    heimdex serve
    heimdex serve --port 9000
    """
    settings = start(log_to_terminal=True)
    with listen(settings, host, port) as listener:
        asyncio.run(_serve(settings, listener, as_json))


async def _serve(settings: Settings, listener: socket.socket, as_json: bool) -> None:
    from heimdex.wiring import open_library

    async with open_library(settings, stop_if_last=True) as library:
        await warm_up(library)
        async with clip_watched(library.embedder, settings):
            await serve_library(
                library,
                settings,
                listener,
                lambda url: say_json({"url": url}) if as_json else say(f"heimdex is ready: {url}"),
            )
    remark("stopped.")


def listen(settings: Settings, host: str | None, port: int | None) -> socket.socket:
    """Return a socket that is bound; None takes the host and port of the settings.

    Raises:
        BadRequest: the address is not of this machine alone.
        AddressUnusable: the port is taken or forbidden, or a server runs already.
    """
    host = settings.web.host if host is None else host
    port = settings.web.port if port is None else port
    _only_this_machine(host)
    if running := find_server(settings.data_dir):
        raise AddressUnusable(
            f"A server already runs for this library: {running.url} (process {running.pid}).",
            remedy="Use it, or stop it first.",
        )
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise AddressUnusable(
            f"Port {port} of {host} cannot be used: {error.strerror}.",
            remedy="Choose another: PORT=8766, or --port 0 for any free one.",
        ) from None
    return listener


async def serve_library(
    library: Library, settings: Settings, listener: socket.socket, on_ready: Callable[[str], None]
) -> None:
    """Serve an open library until SIGINT or SIGTERM; ``on_ready`` gets the address once the server answers."""
    import uvicorn

    from heimdex.web.app import create_app
    from heimdex.web.guard import LOOPBACK

    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    instance = secrets.token_hex(8)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            on_ready(url)

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            # uvicorn's own handlers raise the signal again once it is done: that would end the
            # process before the library is closed
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.handle_exit, number, None)
            yield
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    app = create_app(library, hosts=LOOPBACK | {host}, instance=instance)
    options = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=3,
    )  # fmt: skip
    with announced(settings.data_dir, new_server(url, instance, settings)):
        async with following(library):
            await Server(options).serve(sockets=[listener])


def _only_this_machine(host: str) -> None:
    if host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise BadRequest(
            f"Listening on {host} would show your videos to others, without a password.",
            remedy="Use --host 127.0.0.1, and a reverse proxy with authentication or an SSH tunnel for other machines.",
        )
