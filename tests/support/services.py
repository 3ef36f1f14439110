"""Small services for live tests, on the standard library's web server."""

from dataclasses import replace
from typing import Any

from nomad_jobs.model import Check, File, Port, Process, Route, Sample, Service, Size, Source
from nomad_jobs.registry import app_container

_PYTHON = (
    "import runpy, signal; signal.signal(signal.SIGTERM, signal.default_int_handler);"
    " runpy.run_module('http.server', run_name='__main__')"
)
"""As the first process of a container, Python ends at no signal that it has no handler for."""
_SERVE = f'python3 -c "{_PYTHON}" --bind $BERTH_BIND --directory . $NOMAD_PORT_http'
_IMAGE = "bot-detector"
"""An image of ours, for what is in it: a shell and Python."""


def web(name: str, *, says: str = "v1", setup: str = "true", **changes: Any) -> Service:
    """A service whose `/said` holds `says`; `setup` is a shell command that runs first."""
    serve = f"mkdir -p local/www && cd local/www && printf %s '{says}' > said && exec {_SERVE}"
    script = f"cd $NOMAD_TASK_DIR/.. && {setup} && {serve}"
    argv = ("/bin/sh", "-c", script)
    values: dict[str, Any] = {
        "name": name,
        "summary": "A test",
        "container": app_container(_IMAGE, argv),
        "process": Process(argv=argv),
        "size": Size(starts_within_s=20),
        "ports": (Port(container=8000),),
        "checks": (Check(path="/said", interval_s=1),),
        "route": Route(host=name, longest_request_s=2, sample=Sample(path="/said", expect=says)),
    }
    return Service(**{**values, **changes})


def commanded(service: Service, *argv: str) -> Service:
    """Give the service with another command, under either driver."""
    return replace(service, container=replace(service.container, argv=argv), process=Process(argv=argv))


def echo(name: str, **route: Any) -> Service:
    """A service that answers with what reached it; see tests/support/echo_server.py."""
    argv = ("python3", "${NOMAD_TASK_DIR}/echo_server.py", "${BERTH_BIND}", "${NOMAD_PORT_http}")
    sample = Sample(path="/said", expect='"method": "GET"')
    return Service(
        name=name,
        summary="A test",
        container=app_container(_IMAGE, argv),
        process=Process(argv=argv),
        size=Size(starts_within_s=20),
        ports=(Port(container=8000),),
        checks=(Check(path="/said", interval_s=1),),
        route=Route(host=name, **{"longest_request_s": 5, "sample": sample, **route}),
        files=(File(path="local/echo_server.py", parts=(Source("tests/support/echo_server.py"),)),),
    )
