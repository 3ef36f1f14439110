"""Firewall log lines to JSON, on three named ports."""

from nomad_jobs.model import Check, Override, Port, Process, Route, Sample, Service, Size, command
from nomad_jobs.registry import app_container

_REJECTED = "2 123456789010 eni-1235b8ca 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK"
"""AWS's own example of a rejected connection, from its documentation of VPC flow logs."""
_APP = command(
    "python3 -m nomad_jobs.apps.fw_parse",
    "--host ${BERTH_BIND}",
    "--http-port ${NOMAD_PORT_http}",
    "--https-port ${NOMAD_PORT_https}",
    "--admin-port ${NOMAD_PORT_admin}",
)

FW_PARSE = Service(
    name="fw-parse",
    summary="Firewall log lines to JSON",
    container=app_container("fw-parse", _APP),
    process=Process(argv=_APP),
    size=Size(cpu_mhz=500, memory_mb=256),
    overrides=(Override(stack="local", cpu_mhz=100, memory_mb=128),),
    ports=(
        Port(label="http", container=1337),
        Port(label="https", container=1339),
        Port(label="admin", container=3000),
    ),
    checks=(Check(port="http"), Check(port="https", protocol="https"), Check(port="admin")),
    route=Route(
        host="fw-parse",
        max_body_mb=8,
        sample=Sample(path="/parse", json={"log": _REJECTED}, expect="172.31.9.69"),
    ),
)
