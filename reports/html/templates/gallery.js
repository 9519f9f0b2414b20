// The gallery: photos in a chosen order, the maps of the chosen methods over each. A click shows a map large, with the
// object's outline, every number of this image and its curves.
const photoGallery = (() => {
  "use strict";
  if (!atlas) return null;
  const { data, make, mean, fixed, plain } = atlas;
  const find = (id) => document.getElementById(`gallery-${id}`);
  const [setBox, layerBox, orderBox, byBox] = ["set", "layer", "order", "by"].map(find);
  const [photos, more, whole, count, large] = ["photos", "more", "whole", "count", "large"].map(find);
  const [methodBox, curveBox, plot] = ["large-method", "large-curve", "large-plot"].map(find);
  const STEP = 3;
  const NUMBERS = 4; // under a map, before the reader chooses
  let [order, shown, only, methods, metrics, chosen] = [[], STEP, null, () => [], () => [], {}];

  const set = () => data.sets[setBox.selectedIndex];
  const layers = () => {
    const names = set().layers;
    return layerBox.selectedIndex < names.length ? [layerBox.selectedIndex] : [...names.keys()];
  };
  const judged = () => [...set().methods.keys()].filter((method) => !set().methods[method].control);
  const value = (...place) => atlas.value(set(), ...place);
  const known = (layer, metric, image) => judged().map((method) => value(layer, metric, image, method)).filter((number) => !Number.isNaN(number));

  // What photos are ordered by: numbers of an image, and what to say of them, if anything; the least mean comes first, none last.
  const by = (name, numbers, sign = 1) => ({ sign, numbers, say: name && ((number) => `${name} ${fixed(number)}`) });
  const scores = (sign) => {
    const { title, higher } = data.metrics[byBox.selectedIndex];
    return by(`mean ${title}`, (image) => layers().flatMap((layer) => known(layer, byBox.selectedIndex, image)), higher ? sign : -sign);
  };
  const spread = (numbers) => (numbers.length ? Math.max(...numbers) - Math.min(...numbers) : NaN);
  const ORDERS = {
    study: () => by("", (image) => [image]),
    disagreement: () => by("disagreement of the methods", (image) => layers().map((layer) => set().disagreement[layer][image]), -1),
    worst: () => scores(1),
    best: () => scores(-1),
    spread: () => by("best minus worst method", (image) => layers().map((layer) => spread(known(layer, byBox.selectedIndex, image))), -1),
    probability: () => by("", (image) => [set().images[image].probability]),
    failures: () => ({ ...by("", (image) => [layers().reduce((sum, layer) => sum + set().failed[layer][image], 0)], -1), say: (failed) => `${failed} failed values` }),
    small: () => by("share of the image that the object covers", (image) => [set().share?.[image] ?? null]),
    large: () => ({ ...ORDERS.small(), sign: -1 }),
  };

  function sorted(images) {
    if (orderBox.value === "name") return images.sort((a, b) => set().images[a].sample.localeCompare(set().images[b].sample, undefined, { numeric: true }));
    const { numbers, sign } = ORDERS[orderBox.value]();
    const keys = images.map((image) => sign * mean(numbers(image)));
    return images.sort((a, b) => Number.isNaN(keys[a]) - Number.isNaN(keys[b]) || keys[a] - keys[b] || a - b);
  }

  // Why a photo stands where it stands.
  function reason(image) {
    const { numbers, say } = ORDERS[orderBox.value]?.() ?? {};
    const number = say ? mean(numbers(image)) : NaN;
    return Number.isNaN(number) ? "" : `; ${say(number)}`;
  }

  // One number, marked where it is the best or the worst of all methods on this image, controls apart.
  function line(layer, metric, image, method, ranked = false) {
    const [number, { title, arrow, higher }] = [value(layer, metric, image, method), data.metrics[metric]];
    if (Number.isNaN(number)) return [];
    const all = set().methods[method].control ? [] : known(layer, metric, image);
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const place = low < high && [low, high].includes(number) ? ((number === high) === higher ? "best" : "worst") : "";
    const rank = `${1 + all.filter((other) => (higher ? other > number : other < number)).length} of ${all.length}`;
    const note = [...(place ? [place] : []), ...(ranked && all.length > 1 ? [rank] : [])].join(", ");
    return [make("span", { class: place }, `${fixed(number)}\u00a0${arrow} ${title}${note && ` (${note})`}`)];
  }

  function frame(image, layer, method) {
    const { sample, caption, photo } = set().images[image];
    const map = method === null ? null : atlas.map(set(), layer, image, method);
    const { src, width, height } = data.photos[photo];
    const alt = method === null ? `Photo ${sample}; ${caption}` : map ? "" : `Photo ${sample}: no map of ${set().methods[method].name}`;
    const over = map ? [atlas.picture(map, `Map of ${set().methods[method].name} at ${set().layers[layer]} on ${sample}`)] : [];
    return [make("img", { src, alt, width, height }), ...over];
  }

  function figure(image, layer, method) {
    const { name, control } = set().methods[method] ?? { name: "photo" };
    const button = make("button", { type: "button", class: "frame" }, ...frame(image, layer, method));
    button.addEventListener("click", () => enlarge(image, layer, method ?? methods()[0] ?? 0));
    const where = layers().length > 1 && method !== null ? [make("bdi", { class: "where" }, set().layers[layer])] : [];
    const lost = method !== null && !button.querySelector("canvas") ? [make("span", {}, atlas.why(set(), layer, image, method))] : [];
    const numbers = method === null ? [] : metrics().flatMap((metric) => line(layer, metric, image, method));
    const caption = make("figcaption", {}, make("bdi", { class: "method" }, name), ...where, make("span", { class: "numbers" }, ...lost, ...numbers));
    return make("figure", { class: `${control ? "control" : ""}${lost.length ? " none" : ""}` }, button, caption);
  }

  function article(image) {
    const { sample, caption } = set().images[image];
    const title = make("h3", { tabindex: "-1" }, make("bdi", {}, sample), " ", make("span", { class: "caption" }, caption + reason(image)));
    const where = layers();
    const [photo, maps] = [figure(image, where[0], null), methods().map((method) => where.map((layer) => figure(image, layer, method)))];
    if (where.length === 1) return make("article", {}, title, make("div", { class: "maps" }, photo, ...maps.flat()));
    const groups = [[photo], ...maps].map((group) => make("div", { class: "layers" }, ...group));
    const beside = make("div", { class: "beside" }, ...groups);
    beside.style.setProperty("--layers", where.length);
    return make("article", {}, title, make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": `All layers on ${sample}` }, beside));
  }

  function show(images) {
    photos.append(...images.map(article));
    const total = only === null ? order.length : 1;
    more.hidden = photos.childElementCount >= total;
    whole.hidden = only === null;
    const all = `${photos.childElementCount} of ${order.length} photos shown`;
    count.textContent = only === null ? all : `1 of ${order.length} photos shown: the chosen photo`;
  }

  function again() {
    photos.replaceChildren();
    find("by-label").hidden = !["worst", "best", "spread"].includes(orderBox.value);
    order = sorted([...Array(set().pictured).keys()]);
    show(only === null ? order.slice(0, shown) : [only]);
  }

  function restart() {
    [shown, only] = [STEP, null];
    again();
  }

  function start() {
    const { layers: names, methods: all, share, start: first } = set();
    atlas.options(layerBox, names.length > 1 ? [...names, "all, side by side"] : names);
    layerBox.selectedIndex = names.length - 1;
    for (const name of ["small", "large"]) orderBox.querySelector(`[value=${name}]`).hidden = !share;
    if (!share && ["small", "large"].includes(orderBox.value)) orderBox.value = "study";
    methods = atlas.choices(find("methods"), all.map(({ name }) => name), (at) => first.includes(at, 1), restart);
    metrics = atlas.choices(find("metrics"), data.metrics.map(({ title }) => title), (at) => at < NUMBERS, again);
    atlas.options(methodBox, all.map(({ name }) => name));
    restart();
  }

  // The dialog: one map on one photo.
  function enlarge(image, layer, method) {
    chosen = { image, layer, method };
    const [{ sample, caption, photo, outline }, { width, height }] = [set().images[image], data.photos[set().images[image].photo]];
    find("large-title").replaceChildren(make("bdi", {}, sample), " ", make("span", { class: "caption" }, `${caption}; ${set().layers[layer]}`));
    const border = find("large-outline");
    border.setAttribute("viewBox", `0 0 ${width} ${height}`);
    border.firstElementChild.setAttribute("d", outline ?? "");
    find("outlined").parentElement.hidden = !outline;
    find("large-frame").replaceChildren(...frame(image, layer, method), border);
    methodBox.selectedIndex = method;
    const numbers = data.metrics.flatMap((_, metric) => line(layer, metric, image, method, true));
    const lost = atlas.map(set(), layer, image, method) ? [] : [make("span", {}, atlas.why(set(), layer, image, method))];
    find("large-numbers").replaceChildren(...lost, ...numbers);
    const curves = set().curves[layer];
    const kept = Math.max(0, curveBox.selectedIndex);
    atlas.options(curveBox, curves.map(({ metric }) => `${data.metrics[metric].title} ${data.metrics[metric].arrow}`));
    curveBox.selectedIndex = Math.min(kept, curves.length - 1);
    find("large-curves").hidden = !curves.length;
    const place = order.indexOf(image);
    find("large-back").disabled = place <= 0;
    find("large-on").disabled = place < 0 || place > order.length - 2;
    if (!large.open) large.showModal();
    drawCurves();
  }

  function curvesOf(width) {
    const { image, layer, method } = chosen;
    const curve = set().curves[layer]?.[curveBox.selectedIndex];
    if (!curve) return { data: [], layout: {} };
    const lines = set().methods.map(({ name }, at) => ({
      ...data.lines[at === method ? "chosen" : "other"], x: curve.x, y: atlas.curve(set(), curve, image, at), name: plain(name),
    }));
    const [lit] = lines.splice(method, 1); // over the others
    return { data: [...lines, lit], layout: { ...data.lines.layout, height: Math.min(300, width) } };
  }

  const drawCurves = charts.draw(plot, curvesOf, () => {});

  function choose(place) {
    if (setBox.selectedIndex === place) return;
    setBox.selectedIndex = place;
    start();
  }

  // Shows one photo alone, and goes there.
  function open(place, image, layer) {
    choose(place);
    if (layerBox.selectedIndex < set().layers.length) layerBox.selectedIndex = layer;
    only = image;
    again();
    photos.querySelector("h3").focus({ preventScroll: true });
    photos.style.scrollMarginTop = `${find("controls").offsetHeight + 12}px`; // the bar above stays in sight
    photos.scrollIntoView();
  }

  function fade({ target }) {
    for (const slider of document.querySelectorAll("[data-opacity]")) slider.value = target.value;
    for (const place of [photos, large]) place.style.setProperty("--opacity", target.value / 100);
  }

  // A map of the first screen opens large.
  for (const button of document.querySelectorAll("[data-open]")) {
    const [network, name, layer, image, method] = JSON.parse(button.dataset.open);
    button.addEventListener("click", () => {
      const place = data.sets.findIndex((each) => each.network === network && each.data === name);
      if (data.sets[place]?.images[image]?.photo === undefined) return;
      choose(place);
      enlarge(image, set().layers.indexOf(layer), set().methods.findIndex((each) => each.name === method));
    });
  }
  atlas.options(setBox, data.sets.map(({ name }) => name));
  atlas.options(byBox, data.metrics.map(({ title, arrow }) => `${title} ${arrow}`));
  find("set-label").hidden = data.sets.length < 2;
  for (const name of data.metrics.length ? [] : ["worst", "best", "spread"]) orderBox.querySelector(`[value=${name}]`).hidden = true;
  find("controls").hidden = false;
  find("controls").addEventListener("submit", (event) => event.preventDefault());
  setBox.addEventListener("change", start);
  layerBox.addEventListener("change", again);
  for (const box of [orderBox, byBox]) box.addEventListener("change", restart);
  for (const slider of document.querySelectorAll("[data-opacity]")) slider.addEventListener("input", fade);
  whole.addEventListener("click", restart);
  more.addEventListener("click", () => {
    show(order.slice(shown, shown + STEP));
    shown += STEP;
  });
  const step = (places) => enlarge(order[order.indexOf(chosen.image) + places], chosen.layer, chosen.method);
  find("large-back").addEventListener("click", () => step(-1));
  find("large-on").addEventListener("click", () => step(1));
  find("large-close").addEventListener("click", () => large.close());
  find("outlined").addEventListener("change", ({ target }) => large.classList.toggle("outlined", target.checked));
  methodBox.addEventListener("change", () => enlarge(chosen.image, chosen.layer, methodBox.selectedIndex));
  curveBox.addEventListener("change", drawCurves);
  start();
  atlas.follow((place, layer) => {
    choose(place);
    if (layer !== null && layerBox.selectedIndex !== layer) {
      layerBox.selectedIndex = layer;
      again();
    }
  });
  return { open };
})();
