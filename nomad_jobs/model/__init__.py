"""The vocabulary of the catalogue: a service, and what it needs. Frozen values that check themselves."""

from nomad_jobs.model.composed import Composed, composed, database_url
from nomad_jobs.model.credentials import (
    CredentialRef,
    Credentials,
    Database,
    DynamicAws,
    DynamicDatabase,
    StaticDatabase,
    TransitKey,
)
from nomad_jobs.model.file import Env, File, OnChange, Part, Peers, Source, Versions
from nomad_jobs.model.formats import aws_file, json_file
from nomad_jobs.model.network import HIDDEN, Check, Port, Route, Sample, ScriptCheck
from nomad_jobs.model.override import Override
from nomad_jobs.model.pool import Kind, PoolKind
from nomad_jobs.model.runtime import UNLIMITED, Container, Process, Ulimit, User, command
from nomad_jobs.model.secret import Origin, Secret, SecretRef, secret_path
from nomad_jobs.model.service import ENGINE_SHUTDOWN_S, ROUTING_LAG_S, Service
from nomad_jobs.model.size import Gpus, Size, model_words

__all__ = [
    "ENGINE_SHUTDOWN_S",
    "HIDDEN",
    "ROUTING_LAG_S",
    "UNLIMITED",
    "Check",
    "Composed",
    "Container",
    "CredentialRef",
    "Credentials",
    "Database",
    "DynamicAws",
    "DynamicDatabase",
    "Env",
    "File",
    "Gpus",
    "Kind",
    "OnChange",
    "Origin",
    "Override",
    "Part",
    "Peers",
    "PoolKind",
    "Port",
    "Process",
    "Route",
    "Sample",
    "ScriptCheck",
    "Secret",
    "SecretRef",
    "Service",
    "Size",
    "Source",
    "StaticDatabase",
    "TransitKey",
    "Ulimit",
    "User",
    "Versions",
    "aws_file",
    "command",
    "composed",
    "database_url",
    "json_file",
    "model_words",
    "secret_path",
]
