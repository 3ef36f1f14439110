"""The catalogue: the services that run, one file of `nomad_jobs/services/` each, in the order that people see them."""

from nomad_jobs.services.bot_detector import BOT_DETECTOR
from nomad_jobs.services.chat import CHAT
from nomad_jobs.services.fw_parse import FW_PARSE
from nomad_jobs.services.ingress import INGRESS
from nomad_jobs.services.llama_4_scout import LLAMA_4_SCOUT

SERVICES = (INGRESS, LLAMA_4_SCOUT, CHAT, BOT_DETECTOR, FW_PARSE)
