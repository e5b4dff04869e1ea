"""Serve several of Swift's servers from one process; its own programs are a process for each.

Usage: swift_server.py CONFIG [CONFIG ...]; a configuration is named for its server. Run as a
script: Swift patches its process.
"""

import os
import sys
import time
import warnings
from pathlib import Path

import eventlet  # type: ignore[import-untyped]
from eventlet import hubs, wsgi
from swift.common import constraints, utils  # type: ignore[import-untyped]
from swift.common.http_protocol import SwiftHttpProtocol  # type: ignore[import-untyped]
from swift.common.utils.logs import NullLogger  # type: ignore[import-untyped]
from swift.common.wsgi import (  # type: ignore[import-untyped]
    RestrictedGreenPool,
    check_config,
    loadapp,
)

CLIENT_TIMEOUT_S = 60.0
MOST_CLIENTS = 1024


def serve(path: Path) -> eventlet.greenthread.GreenThread:
    """Serve what one configuration describes, as `swift.common.wsgi.run_server` does."""
    conf, _, global_conf, strategy = check_config(str(path), f"{path.stem}-server", verbose=True)
    return eventlet.spawn(
        wsgi.server,
        strategy.no_fork_sock(),
        loadapp(conf["__file__"], global_conf=global_conf),
        NullLogger(),
        custom_pool=RestrictedGreenPool(size=MOST_CLIENTS),
        protocol=SwiftHttpProtocol,
        socket_timeout=CLIENT_TIMEOUT_S,
        capitalize_response_headers=False,  # boto3 needs "ETag"
        url_length_limit=constraints.MAX_REQUEST_LINE,
    )


def main() -> None:
    """Serve all configurations until one of their servers ends: the supervisor starts all again."""
    os.environ["TZ"] = "UTC+0"
    time.tzset()
    warnings.filterwarnings("ignore", message="capitalize_response_headers is disabled")
    hubs.use_hub(utils.get_hub())
    ended = eventlet.Queue()
    for name in sys.argv[1:]:
        serve(Path(name).absolute()).link(lambda _, name=name: ended.put(name))
    sys.exit(f"{ended.get()} ended")


if __name__ == "__main__":
    main()
