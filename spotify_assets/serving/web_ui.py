"""Dagster's web UI behind our guard.

`dagster-webserver` itself answers every page of every browser that reaches it, also with runs launched,
schedules stopped, runs deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import uvicorn
from dagster import DagsterInstance
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__

from spotify_assets.serving.guard import Application, Guard, GuardedApplication, own_hosts

STATEMENT_MILLISECONDS, POOL_RECYCLE_SECONDS, POOL_OVERFLOW = 15_000, 3_600, 20
"""As dagster-webserver sets them for a server that runs for long."""
POST_ONLY = ("/graphql", "/report_asset_")
"""Dagster also takes whole mutations from a query string."""
NOT_LINKED = ("/logs", "/notebook", "/dagit", "/download_debug", "/server_info")


def web_ui_guard(*hosts: str | None) -> Guard:
    """Return the guard of a web UI that is reached on loopback and under these names."""
    return Guard(own_hosts(*hosts), json_only=True, post_only=POST_ONLY, not_linked=NOT_LINKED)


@contextmanager
def guarded_web_ui(
    open_workspace: Callable[[DagsterInstance, str], AbstractContextManager[Any]], guard: Guard
) -> Iterator[Application]:
    """Dagster's web UI on the instance of DAGSTER_HOME, as an application behind a guard.

    Args:
        open_workspace: Gives what is shown, by Dagster's records and the version of its web server.
        guard: What requests have to look like.
    """
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(STATEMENT_MILLISECONDS, POOL_RECYCLE_SECONDS, POOL_OVERFLOW)
        with open_workspace(instance, __version__) as context:
            yield GuardedApplication(create_app_from_workspace_process_context(context), guard)


def web_ui_server(application: Application, host: str, port: int) -> uvicorn.Server:
    """Return the server that listens."""
    return uvicorn.Server(
        uvicorn.Config(
            application,
            host=host,
            port=port,
            log_level="warning",
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )
