"""A child process that runs dbt commands one after another: a JSON line in, a JSON line out.

dbt keeps global state and warns in ways that a strict test run turns into errors, so it gets a process
of its own; one process for many commands, because starting dbt and reading the project cost seconds. The
first command reads the project in the ordinary way, later ones reuse what it read.
"""

from __future__ import annotations

import contextlib
import json
import sys

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest


def main() -> None:
    replies = sys.stdout
    manifest: Manifest | None = None
    for line in sys.stdin:
        arguments = json.loads(line)
        with contextlib.redirect_stdout(sys.stderr):
            if manifest is None:
                parsed = dbtRunner().invoke(["parse", *arguments["common"]])
                if not isinstance(parsed.result, Manifest):
                    raise SystemExit(f"dbt cannot read the project: {parsed.exception}")
                manifest = parsed.result
            outcome = dbtRunner(manifest=manifest).invoke([*arguments["command"], *arguments["common"]])
        results = getattr(outcome.result, "results", None) or []
        reply = {
            "success": outcome.success,
            "exception": str(outcome.exception) if outcome.exception else None,
            "results": [
                {"id": result.node.unique_id, "status": str(result.status), "message": result.message}
                for result in results
            ],
        }
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
