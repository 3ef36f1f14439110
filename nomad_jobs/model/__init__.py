"""The vocabulary of the catalogue: a service, and what it needs. Frozen values that check themselves."""

from nomad_jobs.model.file import Env, File, OnChange, Part, Peers, Source, Version, json_file
from nomad_jobs.model.network import HIDDEN, Check, Port, Route, Sample, ScriptCheck
from nomad_jobs.model.runtime import Container, Gpus, Process, command, model_words
from nomad_jobs.model.secret import Origin, Secret, SecretRef
from nomad_jobs.model.service import ENGINE_SHUTDOWN_S, ROUTING_LAG_S, Kind, PoolKind, Service, secret_path

__all__ = [
    "ENGINE_SHUTDOWN_S",
    "HIDDEN",
    "ROUTING_LAG_S",
    "Check",
    "Container",
    "Env",
    "File",
    "Gpus",
    "Kind",
    "OnChange",
    "Origin",
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
    "Source",
    "Version",
    "command",
    "json_file",
    "model_words",
    "secret_path",
]
