"""The engine's page for people: that it simulates, and where the numbers come from."""

from html import escape
from string import Template

from nomad_jobs.apps.engine.card import NOTE, Settings
from nomad_jobs.apps.engine.profiles import SOURCE, Row

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>$served · engine simulator</title>
<style>
:root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif }
body { max-width: 42rem; margin: 3rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } table { border-collapse: collapse; width: 100% }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #8884 }
th:first-child, td:first-child { text-align: left } code { font-size: .9em }
</style></head><body>
<h1>$served <small>engine simulator</small></h1>
<p><strong>$note</strong></p>
<p>$name (<code>$model</code>) on $shape with $engine, as published in “$source”:</p>
<table><thead><tr><th>profile</th><th>time to first token</th><th>time per output token</th></tr></thead>
<tbody>$rows</tbody></table>
<p>Between the rows it interpolates by running requests and prompt length; outside them the nearest row holds.
Time scale $time_scale (1 is published speed); at most $max_num_seqs requests at once,
of $max_model_len tokens each.</p>
<p><code>POST /v1/chat/completions</code>, <code>POST /v1/completions</code>, <code>GET /v1/models</code>,
<a href="metrics">metrics</a>, <a href="health">health</a></p>
</body></html>
""")


def render(settings: Settings) -> str:
    """Render the page."""
    speed, limits = settings.speed, settings.limits
    texts = {
        "served": settings.served,
        "note": NOTE,
        "name": speed.name,
        "model": speed.model_id,
        "shape": speed.shape,
        "engine": speed.engine,
        "source": SOURCE,
        "time_scale": f"{limits.time_scale:g}",
        "max_num_seqs": str(limits.max_num_seqs),
        "max_model_len": str(limits.max_model_len),
    }
    escaped = {name: escape(text) for name, text in texts.items()}
    return _PAGE.substitute(escaped, rows="".join(_row(row) for row in speed.rows))


def _row(row: Row) -> str:
    return f"<tr><td>{escape(row.profile)}</td><td>{row.ttft_ms:g} ms</td><td>{row.tpot_ms:g} ms</td></tr>"
