"""The process behind `moto_server`: prints its port, and ends with its standard input."""

import json
import sys
import threading
from typing import Any

from moto.core.types import Base64EncodedString
from moto.ec2.models.launch_templates import LaunchTemplateVersion
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import FakeBucket
from werkzeug.serving import make_server


def _permission(bucket: Any, action: str, resource: str) -> Any:
    """Use only the statements without a condition: moto ignores conditions, and takes `deny unless TLS` for `deny`."""
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    policy["Statement"] = [one for one in policy["Statement"] if "Condition" not in one]
    return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)


def _user_data(version: Any) -> Any:
    """Wrap user data as moto does for a template's first version, but not for later ones."""
    given = version.data.get("UserData")
    return Base64EncodedString(given) if isinstance(given, str) else given


def main() -> None:
    """Serve one request after another: moto's backends are not thread-safe."""
    setattr(FakeBucket, "get_permission", _permission)
    setattr(LaunchTemplateVersion, "user_data", property(_user_data))
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
