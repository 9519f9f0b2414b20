// The page's images: maps and numbers are unpacked when they are asked for. Maps are upsampled (bilinear, half-pixel
// centres), stretched to their own range and coloured.
const atlas = (() => {
  "use strict";
  const source = document.getElementById("gallery-data");
  if (!source) return null;
  const data = JSON.parse(source.textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const palette = colours(bytes(data.lut));
  const unpacked = new Map();

  function colours(lut) {
    const table = new Uint8ClampedArray(4 * 256).fill(255);
    for (let level = 0; level < 256; level += 1) table.set(lut.subarray(3 * level, 3 * level + 3), 4 * level);
    return new Uint32Array(table.buffer);
  }

  function map(set, layer, image, method) {
    const place = set.places[layer][image][method];
    if (place < 0) return null;
    const [code, h, w] = set.maps[place];
    return { cells: bytes(code), h, w };
  }

  // The number of one image and method under a metric; NaN without.
  function value(set, layer, metric, image, method) {
    const code = set.values[layer][metric];
    if (!code) return NaN;
    if (!unpacked.has(code)) unpacked.set(code, new Float64Array(bytes(code).buffer));
    return unpacked.get(code)[image * set.methods.length + method];
  }

  const why = (set, layer, image, method) => set.reasons[set.why[`${layer},${image},${method}`]] ?? "no map was kept";
  const fixed = (number) => number.toFixed(3).replace(/^-(0\.0+)$/, "$1");
  const mean = (numbers) => {
    const known = numbers.filter((number) => number !== null && !Number.isNaN(number));
    return known.length ? known.reduce((sum, number) => sum + number, 0) / known.length : NaN;
  };

  // For each of `size` pixels: the two cells it lies between, and the weight of the second.
  function taps(size, cells) {
    const [low, high, weight] = [new Int32Array(size), new Int32Array(size), new Float64Array(size)];
    for (let i = 0; i < size; i += 1) {
      const at = Math.max(0, ((i + 0.5) * cells) / size - 0.5);
      low[i] = Math.min(Math.floor(at), cells - 1);
      high[i] = Math.min(low[i] + 1, cells - 1);
      weight[i] = at - low[i];
    }
    return [low, high, weight];
  }

  function upsample({ cells, h, w }, height, width) {
    const [top, bottom, v] = taps(height, h);
    const [left, right, u] = taps(width, w);
    const out = new Float32Array(height * width);
    for (let y = 0; y < height; y += 1) {
      const [upper, lower] = [top[y] * w, bottom[y] * w];
      for (let x = 0; x < width; x += 1) {
        const above = cells[upper + left[x]] * (1 - u[x]) + cells[upper + right[x]] * u[x];
        const below = cells[lower + left[x]] * (1 - u[x]) + cells[lower + right[x]] * u[x];
        out[y * width + x] = above * (1 - v[y]) + below * v[y];
      }
    }
    return out;
  }

  // Draws a map over the whole canvas; answers what it shows, in words.
  function paint(canvas, map) {
    const values = upsample(map, canvas.height, canvas.width);
    let [low, high, peak] = [Infinity, -Infinity, 0];
    for (let i = 0; i < values.length; i += 1) {
      if (values[i] < low) low = values[i];
      if (values[i] > high) [high, peak] = [values[i], i];
    }
    const scale = high > low ? 255 / (high - low) : 0;
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(image.data.buffer);
    let marked = 0;
    for (let i = 0; i < values.length; i += 1) {
      const level = Math.round((values[i] - low) * scale);
      if (level > 127) marked += 1;
      pixels[i] = palette[level];
    }
    context.putImageData(image, 0, 0);
    if (!scale) return "constant";
    const third = (part, whole, names) => names[Math.min(2, Math.floor((3 * part) / whole))];
    const y = third(Math.floor(peak / canvas.width), canvas.height, ["upper", "middle", "lower"]);
    const x = third(peak % canvas.width, canvas.width, ["left", "centre", "right"]);
    return `strongest in the ${y} ${x}; ${Math.round((100 * marked) / values.length)} % of the image above half`;
  }

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, text] of Object.entries(attributes)) element.setAttribute(name, text);
    element.append(...children);
    return element;
  }

  const options = (box, names) => box.replaceChildren(...names.map((name) => make("option", {}, name)));

  // Check boxes in a <details>, all checked but those that `start` leaves out; answers which places are checked.
  function choices(place, names, start, changed) {
    const boxes = names.map((name, at) => {
      const box = make("input", { type: "checkbox" });
      box.checked = start(at);
      box.addEventListener("change", () => (tell(), changed()));
      return box;
    });
    const labels = names.map((name, at) => make("label", {}, boxes[at], " ", make("bdi", {}, name)));
    const all = make("button", { type: "button" }, "All");
    all.addEventListener("click", () => (boxes.forEach((box) => (box.checked = true)), tell(), changed()));
    place.querySelector("fieldset").replaceChildren(...labels, all);
    const chosen = () => boxes.flatMap((box, at) => (box.checked ? [at] : []));
    const tell = () => (place.querySelector("output").textContent = `${chosen().length} of ${names.length}`);
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

  return { follow, data, map, value, why, fixed, mean, paint, make, options, choices };
})();
