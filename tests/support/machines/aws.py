"""The `aws` command as far as a boot uses it: `aws s3 cp … s3://bucket/key file`, with the instance's own role."""

import sys
from pathlib import Path

import boto3


def main() -> None:
    source, target = sys.argv[-2:]
    region = sys.argv[sys.argv.index("--region") + 1]
    assert sys.argv[1:3] == ["s3", "cp"]
    bucket, key = source.removeprefix("s3://").split("/", 1)
    # boto3 brings its own authorities; a machine trusts those of its system, as in the cloud.
    s3 = boto3.client("s3", region_name=region, verify="/etc/ssl/certs/ca-certificates.crt")
    Path(target).write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


if __name__ == "__main__":
    main()
