// One setting for the whole page. Styles hide what the selector at the top does not choose; here the address gets the
// setting, so that a link shows what its sender saw, and the gallery and the points are told of it.
const boxes = [...document.querySelectorAll("#selector select")];
const [network, data, layer] = ["network", "data", "layer"].map((key) => boxes.find((box) => box.dataset.key === key));
const named = ({ selectedOptions: [{ text }] }) => text;

// A network has no layers of another: these cannot be chosen, and the network's last layer takes their place.
function offerLayers() {
  const fits = (part) => (box) => !box || ["all", ...part.dataset[box.dataset.key].split(" ")].includes(box.value);
  const parts = [...document.querySelectorAll("[data-layer]")].filter((part) => [network, data].every(fits(part)));
  const known = new Set(["all", ...parts.map((part) => part.dataset.layer)]);
  for (const option of layer.options) option.hidden = option.disabled = !known.has(option.value);
  if (!known.has(layer.value)) [...layer.options].findLast((option) => !option.disabled).selected = true;
}

function apply() {
  if (layer) offerLayers();
  const names = boxes.filter(({ value }) => value !== "all").map((box) => [box.dataset.key, named(box)]);
  document.dispatchEvent(new CustomEvent("setting", { detail: Object.fromEntries(names) }));
}

function write() {
  const words = new URLSearchParams(boxes.map((box) => [box.dataset.key, named(box)]));
  history.replaceState(null, "", `#${location.hash.slice(1).split("?")[0]}${boxes.length ? `?${words}` : ""}`);
}

function read() {
  const [anchor, words] = location.hash.slice(1).split("?");
  for (const [key, name] of new URLSearchParams(words)) {
    const option = [...(boxes.find((box) => box.dataset.key === key)?.options ?? [])].find(({ text }) => text === name);
    if (option) option.selected = true;
  }
  if (words) apply();
  const target = document.getElementById(anchor);
  if (!target) return;
  write();
  target.closest("section")?.querySelector("details.fold")?.setAttribute("open", "");
  target.scrollIntoView();
}

const seen = new IntersectionObserver(
  (entries) => {
    const here = entries.findLast((entry) => entry.isIntersecting)?.target.getAttribute("aria-labelledby") ?? "";
    const links = here ? document.querySelectorAll("nav.page a") : [];
    for (const link of links) link.setAttribute("aria-current", link.hash === `#${here}`);
  },
  { rootMargin: "-20% 0px -75% 0px" },
);
for (const section of document.querySelectorAll("main > section")) seen.observe(section);
document.getElementById("selector")?.addEventListener("change", () => (apply(), write()));
addEventListener("hashchange", read);
apply();
read();
