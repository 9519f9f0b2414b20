// What the page's scripts share. Libraries, charts, tables and files lie in the page compressed, until they are needed.
const bytes = (script) => new Blob([Uint8Array.fromBase64(script.textContent)]).stream();
const unpackedText = (script) => new Response(bytes(script).pipeThrough(new DecompressionStream("gzip"))).text();
async function unpacked(id) {
  const code = await unpackedText(document.getElementById(id));
  return import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
}
// A function that unpacks a script at its first call; from then on `now` has what `read` makes of the text.
function kept(script, read = JSON.parse, held = undefined) {
  const call = () => (held ??= unpackedText(script).then((text) => (call.now = read(text))));
  return call;
}
// Calls when an element comes near the window, once.
function near(element, call) {
  const come = ([{ isIntersecting }]) => isIntersecting && (watch.disconnect(), call());
  const watch = new IntersectionObserver(come, { rootMargin: "800px" });
  watch.observe(element);
}
// Paper has what was not yet on the screen too: unpacked when the page has loaded, put in place before it is printed.
const paper = [];
addEventListener("load", async () => { for (const [unpack] of paper) await unpack(); });
addEventListener("beforeprint", () => paper.forEach(([{ now }, put]) => now && put(now)));
for (const place of document.querySelectorAll(".packed")) {
  const html = kept(place.querySelector("script"), String);
  const put = (text) => place.isConnected && (place.outerHTML = text);
  near(place, async () => put(await html()));
  if (!place.closest("details.again")) paper.push([html, put]);
}
Object.assign(globalThis, { kept, near, paper, unpacked });
