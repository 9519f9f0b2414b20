// Libraries, charts and files lie in the page compressed, and are unpacked when they are needed.
async function unpackedText(script) {
  const packed = Uint8Array.from(atob(script.textContent), (c) => c.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

// A function that unpacks the script's JSON at its first call.
function packedJson(script) {
  let held;
  return () => (held ??= unpackedText(script).then(JSON.parse));
}

async function unpacked(id) {
  const code = await unpackedText(document.getElementById(id));
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const library = await import(address);
  URL.revokeObjectURL(address);
  return library;
}
