// What the page's scripts share. Libraries, charts and files lie in the page compressed, until they are needed.
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

async function unpackedText(script) {
  const packed = new Blob([bytes(script.textContent)]);
  return new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

// A function that unpacks the script's JSON at its first call.
function packedJson(script) {
  let held;
  return () => (held ??= unpackedText(script).then(JSON.parse));
}

async function unpacked(id) {
  const code = await unpackedText(document.getElementById(id));
  return import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, text] of Object.entries(attributes)) element.setAttribute(name, text);
  element.append(...children);
  return element;
}
Object.assign(globalThis, { bytes, packedJson, unpacked, make });
