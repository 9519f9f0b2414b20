// Draws the gallery from the data in the page: maps are upsampled (bilinear, half-pixel centres), stretched to
// their own range, coloured, and laid over their photo with the chosen opacity.
(() => {
  "use strict";
  const source = document.getElementById("gallery-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const lut = bytes(data.lut);
  const find = (id) => document.getElementById(id);
  const [setBox, layerBox, opacity, opacityShown] = ["set", "layer", "opacity", "opacity-shown"].map((n) => find(`gallery-${n}`));
  const [photos, more, count] = ["photos", "more", "count"].map((n) => find(`gallery-${n}`));
  const STEP = 4;
  let drawn = [];

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, text] of Object.entries(attributes)) element.setAttribute(name, text);
    element.append(...children);
    return element;
  }

  // For each of `size` pixels: the two cells it lies between, and the weight of the second.
  function taps(size, cells) {
    return Array.from({ length: size }, (_, i) => {
      const at = Math.max(0, ((i + 0.5) * cells) / size - 0.5);
      const low = Math.min(Math.floor(at), cells - 1);
      return [low, Math.min(low + 1, cells - 1), at - low];
    });
  }

  function upsample(map, h, w, height, width) {
    const rows = taps(height, h);
    const columns = taps(width, w);
    const out = new Float32Array(height * width);
    rows.forEach(([top, bottom, v], y) =>
      columns.forEach(([left, right, u], x) => {
        const upper = map[top * w + left] * (1 - u) + map[top * w + right] * u;
        const lower = map[bottom * w + left] * (1 - u) + map[bottom * w + right] * u;
        out[y * width + x] = upper * (1 - v) + lower * v;
      }),
    );
    return out;
  }

  function paint(canvas, values) {
    let [low, high, peak] = [Infinity, -Infinity, 0];
    values.forEach((value, i) => {
      if (value < low) low = value;
      if (value > high) [high, peak] = [value, i];
    });
    const scale = high > low ? 255 / (high - low) : 0;
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    let marked = 0;
    values.forEach((value, i) => {
      const level = Math.round((value - low) * scale);
      if (level > 127) marked += 1;
      image.data.set([lut[3 * level], lut[3 * level + 1], lut[3 * level + 2], 255], 4 * i);
    });
    context.putImageData(image, 0, 0);
    if (!scale) return "the same everywhere";
    const third = (part, whole, names) => names[Math.min(2, Math.floor((3 * part) / whole))];
    const y = third(Math.floor(peak / canvas.width), canvas.height, ["upper", "middle", "lower"]);
    const x = third(peak % canvas.width, canvas.width, ["left", "centre", "right"]);
    return `strongest in the ${y} ${x}; ${Math.round((100 * marked) / values.length)} % of the image above half`;
  }

  function fill(entry) {
    const cell = entry.cells[layerBox.selectedIndex][entry.method];
    entry.numbers.replaceChildren(...(cell.lines || [cell.why]).map((line) => make("span", {}, line)));
    entry.canvas.hidden = !cell.map;
    entry.figure.classList.toggle("none", !cell.map);
    if (!cell.map) return;
    const values = upsample(bytes(cell.map), cell.h, cell.w, entry.canvas.height, entry.canvas.width);
    const said = paint(entry.canvas, values);
    entry.canvas.setAttribute("aria-label", `Map of ${entry.name} on ${entry.sample}: ${said}`);
  }

  function frame(photo, alt, ...over) {
    const image = make("img", { src: photo.src, alt, width: photo.width, height: photo.height });
    return make("div", { class: "frame" }, image, ...over);
  }

  function mapFigure(item, photo, method, index) {
    const canvas = make("canvas", { width: photo.width, height: photo.height, role: "img" });
    const numbers = make("span", { class: "numbers" });
    const title = make("bdi", { class: "method" }, method.name);
    const caption = make("figcaption", {}, title, numbers);
    const figure = make("figure", { class: method.control ? "control" : "" }, frame(photo, "", canvas), caption);
    const entry = { figure, canvas, numbers, cells: item.cells, method: index, name: method.name, sample: item.sample };
    drawn.push(entry);
    fill(entry);
    return figure;
  }

  function show(item, set) {
    const photo = data.photos[item.photo];
    const caption = make("figcaption", {}, make("bdi", { class: "method" }, "photo"));
    const original = make("figure", {}, frame(photo, `Photo ${item.sample}; ${item.said}`), caption);
    const figures = set.methods.map((method, index) => mapFigure(item, photo, method, index));
    const title = make("h3", {}, make("bdi", {}, item.sample), " ", make("span", { class: "said" }, item.said));
    photos.append(make("article", {}, title, make("div", { class: "maps" }, original, ...figures)));
  }

  function showMore(step) {
    const set = data.sets[setBox.selectedIndex];
    const start = photos.childElementCount;
    set.items.slice(start, start + step).forEach((item) => show(item, set));
    more.hidden = photos.childElementCount >= set.items.length;
    count.textContent = `${photos.childElementCount} of ${set.items.length} photos shown`;
  }

  function options(box, names) {
    box.replaceChildren(...names.map((name) => make("option", {}, name)));
  }

  function start() {
    drawn = [];
    photos.replaceChildren();
    const { layers } = data.sets[setBox.selectedIndex];
    options(layerBox, layers);
    layerBox.selectedIndex = layers.length - 1;
    showMore(STEP);
  }

  function fade() {
    photos.style.setProperty("--opacity", opacity.value / 100);
    opacityShown.textContent = `${opacity.value} %`;
  }

  options(setBox, data.sets.map((set) => set.name));
  find("gallery-set-label").hidden = data.sets.length < 2;
  find("gallery-controls").hidden = false;
  find("gallery-controls").addEventListener("submit", (event) => event.preventDefault());
  setBox.addEventListener("change", start);
  layerBox.addEventListener("change", () => drawn.forEach(fill));
  opacity.addEventListener("input", fade);
  more.addEventListener("click", () => showMore(STEP));
  fade();
  start();
})();
