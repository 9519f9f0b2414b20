// What the page's scripts share. Libraries, charts and files lie in the page compressed, until they are needed.
async function unpackedText(script) {
  const packed = new Blob([Uint8Array.fromBase64(script.textContent)]);
  return new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

// A function that unpacks the script's JSON at its first call.
const packedJson = (script, held) => () => (held ??= unpackedText(script).then(JSON.parse));

async function unpacked(id) {
  const code = await unpackedText(document.getElementById(id));
  return import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
}
Object.assign(globalThis, { packedJson, unpacked });
