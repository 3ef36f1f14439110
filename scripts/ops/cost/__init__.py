"""What a stack costs at AWS: its configuration read, everything counted, the sum with its sources."""

from scripts.ops.cost.bill import Bill, bill, sentences, to_json
from scripts.ops.cost.lines import Line
from scripts.ops.cost.stack import config_of

__all__ = ["Bill", "Line", "bill", "config_of", "sentences", "to_json"]
