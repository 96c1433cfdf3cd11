// Before the page is drawn: the colours chosen here last time, so that nothing flashes. No module: it blocks.
const stored = localStorage.getItem("ifdd-live.theme");
if (stored === "light" || stored === "dark") document.documentElement.dataset.theme = stored;
