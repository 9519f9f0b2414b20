// Libraries lie in the page compressed, and are unpacked when they are needed.
async function unpacked(id) {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
  const code = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const library = await import(address);
  URL.revokeObjectURL(address);
  return library;
}
