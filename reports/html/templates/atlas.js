// The page's images: maps, numbers and curves are unpacked when they are asked for.
const atlas = (() => {
  "use strict";
  const source = document.getElementById("gallery-data");
  if (!source) return null;
  const data = JSON.parse(source.textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const unpacked = new Map();
  const numbers = (code, kind) => unpacked.get(code) ?? unpacked.set(code, new kind(bytes(code).buffer)).get(code);

  function map(set, layer, image, method) {
    const place = set.places[layer][image][method];
    if (place < 0) return null;
    const [code, h, w] = set.maps[place];
    return { cells: bytes(code), h, w };
  }

  // The number of one image and method under a metric; NaN without.
  function value(set, layer, metric, image, method) {
    const code = set.values[layer][metric];
    return code ? numbers(code, Float64Array)[image * set.methods.length + method] : NaN;
  }

  // A method's curve on one image: null where it has no number.
  function curve(set, { x, y, low, high }, image, method) {
    const start = (image * set.methods.length + method) * x.length;
    return [...numbers(y, Uint16Array).subarray(start, start + x.length)].map((level) => (level > 65534 ? null : low + (level * (high - low)) / 65534));
  }

  const why = (set, layer, image, method) => set.reasons[set.why[`${layer},${image},${method}`]] ?? "no map was kept";
  const fixed = (number) => number.toFixed(3).replace(/^-(0\.0+)$/, "$1");
  const plain = (text) => text.slice(0, 60).replaceAll("&", "&amp;").replaceAll("<", "&lt;"); // Plotly reads a part of HTML
  const mean = (all) => {
    const known = all.filter((number) => number !== null && !Number.isNaN(number));
    return known.length ? known.reduce((sum, number) => sum + number, 0) / known.length : NaN;
  };

  // A map as a picture of its cells, which the page's styles scale (bilinear) and colour; its label says what it shows.
  function picture({ cells, h, w }, label) {
    const third = (part, whole, names) => names[Math.min(2, Math.floor((3 * part) / whole))];
    const [peak, marked] = [cells.indexOf(255), cells.filter((level) => level > 127).length];
    const y = third(Math.floor(peak / w), h, ["upper", "middle", "lower"]);
    const x = third(peak % w, w, ["left", "centre", "right"]);
    const seen = peak < 0 ? "constant" : `strongest in the ${y} ${x}; ${Math.round((100 * marked) / cells.length)} % of the image above half`;
    const canvas = make("canvas", { class: "map", width: w, height: h, role: "img", "aria-label": `${label}: ${seen}` });
    const pixels = new ImageData(w, h);
    new Uint32Array(pixels.data.buffer).set([...cells].map((level) => 0xff000000 + level * 0x10101));
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas;
  }

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, text] of Object.entries(attributes)) element.setAttribute(name, text);
    element.append(...children);
    return element;
  }

  const options = (box, names) => box.replaceChildren(...names.map((name) => make("option", {}, name)));

  // Check boxes in a <details>, those checked that `start` says; answers which places are checked.
  function choices(place, names, start, changed) {
    const boxes = names.map((_, at) => make("input", { type: "checkbox", ...(start(at) && { checked: "" }) }));
    const labels = names.map((name, at) => make("label", {}, boxes[at], " ", make("bdi", {}, name)));
    const all = make("button", { type: "button" }, "All");
    const chosen = () => boxes.flatMap((box, at) => (box.checked ? [at] : []));
    const tell = () => (place.querySelector("output").textContent = `${chosen().length} of ${names.length}`);
    const field = place.querySelector("fieldset");
    all.addEventListener("click", () => (boxes.forEach((box) => (box.checked = true)), tell(), changed()));
    field.onchange = () => (tell(), changed());
    field.replaceChildren(...labels, all);
    tell();
    return chosen;
  }

  // Calls back when the page's selector changes, with the first set that fits, and its layer or null for all layers.
  function follow(choose) {
    document.addEventListener("setting", ({ detail: { network, data: name, layer } }) => {
      const set = data.sets.findIndex((each) => (network ?? each.network) === each.network && (name ?? each.data) === each.data);
      const place = set < 0 ? -1 : data.sets[set].layers.indexOf(layer);
      if (set >= 0) choose(set, place < 0 ? null : place);
    });
  }

  return { follow, data, map, value, curve, why, fixed, mean, plain, picture, make, options, choices };
})();
