"""How a report looks: colours, style sheet, and the policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib

# The expressions' colours, told apart by people with any colour vision (after Okabe and Ito).
COLOURS = {
    "angry": "#d55e00",
    "disgust": "#009e73",
    "fear": "#cc79a7",
    "happy": "#e6b800",
    "neutral": "#8a97a3",
    "sad": "#0072b2",
    "surprise": "#56b4e9",
}
OTHERS = ("#7a5195", "#bc5090", "#ef5675", "#ff764a", "#4c9f70", "#845ec2", "#b39cd0", "#00c9a7")

STYLE = """
:root { color-scheme: light dark; --bg: #f4f5f2; --card: #fff; --ink: #1d2524; --soft: #5a6664;
  --line: #dfe2dc; --track: #e6eae6; --unsure: #c9d0cc; }
@media (prefers-color-scheme: dark) { :root { --bg: #111615; --card: #1a2120; --ink: #e8eeec;
  --soft: #9daba8; --line: #2b3533; --track: #28312f; --unsure: #4a5553; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px clamp(12px, 3vw, 32px) 48px; max-width: 1060px;
  background: var(--bg); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 0 0 12px; }
h3 { font-size: 15px; margin: 20px 0 6px; } p { margin: 6px 0; } .soft { color: var(--soft); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 18px 20px; margin: 16px 0; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 8px 16px;
  margin: 0; }
.facts dt { color: var(--soft); font-size: 13px; } .facts dd { margin: 0; font-size: 20px; font-weight: 600; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font-size: 12px; }
svg text.name { fill: var(--ink); font-size: 13px; } svg text.number { fill: var(--card); font-weight: 600; }
.grid { stroke: var(--line); } .track { fill: var(--track); } .unsure { fill: var(--unsure); }
.out { fill: url(#hatch); stroke: var(--soft); stroke-dasharray: 3 3; }
.hatch { stroke: var(--soft); stroke-width: 2; opacity: .55; }
.mark { stroke: var(--ink); stroke-dasharray: 4 3; opacity: .7; } .flag { fill: var(--ink); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.one { stroke: #0d7377; } .two { stroke: #d55e00; stroke-dasharray: 6 4; } .three { stroke: #8a5bb5; }
.key { display: flex; flex-wrap: wrap; gap: 4px 16px; padding: 0; margin: 6px 0; list-style: none;
  font-size: 13px; } .key svg { width: 22px; height: 12px; display: inline-block; margin-right: 6px; }
table { border-collapse: collapse; margin: 4px 0 12px; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 4px 18px 4px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; } th { color: var(--soft); font-weight: 500; }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr));
  gap: 8px 32px; }
@media print { body { max-width: none; } section { break-inside: avoid; } }
"""


def style_sheet(labels: tuple[str, ...]) -> str:
    """The style sheet, with a colour for each class, by its number."""
    spare = iter(OTHERS * (1 + len(labels) // len(OTHERS)))
    return STYLE + "".join(
        f".c{number} {{ fill: {COLOURS.get(name) or next(spare)}; }}\n" for number, name in enumerate(labels)
    )


def policy(style: str) -> str:
    """A content security policy that lets this style sheet be and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
