"""The front door: NGINX on every ingress node, routing to what Consul says is healthy."""

from nomad_jobs.model import (
    Check,
    Container,
    File,
    Kind,
    OnChange,
    Origin,
    Pool,
    Port,
    Process,
    Route,
    Sample,
    Secret,
    Service,
    Source,
)

_TLS = Secret(name="tls", fields=("certificate", "private_key"), origin=Origin.CERTIFICATE)
_START = ("/bin/sh", "${NOMAD_TASK_DIR}/start.sh")

INGRESS = Service(
    name="ingress",
    summary="The front door: NGINX, routing to what Consul says is healthy",
    kind=Kind.SYSTEM,
    pool=Pool.INGRESS,
    container=Container(image="nginx:1.28.0", argv=_START, cpu_mhz=1000, memory_mb=512),
    process=Process(argv=_START),
    ports=(
        Port(label="http", container=8080, platform_field="http_port"),
        Port(label="https", container=8443, platform_field="https_port"),
        Port(label="status", container=8081),
    ),
    checks=(Check(port="status", path="/healthz"),),
    route=Route(host="ingress", port="status", sample=Sample(path="/healthz", expect="ok")),
    files=(
        File(path="local/next/nginx.conf", parts=(Source("nginx/nginx.conf"),), is_template=True),
        File(path="local/start.sh", parts=(Source("nginx/start.sh"),)),
        File(path="local/apply.sh", parts=(Source("nginx/apply.sh"),)),
        File(path="secrets/tls.crt", parts=(_TLS["certificate"].as_it_is,)),
        File(path="secrets/tls.key", parts=(_TLS["private_key"].as_it_is,)),
        File(
            path="local/next/sites.conf",
            parts=(Source("nginx/templates/sites.conf.ctmpl"),),
            is_template=True,
            on_change=OnChange.SCRIPT,
            script=("/bin/sh", "local/apply.sh"),
        ),
    ),
)
