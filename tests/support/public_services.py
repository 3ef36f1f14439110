"""Services that run images which somebody else built, as short as a user would write them.

docs/images.md shows their lines. What each answers, and how it says that it was stopped, is in the tests that run them.
"""

from nomad_jobs.model import Check, Container, Env, Port, Route, Sample, Service, Size, User

NGINX = Service(
    name="nginx",
    summary="Starts as root, and drops root's rights itself",
    container=Container(
        image="nginx:1.22.1",
        is_root_writable=True,
        capabilities=("chown", "setgid", "setuid"),
    ),
    ports=(Port(container=80),),
    checks=(Check(path="/"),),
    route=Route(host="nginx"),
)

PROMETHEUS = Service(
    name="prometheus",
    summary="Does not run as root, and writes to its volume",
    container=Container(image="prom/prometheus:v2.42.0"),
    ports=(Port(container=9090),),
    checks=(Check(path="/-/ready"),),
    route=Route(host="prometheus", sample=Sample(path="/-/ready")),
)

PUSHGATEWAY = Service(
    name="pushgateway",
    summary="Has an entrypoint alone; argv is what follows it",
    container=Container(image="prom/pushgateway:v1.5.1", argv=("--log.format=json",)),
    ports=(Port(container=9091),),
    checks=(Check(path="/-/ready"),),
    route=Route(host="pushgateway", sample=Sample(path="/-/ready")),
)

SHOP = Service(
    name="shop",
    summary="Has a command alone, which a shell reads",
    container=Container(image="example/shop:1"),
    env=(Env(name="PORT", value="8000"),),
    ports=(Port(container=8000),),
    checks=(Check(path="/"),),
    route=Route(host="shop", longest_request_s=8),
)

CADDY = Service(
    name="caddy",
    summary="Listens on port 80 without being root",
    container=Container(image="caddy:2.6.2", capabilities=("net_bind_service",)),
    ports=(Port(container=80),),
    checks=(Check(path="/"),),
    route=Route(host="caddy"),
)

REDIS = Service(
    name="redis",
    summary="Would start as root to become its user; started as that user, it needs nothing",
    container=Container(image="redis:7.0.15", user=User(uid=999, gid=999)),
    ports=(Port(container=6379),),
    checks=(Check(protocol="tcp"),),
)

POSTGRES = Service(
    name="postgres",
    summary="As Redis; it writes its socket beside its volume",
    container=Container(image="postgres:15", user=User(uid=999, gid=999), is_root_writable=True),
    size=Size(memory_mb=256),
    env=(Env(name="POSTGRES_PASSWORD", value="of a test"),),
    ports=(Port(container=5432),),
    checks=(Check(protocol="tcp"),),
)

FIVE = (NGINX, PROMETHEUS, PUSHGATEWAY, SHOP, CADDY)
ALL = (*FIVE, REDIS, POSTGRES)
