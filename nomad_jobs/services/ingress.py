"""The front door: NGINX on every ingress node, routing to what Consul says is healthy."""

from nomad_jobs.model import (
    Check,
    File,
    Kind,
    OnChange,
    Origin,
    Override,
    PoolKind,
    Port,
    Process,
    Route,
    Sample,
    Secret,
    Service,
    Size,
    Source,
    Versions,
    command,
)
from nomad_jobs.registry import app_container

_TLS = Secret(name="tls", fields=("certificate", "private_key"), origin=Origin.CERTIFICATE)
_CERTIFICATE = _TLS["certificate"].raw
_PRIVATE_KEY = _TLS["private_key"].raw
_START = command("/bin/bash ${NOMAD_TASK_DIR}/start.sh")
_APPLY = command("/bin/bash local/apply.sh")

INGRESS = Service(
    name="ingress",
    summary="The front door: NGINX, routing to what Consul says is healthy",
    kind=Kind.SYSTEM,
    pool=PoolKind.INGRESS,
    container=app_container("ingress", _START),
    process=Process(argv=_START, stop_signal="SIGQUIT"),  # NGINX finishes its requests; SIGTERM would cut them
    size=Size(cpu_mhz=1000, memory_mb=512),
    overrides=(Override(stack="local", cpu_mhz=100, memory_mb=128),),
    ports=(
        Port(label="http", container=8080, platform_field="http_port"),
        Port(label="https", container=8443, platform_field="https_port"),
        Port(label="status", container=8081),
    ),
    checks=(Check(port="status", path="/healthz"),),
    route=Route(host="ingress", port="status", paths=("/healthz",), sample=Sample(path="/healthz", expect="ok")),
    files=(
        File(path="local/next/nginx.conf", parts=(Source("nginx/nginx.conf"),), is_template=True),
        File(path="local/start.sh", parts=(Source("nginx/start.sh"),)),
        File(path="local/apply.sh", parts=(Source("nginx/apply.sh"),)),
        # One file, so that NGINX never reads a certificate with the key of another.
        File(
            path="secrets/tls.pem",
            parts=("berth versions ", Versions(), "\n", _CERTIFICATE, "\n", _PRIVATE_KEY, "\n"),
            on_change=OnChange.SCRIPT,
            script=_APPLY,
        ),
        File(
            path="local/next/sites.conf",
            parts=(Source("nginx/templates/sites.conf.ctmpl"),),
            is_template=True,
            on_change=OnChange.SCRIPT,
            script=_APPLY,
        ),
    ),
)
