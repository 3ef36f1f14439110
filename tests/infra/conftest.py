"""pulumi_aws warns of its own deprecated names while it loads: let it, once, before warnings become errors."""

import warnings

from pulumi_aws import ec2, s3

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    LOADED = (ec2.Vpc, s3.Bucket)
