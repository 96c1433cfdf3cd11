// The entrance: changes a link's secret, or the token, into a cookie that scripts cannot read.

const get = (id) => document.getElementById(id);

async function enter(secret) {
  const response = await fetch("/enter", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(secret),
  });
  if (response.ok) return location.replace("/");
  throw new Error((await response.text()).trim());
}

function ask(why) {
  if (why) get("what").textContent = why;
  get("form").hidden = false;
  get("token").focus();
}

get("form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter({ token: get("token").value.trim() }).catch((error) => ask(error.message));
});

// The secret stands behind the #, which no browser sends and no log of a server holds.
const link = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
if (link) {
  enter({ link }).catch((error) => ask(error.message));
} else {
  // The cookie of a browser that is in already does not come with a link from elsewhere, but from here.
  const inside = await fetch("/openapi.json").then((answer) => answer.ok, () => false);
  if (inside && !location.search) location.replace("/?in");
  else ask("");
}
