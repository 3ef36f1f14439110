"""The programs that machines run, in the stack's own bucket: a machine fetches each by its SHA-256."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pulumi
from pulumi import FileAsset, Input, ResourceOptions
from pulumi_aws import s3

from infra.compute.program_files import ProgramFile
from infra.label import Label
from infra.machine.facts import Download


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramsArgs:
    """What goes into which bucket."""

    label: Label
    bucket: Input[str]
    files: Iterable[ProgramFile]


class Programs(pulumi.ComponentResource):
    """The programs in the bucket."""

    downloads: Mapping[str, Download]
    """By name; known before the upload, since each key is made from the bytes."""
    objects: tuple[pulumi.Resource, ...]
    """What a machine waits for before it starts."""

    def __init__(self, name: str, args: ProgramsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("berth:programs:Programs", name, None, opts)
        files = tuple(args.files)
        self.downloads = {file.name: file.download for file in files}
        self.objects = tuple(self._object(name, args, file) for file in files)
        self.register_outputs({})

    def _object(self, name: str, args: ProgramsArgs, file: ProgramFile) -> s3.BucketObjectv2:
        return s3.BucketObjectv2(
            f"{name}-{file.name}",
            bucket=args.bucket,
            key=file.key,
            source=FileAsset(str(file.path)),
            tags=args.label.tags(f"program-{file.name}"),
            # Pulumi uploads the new object before it deletes the old one: a machine that boots meanwhile finds either.
            opts=ResourceOptions(parent=self),
        )
