"""What AWS charges, in US dollars: each figure with its source and date; what no source gives is unpriced."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

HOURS_PER_MONTH = 730
"""As AWS's own calculator counts a month: 8,760 hours / 12."""


class Item(StrEnum):
    """What AWS charges for besides instances."""

    NAT_GATEWAY = "NAT gateway"
    """For each hour that it exists."""
    NETWORK_LOAD_BALANCER = "network load balancer"
    """For each hour, without what passes through it."""
    INTERFACE_ENDPOINT = "interface endpoint"
    """For each hour and zone."""
    PUBLIC_IPV4 = "public IPv4 address"
    """For each hour, in use or not."""
    GP3_GB = "gp3 volume"
    """For each GB and month."""
    KMS_KEY = "KMS key"
    """For each key and month."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where figures were read, and of which date they are."""

    url: str
    as_of: str
    """A date, or why there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """One figure, in US dollars for each hour (or month, or GB and month: as `Item` says)."""

    usd: float
    source: Source


_KARPENTER = Source(
    url="https://github.com/aws/karpenter-provider-aws/blob/031e72b6099630e960dacb88b48a7e9bb780945f"
    "/pkg/providers/pricing/zz_generated.pricing_aws.go",
    as_of="2026-01-19",
)
# That project's robot reads AWS's price list and spot price history; its file holds no date.
_SKYPILOT = Source(
    url="https://github.com/skypilot-org/skypilot-catalog/blob/00148f2af3672e2229b4f7bf8157d5a3f36e3c35"
    "/catalogs/v8/aws/vms.csv",
    as_of="undated, commit 00148f2",
)
_PRICE_LIST = Source(
    url="https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonEC2/20260925174521/eu-west-1/index.json",
    as_of="2026-09-25",
)
_NAT = Source(url="https://cloudburn.io/blog/aws-nat-gateway-pricing", as_of="2026-02-24")
_KMS = Source(url="https://cloudburn.io/blog/aws-kms-pricing", as_of="2026-03-14")
_BALANCER = Source(url="https://awsnegotiations.com/elastic-load-balancer-cost.html", as_of="2026-05")
_VPC = Source(
    url="https://www.factualminds.com/blog/amazon-vpc-pricing-endpoints-peering-transit-gateway/", as_of="2026-06-13"
)
_GP3 = Source(url="https://www.saisci.com/aws/gp3-throughput-explained/", as_of="2021-01-13")

EVERYWHERE = "everywhere"
"""Stands for the region of a price that is the same in all regions."""

_ITEMS: dict[tuple[str, Item], Price] = {
    ("us-east-1", Item.NAT_GATEWAY): Price(usd=0.045, source=_NAT),
    ("eu-west-1", Item.NAT_GATEWAY): Price(usd=0.048, source=_PRICE_LIST),
    ("us-east-1", Item.NETWORK_LOAD_BALANCER): Price(usd=0.0225, source=_BALANCER),
    ("us-east-1", Item.INTERFACE_ENDPOINT): Price(usd=0.01, source=_VPC),
    ("us-east-1", Item.GP3_GB): Price(usd=0.08, source=_GP3),
    (EVERYWHERE, Item.PUBLIC_IPV4): Price(usd=0.005, source=_NAT),
    (EVERYWHERE, Item.KMS_KEY): Price(usd=1.0, source=_KMS),
}

# Columns: type, dollars an hour on-demand with Linux; then the spot price of each zone of the region where it is known.
_US_EAST_1 = """
p5en.48xlarge 63.296
p5.48xlarge   55.04
p5.4xlarge     6.88
p4de.24xlarge 27.44705
p4d.24xlarge  21.957642
g6e.48xlarge  30.13118
g6e.24xlarge  15.06559
g6e.12xlarge  10.49264
g6e.16xlarge   7.57719
g6e.8xlarge    4.52856
g6e.4xlarge    3.00424
g6e.2xlarge    2.24208
g6e.xlarge     1.861
g6.48xlarge   13.3504
g6.24xlarge    6.6752
g6.12xlarge    4.6016
g6.16xlarge    3.3968
g6.8xlarge     2.0144
g6.4xlarge     1.3232
g6.2xlarge     0.9776
g6.xlarge      0.8048
g5.48xlarge   16.288
g5.24xlarge    8.144
g5.12xlarge    5.672
g5.16xlarge    4.096
g5.8xlarge     2.448
g5.4xlarge     1.624
g5.2xlarge     1.212
g5.xlarge      1.006
c7i.large      0.08925
c7i.xlarge     0.1785
c7i.2xlarge    0.357
c7i.4xlarge    0.714
c7i.8xlarge    1.428
m7i.large      0.1008
m7i.xlarge     0.2016
m7i.2xlarge    0.4032
m7i.4xlarge    0.8064
m7i.8xlarge    1.6128
r7i.large      0.1323
r7i.xlarge     0.2646
r7i.2xlarge    0.5292
r7i.4xlarge    1.0584
t3.medium      0.0416
t3.large       0.0832
t3.xlarge      0.1664
t3.2xlarge     0.3328
"""
_US_EAST_1_SPOT = """
p5en.48xlarge 18.2492 16.5551
p5.48xlarge   55.04 19.2531 21.1543 55.04 25.7522 17.6289
p4de.24xlarge  9.9734 8.6505
m7i.large      0.0443 0.0396 0.0483 0.0392 0.0361
m7i.xlarge     0.0850 0.0816 0.0890 0.0845 0.0858
m7i.2xlarge    0.1905 0.1655 0.1832 0.1891 0.1689
m7i.4xlarge    0.3967 0.3417 0.3740 0.4058 0.3511
m7i.8xlarge    1.0451 0.7429 0.8022 0.8843 0.8558
"""
_EU_WEST_1 = """
m7i.xlarge     0.2247
m7i.2xlarge    0.4494
m7i.4xlarge    0.8988
m7i.8xlarge    1.7976
"""
_EU_WEST_1_SPOT = """
m7i.xlarge     0.1231 0.1325 0.1003
m7i.2xlarge    0.2528 0.2363 0.2327
m7i.4xlarge    0.5624 0.6004 0.5517
m7i.8xlarge    1.0351 1.0336 0.8610
"""


def _rows(region: str, text: str, source: Source) -> Iterator[tuple[tuple[str, str], Price]]:
    for row in text.strip().splitlines():
        name, *dollars = row.split()
        yield (region, name), Price(usd=median(map(float, dollars)), source=source)


_ON_DEMAND = dict(
    [*_rows("us-east-1", _US_EAST_1, _KARPENTER), *_rows("eu-west-1", _EU_WEST_1, _SKYPILOT)],
)
_SPOT = dict(
    [*_rows("us-east-1", _US_EAST_1_SPOT, _SKYPILOT), *_rows("eu-west-1", _EU_WEST_1_SPOT, _SKYPILOT)],
)

REGIONS = tuple(sorted({region for region, _ in _ON_DEMAND}))
"""Regions with prices of instances."""


def item(region: str, what: Item) -> Price | None:
    """Price of one item; None where no source was found."""
    return _ITEMS.get((region, what)) or _ITEMS.get((EVERYWHERE, what))


def on_demand(region: str, instance_type: str) -> Price | None:
    """Dollars an hour for one instance with Linux; None where no source was found."""
    return _ON_DEMAND.get((region, instance_type))


def spot(region: str, instance_type: str) -> Price | None:
    """Median of the spot prices in the region's zones, in dollars an hour, when they were read: they change."""
    return _SPOT.get((region, instance_type))
