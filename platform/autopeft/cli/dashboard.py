"""``autopeft dashboard``: the way to Ray's dashboard of a running sweep."""

import contextlib
from typing import Annotated

import typer

from autopeft.cli.output import answer, say
from autopeft.cli.words import Run

EXAMPLE = "autopeft dashboard runs/tiny-clap-20260110-120000"


def dashboard(
    run: Run,
    open_: Annotated[
        bool, typer.Option("--open", help="Open the tunnel and a browser on this machine.")
    ] = False,
) -> None:
    """Print the tunnel to the dashboard of a running sweep, and where its token is.

    The dashboard listens on its host's loopback only, and asks for the token.
    """
    from autopeft.clusters.tunnel import open_tunnel, way_to_dashboard
    from autopeft.tracking.run_folder import open_run

    way = way_to_dashboard(open_run(run))
    if not open_:
        answer(f"tunnel:  {way.tunnel}")
        answer(f"open:    {way.address}")
        answer(f"token:   cat {way.token_file}")
        return
    import webbrowser

    tunnel = open_tunnel(way)
    answer(f"token:   cat {way.token_file}")
    webbrowser.open(way.address)
    say(f"{way.address}; Ctrl-C closes the tunnel" if tunnel else way.address)
    if tunnel is not None:
        with contextlib.suppress(KeyboardInterrupt):
            raise typer.Exit(int(tunnel.wait() != 0))
        tunnel.terminate()
