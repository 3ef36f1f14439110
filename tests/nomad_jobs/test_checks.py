"""What services must agree on with each other and with their platform."""

import json
from dataclasses import replace
from typing import Any

import pytest

from nomad_jobs.catalog import SERVICES
from nomad_jobs.checks import check, deploy_order, mixed_up
from nomad_jobs.errors import BerthError, ConfigError, ManyErrors
from nomad_jobs.images import Pins
from nomad_jobs.model import (
    Database,
    DynamicAws,
    DynamicDatabase,
    Env,
    File,
    Gpus,
    Kind,
    Override,
    Peers,
    PoolKind,
    Port,
    Route,
    Service,
    Size,
    StaticDatabase,
    TransitKey,
    aws_file,
    database_url,
)
from nomad_jobs.platform import Platform
from tests.nomad_jobs.test_model import build
from tests.support.platforms import CLOUD, CONTAINERS, LAPTOP, test_pins

STACKS = ("dev", "prod")


def faults(*services: Service, platform: Platform = LAPTOP, pins: Pins | None = None, stacks: Any = ()) -> str:
    with pytest.raises(BerthError) as caught:
        check(services, platform, pins or Pins(), stacks)
    assert caught.value.code == 2
    return str(caught.value)


def using(name: str, *peers: str) -> Service:
    return build(name=name, files=(File(path="local/peers", parts=tuple(Peers(peer) for peer in peers)),))


def test_the_catalogue_itself_passes_on_both_platforms() -> None:
    check(SERVICES, LAPTOP, Pins(), STACKS)
    check(SERVICES, CLOUD, test_pins(*(service.container.image for service in SERVICES)), STACKS)


@pytest.mark.parametrize(
    ("services", "says"),
    [
        ((build(), build()), "2 services have the service name 'app'"),
        ((build(name="a1", route=Route(host="x")), build(name="b1", route=Route(host="x"))), "the route host 'x'"),
        (
            (build(ports=(Port(container=8000), Port(label="two", container=8001))), build(name="app-two")),
            "2 services have the name in Consul 'app-two'",
        ),
        ((using("one", "gone"),), "uses 'gone', which is not in the catalogue"),
        ((build(size=Size(gpus=Gpus(count=9))),), "asks for 9 GPUs, but a node of pool 'all' has 8"),
        ((build(route=Route(host="x", longest_request_s=3600)),), "needs 3610 s to stop, but nodes allow 600 s"),
    ],
)
def test_a_disagreement_is_named(services: tuple[Service, ...], says: str) -> None:
    assert says in faults(*services)


def test_a_cloud_stack_refuses_an_image_without_a_pin_and_says_which_command_makes_it() -> None:
    said = faults(build(), platform=CLOUD)
    assert "image app:1: has no digest in images.lock" in said
    assert "`berth images pin app`" in said


def test_a_gpu_model_that_no_pool_has_is_refused() -> None:
    asks = build(pool=PoolKind.GPU, size=Size(gpus=Gpus(count=8, model="B200")))
    assert "asks for B200 GPUs, but pool 'gpu-h200' has NVIDIA H200" in faults(
        asks, platform=CLOUD, pins=test_pins("app:1")
    )


def test_a_name_that_begins_as_another_is_a_name_like_any_other() -> None:
    check((build(name="app"), build(name="app-worker")), LAPTOP, Pins())
    (fault,) = mixed_up((build(name="app"), build(name="app-worker"), build(name="other")))
    assert "service 'app': is the beginning of 'app-worker'" in str(fault)


@pytest.mark.parametrize("domain", [".".join(["a" * 63] * 4), ".".join("abcdefg")])
def test_a_host_that_the_front_door_would_not_take_is_refused(domain: str) -> None:
    platform = LAPTOP.model_copy(update={"domain": domain})
    assert "choose a shorter host or domain" in faults(build(route=Route(host="host")), platform=platform)


def test_a_parked_service_needs_no_gpus() -> None:
    check((build(size=Size(instances=0, gpus=Gpus(count=9))),), LAPTOP, Pins())


def with_nodes(nodes: int) -> Platform:
    pools = {**CLOUD.pools, "gpu": CLOUD.pools["gpu"].model_copy(update={"nodes": nodes})}
    return CLOUD.model_copy(update={"pools": pools})


@pytest.mark.parametrize("kind", Kind)
def test_a_pool_without_nodes_is_named_with_what_would_run_there(kind: Kind) -> None:
    said = faults(build(pool=PoolKind.GPU, kind=kind), platform=with_nodes(0), pins=test_pins("app:1"))
    assert said == (
        "service 'app' on prod: runs on pool 'gpu-h200', which has no nodes — "
        "give the pool nodes, or Override(stack='prod', instances=0) parks it"
    )


def test_a_parked_service_needs_no_nodes() -> None:
    parked = build(pool=PoolKind.GPU, overrides=(Override(stack="prod", instances=0),))
    check((parked,), with_nodes(0), test_pins("app:1"))


def test_a_stack_that_does_not_exist_has_no_overrides() -> None:
    said = faults(build(overrides=(Override(stack="staging", instances=2),)), stacks=STACKS)
    assert said == (
        "service 'app': has an override for stack 'staging', which does not exist — "
        "there is local, dev, prod; each but local has a Pulumi.<stack>.yaml"
    )


