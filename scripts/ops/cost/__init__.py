"""Says what a stack costs at AWS: reads its configuration, counts what is paid for, names each price's source."""

from scripts.ops.cost.bill import Bill, bill, sentences, to_json
from scripts.ops.cost.lines import Line
from scripts.ops.cost.stack import config_of

__all__ = ["Bill", "Line", "bill", "config_of", "sentences", "to_json"]
