"""HTTP and WebRTC: the only package that imports aiohttp, aiortc and asyncio."""