def test_what_uses_an_absent_service_is_named_with_the_stack() -> None:
    base = build(name="base", overrides=(Override(stack="dev", absent=True),))
    said = faults(using("web", "base"), base, stacks=STACKS)
    assert said == (
        "service 'web' on dev: uses 'base', which is absent — let it be absent as well, or let what it uses be there"
    )
    check(
        (replace(using("web", "base"), overrides=(Override(stack="dev", absent=True),)), base), LAPTOP, Pins(), STACKS
    )


def test_a_disagreement_is_named_with_its_stack_unless_it_is_on_all_of_them() -> None:
    one = build(name="one", route=Route(host="one"), overrides=(Override(stack="dev", host="two"),))
    assert faults(one, build(name="two", route=Route(host="two")), stacks=STACKS) == (
        "catalogue on dev: 2 services have the route host 'two' — each must have its own"
    )
    assert faults(build(), build(), stacks=STACKS) == (
        "catalogue: 2 services have the service name 'app' — each must have its own\n"
        "catalogue: 2 services have the name in Consul 'app' — each must have its own"
    )


def test_only_what_the_stack_runs_needs_a_pin() -> None:
    service = build(overrides=(Override(stack="prod", tag="2"), Override(stack="dev", tag="3")))
    assert service.images == ("app:1", "app:2", "app:3")
    check((service,), CLOUD, test_pins("app:2"), STACKS)
    assert "image app:2: has no digest" in faults(service, platform=CLOUD, pins=test_pins("app:1"))


def test_everything_is_named_at_once() -> None:
    with pytest.raises(ManyErrors) as caught:
        check((build(), build(), using("one", "gone")), LAPTOP, Pins())
    assert len(caught.value.errors) >= 2


def test_services_come_after_what_they_use() -> None:
    order = deploy_order((using("web", "mid"), using("mid", "base"), build(name="base"), build(name="free")))
    assert [[service.name for service in wave] for wave in order] == [["base", "free"], ["mid"], ["web"]]


def test_what_is_used_but_not_deployed_now_is_taken_to_run() -> None:
    assert [[service.name for service in wave] for wave in deploy_order((using("web", "base"),))] == [["web"]]


def test_a_circle_is_refused() -> None:
    with pytest.raises(ConfigError, match="a1, b1 need each other in a circle"):
        deploy_order((using("a1", "b1"), using("b1", "a1")))


def test_an_unready_platform_record_is_refused_field_by_field() -> None:
    wrong: dict[str, Any] = {**CLOUD.model_dump(mode="json"), "version": 2, "driver": "lxc", "surprise": 1}

    with pytest.raises(ConfigError) as caught:
        Platform.from_json(json.dumps(wrong), where="record")
    for field in ("version", "driver", "surprise"):
        assert field in str(caught.value)


def test_plain_http_is_refused_anywhere_but_on_loopback() -> None:

    wrong = {**CLOUD.model_dump(mode="json"), "nomad_url": "http://10.0.0.1:4646"}
    with pytest.raises(ConfigError, match="plain http is for loopback only"):
        Platform.from_json(json.dumps(wrong), where="record")


def test_a_record_survives_writing_and_reading() -> None:
    assert Platform.from_json(CLOUD.to_json(), where="record") == CLOUD


ORDERS = Database(name="orders", host="orders.db.internal", database="orders")
USER = DynamicDatabase(database=ORDERS, grants=("SELECT ON ALL TABLES IN SCHEMA public",))


def with_users(name: str, *users: DynamicDatabase | StaticDatabase) -> Service:
    return build(name=name, env=tuple(Env(name=f"URL_{n}", value=database_url(one)) for n, one in enumerate(users)))


def test_credentials_that_vault_could_not_tell_apart_are_refused() -> None:
    elsewhere = replace(USER, database=replace(ORDERS, host="other.db.internal"))
    said = faults(with_users("one", USER), with_users("two", elsewhere))
    assert "service 'two': means another database 'orders' than a service before it" in said
    said = faults(with_users("one", USER, replace(USER, ttl_s=60)))
    assert "service 'one': asks for 2 different database/creds/berth-one.orders" in said
    app = StaticDatabase(database=ORDERS, user="app")
    said = faults(with_users("one", app), with_users("two", app))
    assert "service 'two': asks for the user 'app' of 'orders', whose password Vault changes for 'one'" in said
    check([with_users("one", USER, app), with_users("two", USER, replace(app, user="other"))], LAPTOP, Pins())


KEYS = DynamicAws(buckets=("models",))


def with_keys(keys: DynamicAws) -> Service:
    return build(files=(aws_file("secrets/aws", keys, is_reread=True),))


def test_keys_of_aws_need_a_role_and_a_bucket_that_is_for_services() -> None:
    pins = test_pins("app:1")
    assert "asks for keys of AWS, which this stack gives to none" in faults(with_keys(KEYS), platform=CLOUD, pins=pins)
    said = faults(with_keys(DynamicAws(buckets=("snapshots",))))
    assert "asks for the bucket 'snapshots', which is none for services — ask for benchmarks or models" in said
    check([with_keys(KEYS)], LAPTOP, Pins())


def test_a_laptops_containers_reach_nothing_on_its_loopback() -> None:
    near = DynamicDatabase(database=Database(name="near", host="localhost", database="x"), grants=("CONNECT",))
    url = Env(name="URL", value=database_url(near))
    service = replace(with_keys(KEYS), transit=(TransitKey("cards"),), env=(url,))
    said = faults(service, platform=CONTAINERS, pins=test_pins("app:1"))
    for name in ("Vault", "moto", "near"):
        assert f"needs {name}, which listens on the laptop's loopback, where no container reaches it" in said
    check([service], LAPTOP, Pins())
