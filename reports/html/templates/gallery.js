// The gallery: photos in a chosen order, under the maps of the chosen methods; a click shows one map large, with the
// object's outline, every number of this image and its curves. The page's selector chooses network, data and layer.
function galleryOf(data) {
  const find = (id) => document.getElementById(`gallery-${id}`);
  const [form, photos, more, large, side, plot] = ["controls", "photos", "more", "large", "side", "plot"].map(find);
  const FEW = 2; // photos, at first
  let [set, layers, order, shown, open] = [null, [], [], FEW, {}];
  for (const layer of data.sets.flatMap(({ values }) => values)) {
    layer.forEach((code, metric) => (layer[metric] = code && new Float64Array(bytes(code).buffer)));
  }

  // The number of one image and method under a metric; NaN without.
  const value = (layer, metric, image, method) =>
    set.values[layer][metric]?.[image * set.methods.length + method] ?? NaN;
  const fixed = (number) => number.toFixed(3).replace(/^-(0\.0+)$/, "$1");
  const plain = (text) => text.slice(0, 60).replaceAll("&", "&amp;").replaceAll("<", "&lt;"); // Plotly reads some HTML
  const chosen = (name) => new FormData(form).getAll(name).map(Number);

  // One number, marked where it is the best or the worst of all methods on this image, controls apart.
  function line(layer, metric, image, method, withRank) {
    const [number, { title, arrow, higher }] = [value(layer, metric, image, method), data.metrics[metric]];
    if (Number.isNaN(number)) return [];
    const judged = [...set.methods.keys()].filter((other) => !set.methods[other].control);
    const known = judged.map((other) => value(layer, metric, image, other)).filter((other) => !Number.isNaN(other));
    const [best, ...rest] = known.sort((a, b) => (higher ? b - a : a - b));
    const isJudged = !set.methods[method].control && best !== rest.at(-1);
    const place = !isJudged ? "" : number === best ? "best" : number === rest.at(-1) ? "worst" : "";
    const rank = isJudged && withRank ? `${1 + known.indexOf(number)} of ${known.length}` : "";
    const note = [place, rank].filter(Boolean).join(", ");
    return [make("span", { class: place }, `${fixed(number)}\u00a0${arrow} ${title}${note && ` (${note})`}`)];
  }

  // What stands under a map: its numbers, or why there is none.
  function numbers({ image, layer, method }, metrics, withRank) {
    const why = set.reasons[set.why[`${layer},${image},${method}`]] ?? "no map was kept";
    const lost = set.places[layer][image][method] < 0 ? [make("span", { class: "lost" }, why)] : [];
    return [...lost, ...metrics.flatMap((metric) => line(layer, metric, image, method, withRank))];
  }

  // A photo, and over it a map that the page's styles scale (bilinear) and colour.
  function frame({ image, layer, method }) {
    const { sample, caption, photo } = set.images[image];
    const { src, width, height } = data.photos[photo];
    const [code, h, w, words] = set.maps[set.places[layer][image][method]] ?? [];
    const name = set.methods[method]?.name;
    const alt = code ? "" : `Photo ${sample}${name ? `: no map of ${name}` : `; ${caption}`}`;
    const picture = make("img", { src, alt, width, height });
    if (!code) return [picture];
    const label = `Map of ${name} at ${set.layers[layer]} on ${sample}: ${words}`;
    const canvas = make("canvas", { width: w, height: h, role: "img", "aria-label": label });
    const pixels = new ImageData(w, h);
    new Uint32Array(pixels.data.buffer).set([...bytes(code)].map((level) => 0xff000000 + level * 0x10101));
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return [picture, canvas];
  }

  // The object's outline over a photo; a copy of the one of the dialog.
  function outlineOver({ photo, outline }) {
    const border = find("outline").cloneNode(true);
    const { width, height } = data.photos[photo];
    border.removeAttribute("id");
    border.setAttribute("viewBox", `0 0 ${width} ${height}`);
    border.firstElementChild.setAttribute("d", outline);
    return border;
  }

  function figure(place) {
    const { outline } = set.images[place.image];
    const { name, control } = set.methods[place.method] ?? { name: outline ? "photo, object outlined" : "photo" };
    const over = outline && place.method === undefined ? [outlineOver(set.images[place.image])] : [];
    const button = make("button", { type: "button", class: `frame${over.length ? " outlined" : ""}` }, ...frame(place), ...over);
    button.addEventListener("click", () => enlarge({ ...place, method: place.method ?? chosen("method")[0] ?? 0 }));
    const under = place.method === undefined ? [] : numbers(place, chosen("metric"));
    const words = [make("bdi", { class: "method" }, name), make("span", { class: "numbers" }, ...under)];
    return make("figure", { class: control ? "control" : "" }, button, make("figcaption", {}, ...words));
  }

  function article(image, reason) {
    const [{ sample, caption }, methods] = [set.images[image], [undefined, ...chosen("method")]];
    const title = make("h3", {}, make("bdi", {}, sample), " ", make("span", { class: "caption" }, caption + reason));
    const rows = layers.flatMap((layer) => [
      ...(layers.length > 1 ? [make("bdi", { class: "where" }, set.layers[layer])] : []),
      make("div", { class: "maps" }, ...methods.map((method) => figure({ image, layer, method }))),
    ]);
    return make("article", {}, title, ...rows);
  }

  function again() {
    const { key, sign, say } = data.orders[chosen("order")];
    const keys = set.keys[key][layers.length > 1 ? set.layers.length : layers[0]] ?? set.keys[key][0];
    const compare = (a, b) => (keys[a] === null) - (keys[b] === null) || sign * (keys[a] - keys[b]) || a - b;
    const shortest = (number) => (Number.isInteger(number) ? number : fixed(number));
    const reason = (image) => (say && keys[image] !== null ? `; ${say} ${shortest(keys[image])}` : "");
    order = [...keys.keys()].sort(compare);
    photos.replaceChildren(...order.slice(0, shown).map((image) => article(image, reason(image))));
    more.hidden = shown >= order.length;
    find("count").textContent = `${set.name}: ${Math.min(shown, order.length)} of ${order.length} photos shown`;
    for (const part of form.querySelectorAll("details")) {
      const [on, all] = [":checked", "input"].map((which) => part.querySelectorAll(which).length);
      part.querySelector("output").textContent = `${on} of ${all}`;
    }
  }

  // Layers by their places; none is all of them.
  function choose(next, places) {
    const marked = next === set ? [] : form.querySelectorAll("[name=method]");
    for (const box of marked) box.checked = next.start.includes(Number(box.value), 1);
    [set, layers, shown] = [next, places.length ? places : [...next.layers.keys()], FEW];
    again();
  }

  // The dialog: one map on one photo.
  function enlarge(place) {
    open = place;
    const [{ sample, caption, photo, outline }, layer] = [set.images[place.image], set.layers[place.layer]];
    const where = make("span", { class: "caption" }, `${caption}; ${layer}`);
    find("title").replaceChildren(make("bdi", {}, sample), " ", where);
    const border = find("outline");
    border.setAttribute("viewBox", `0 0 ${data.photos[photo].width} ${data.photos[photo].height}`);
    border.firstElementChild.setAttribute("d", outline ?? "");
    find("outlined").hidden = !outline;
    find("frame").replaceChildren(...frame(place), border);
    find("numbers").replaceChildren(...numbers(place, [...data.metrics.keys()], true));
    side.elements.method.value = place.method;
    for (const button of side.querySelectorAll("[data-step]")) button.disabled = step(button) === undefined;
    if (!large.open) large.showModal();
    drawCurves();
  }

  const step = (button) => order[order.indexOf(open.image) + Number(button.dataset.step)];
  const drawCurves = charts.draw(plot, (width) => {
    const curve = set.curves[open.layer].find(({ metric }) => metric === Number(side.elements.curve.value));
    const layout = { ...data.lines.layout, height: Math.min(300, width) };
    if (!curve) return { data: [], layout };
    const { x, y, low, high } = curve;
    const levels = new Uint16Array(bytes(y).buffer).subarray(open.image * set.methods.length * x.length);
    const lines = set.methods.map(({ name }, method) => {
      const own = [...levels.subarray(method * x.length, (method + 1) * x.length)];
      const heights = own.map((level) => (level > 65534 ? null : low + (level * (high - low)) / 65534));
      return { ...data.lines[method === open.method ? "chosen" : "other"], x, y: heights, name: plain(name) };
    });
    lines.push(...lines.splice(open.method, 1)); // over the others
    return { data: lines, layout };
  });

  form.addEventListener("change", again);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.querySelector("[name=all]").addEventListener("click", () => {
    for (const box of form.querySelectorAll("[name=method]")) box.checked = true;
    again();
  });
  more.addEventListener("click", () => ((shown *= 2), again()));
  side.addEventListener("click", ({ target }) => target.dataset.step && enlarge({ ...open, image: step(target) }));
  side.addEventListener("change", () => enlarge({ ...open, method: Number(side.elements.method.value) }));
  for (const [controls, part] of [[form, photos], [side, large]]) {
    controls.addEventListener("input", () => {
      part.style.setProperty("--opacity", controls.elements.opacity.value / 100);
    });
  }
  document.addEventListener("setting", ({ detail: { network, data: name, layer } }) => {
    const fits = (each) => (network ?? each.network) === each.network && (name ?? each.data) === each.data;
    const next = data.sets.find(fits) ?? set ?? data.sets[0];
    choose(next, next.layers.flatMap((each, at) => (each === layer ? [at] : [])));
  });
  // A map of the first screen opens large.
  for (const button of document.querySelectorAll("[data-open]")) {
    const [network, name, layer, image, method] = JSON.parse(button.dataset.open);
    button.addEventListener("click", () => {
      const next = data.sets.find((each) => each.network === network && each.data === name);
      if (next?.images[image]?.photo === undefined) return;
      if (next !== set) choose(next, [next.layers.indexOf(layer)]);
      const at = set.methods.findIndex((each) => each.name === method);
      enlarge({ image, layer: set.layers.indexOf(layer), method: at });
    });
  }
  return { data, value, fixed, plain, enlarge, now: () => ({ set, layer: layers.at(-1) }) };
}

const source = document.getElementById("gallery-data");
globalThis.photoGallery = source && galleryOf(JSON.parse(source.textContent));
