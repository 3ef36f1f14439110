"""The smallest Flask app: it says who runs it, and takes its time where it is asked to."""

import os
import time

from flask import Flask

app = Flask(__name__)


@app.get("/")
def home() -> str:
    """Answer at once."""
    return f"shop {os.environ.get('SHOP_VERSION', '1')} as {os.getuid()}\n"


@app.get("/slow")
def slow() -> str:
    """Answer after six seconds."""
    time.sleep(6)
    return "slow\n"
