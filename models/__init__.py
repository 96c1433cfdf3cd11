"""The papers' networks and what training them needs: torch, numpy and safetensors only."""
