"""The gRPC side: what the engine asks, read from protobuf and answered in protobuf."""

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from tests.support.aws_provider import crud
from tests.support.aws_provider.cloud import Cloud
from tests.support.aws_provider.model import Row
from tests.support.aws_provider.values import Bag, to_bag, to_struct

_REGION = "aws:config:region"
Invoke = Callable[[Cloud, Bag], Bag]


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """`pulumi-resource-aws`, from tables of rows and functions; `version` is what the engine asked the SDK for."""

    def __init__(self, rows: Mapping[str, Row], invokes: Mapping[str, Invoke], version: str) -> None:
        self._rows = rows
        self._invokes = invokes
        self._version = version
        self._cloud = Cloud("us-east-1")

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        del request, context
        return plugin_pb2.PluginInfo(version=self._version)

    def GetSchema(self, request: Any, context: Any) -> provider_pb2.GetSchemaResponse:
        del request, context
        return provider_pb2.GetSchemaResponse(schema=f'{{"name": "aws", "version": "{self._version}"}}')

    def GetMapping(self, request: Any, context: Any) -> provider_pb2.GetMappingResponse:
        del request, context
        return provider_pb2.GetMappingResponse()

    def CheckConfig(self, request: Any, context: Any) -> provider_pb2.CheckResponse:
        del context
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> provider_pb2.DiffResponse:
        """Report another region as a replacement: every resource in it would be made again."""
        del context
        old, new = to_bag(request.olds), to_bag(request.news)
        moved = ["region"] if old.get("region") != new.get("region") else []
        kind = provider_pb2.DiffResponse
        return kind(changes=kind.DIFF_SOME if moved else kind.DIFF_NONE, replaces=moved, diffs=moved)

    def Configure(self, request: Any, context: Any) -> provider_pb2.ConfigureResponse:
        """Ask AWS who we are first, as the real provider does."""
        region = request.variables.get(_REGION) or to_bag(request.args).get("region", "us-east-1")
        self._cloud = Cloud(str(region))
        with _reported(context, "unable to validate AWS credentials"):
            assert self._cloud.account
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Invoke(self, request: Any, context: Any) -> provider_pb2.InvokeResponse:
        if request.tok not in self._invokes:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED, f"the stand-in has no function {request.tok}: add it to invokes"
            )
        with _reported(context, f"invoking {request.tok}"):
            answer = self._invokes[request.tok](self._cloud, to_bag(request.args))
            return provider_pb2.InvokeResponse(**{"return": to_struct(answer)})

    def Check(self, request: Any, context: Any) -> provider_pb2.CheckResponse:
        row = self._row(request, context)
        old, new = to_bag(request.olds), to_bag(request.news)
        bag, problems = crud.check(row, request.name, old, new, request.randomSeed)
        failures = [provider_pb2.CheckFailure(property="", reason=problem) for problem in problems]
        return provider_pb2.CheckResponse(inputs=to_struct(bag), failures=failures)

    def Diff(self, request: Any, context: Any) -> provider_pb2.DiffResponse:
        old, new = to_bag(request.old_inputs), to_bag(request.news)
        found = crud.diff(self._row(request, context), old, new)
        kind = provider_pb2.DiffResponse
        return kind(
            changes=kind.DIFF_SOME if found.changed else kind.DIFF_NONE,
            diffs=sorted(found.changed),
            replaces=sorted(found.replaces),
            deleteBeforeReplace=found.delete_first,
            hasDetailedDiff=True,
            detailedDiff={key: _detail(key, old, new, found.replaces) for key in sorted(found.changed)},
        )

    def Create(self, request: Any, context: Any) -> provider_pb2.CreateResponse:
        row = self._row(request, context)
        bag = to_bag(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(id="", properties=to_struct(bag))
        with _reported(context, f"creating {request.urn}"):
            identity, made = crud.create(row, self._cloud, bag, request.urn)
            return provider_pb2.CreateResponse(id=identity, properties=to_struct(made))

    def Read(self, request: Any, context: Any) -> provider_pb2.ReadResponse:
        row = self._row(request, context)
        with _reported(context, f"reading {request.urn}"):
            found = crud.read(row, self._cloud, request.id, to_bag(request.properties), to_bag(request.inputs))
            if found is None:
                return provider_pb2.ReadResponse()
            known, inputs = (to_struct(one) for one in found)
            return provider_pb2.ReadResponse(id=request.id, properties=known, inputs=inputs)

    def Update(self, request: Any, context: Any) -> provider_pb2.UpdateResponse:
        row = self._row(request, context)
        known, old, new = (to_bag(one) for one in (request.olds, request.old_inputs, request.news))
        if request.preview:
            seen = crud.preview(row, known, new, crud.diff(row, old, new).changed)
            return provider_pb2.UpdateResponse(properties=to_struct(seen))
        with _reported(context, f"updating {request.urn}"):
            made = crud.update(row, self._cloud, request.id, old, new, known)
            return provider_pb2.UpdateResponse(properties=to_struct(made))

    def Delete(self, request: Any, context: Any) -> Empty:
        row = self._row(request, context)
        with _reported(context, f"deleting {request.urn}"):
            row.delete(self._cloud, request.id, to_bag(request.properties))
        return Empty()

    def Cancel(self, request: Any, context: Any) -> Empty:
        del request, context
        return Empty()

    def _row(self, request: Any, context: Any) -> Row:
        token = request.urn.split("::")[2].split("$")[-1]
        if token not in self._rows:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the stand-in has no row for {token}: add it to rows")
        return self._rows[token]


def _detail(key: str, old: Bag, new: Bag, replaces: frozenset[str]) -> provider_pb2.PropertyDiff:
    kind = "UPDATE" if key in old and key in new else "ADD" if key in new else "DELETE"
    if key in replaces:
        kind += "_REPLACE"
    return provider_pb2.PropertyDiff(kind=getattr(provider_pb2.PropertyDiff, kind), inputDiff=True)


@contextmanager
def _reported(context: Any, doing: str) -> Iterator[None]:
    """Report AWS's error to the engine, with the ID of a resource that was partly made."""
    try:
        yield
    except crud.PartlyMadeError as error:
        properties = to_struct(error.outputs)
        made = provider_pb2.ErrorResourceInitFailed(
            id=error.identity, properties=properties, inputs=properties, reasons=[error.reason]
        )
        _abort(context, f"{doing}: {error.reason}", made)
    except (ClientError, BotoCoreError) as error:
        context.abort(grpc.StatusCode.UNKNOWN, f"{doing}: {error}")
    except Exception as error:
        traceback.print_exc()
        context.abort(grpc.StatusCode.INTERNAL, f"{doing}: the stand-in failed: {error!r}")


def _abort(context: Any, message: str, detail: Any) -> None:
    packed = AnyMessage()
    packed.Pack(detail)
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[packed])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, message)
