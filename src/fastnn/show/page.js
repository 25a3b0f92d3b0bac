// The forward pass, computed again whenever an input changes.

const model = JSON.parse(document.getElementById("model").textContent);
// What JSON can't say of a number is there as text: "NaN", "Infinity".
const layers = model.layers.map((layer) => ({
  weight: layer.weight.map((row) => row.map(Number)),
  bias: layer.bias.map(Number),
  activate: activation(layer.activation, layer.parameters),
  isOff: off(layer.activation, layer.parameters),
}));

// Every layer's z and a for one example.
function forward(x) {
  const steps = [];
  let a = x;
  for (const { weight, bias, activate, isOff } of layers) {
    const input = a;
    const z = weight.map((row, j) => row.reduce((sum, w, i) => sum + w * input[i], bias[j]));
    a = activate(z);
    steps.push({ z, a, isOff: z.map(isOff) });
  }
  return steps;
}

// A number with six digits, and one with as many as fit into a unit: 0.0976 would be too long.
const digits = (value) => String(Number(value.toPrecision(6)));
function short(value, radius) {
  const size = Math.abs(value);
  const places = radius > 15 ? 3 : 2;
  if (size !== 0 && (size < 10 ** -places || size >= 10000)) return value.toExponential(0);
  return String(Number(size < 1 ? value.toFixed(places) : value.toPrecision(places)));
}

const sliders = [...document.querySelectorAll("input[type=range]")];
const boxes = [...document.querySelectorAll("input[type=number]")];
const x = boxes.map((box) => box.valueAsNumber);

function show() {
  const steps = forward(x);
  const columns = [x, ...steps.map((step) => step.a)];
  showUnits(columns, steps);
  showSteps(steps);
  showOutputs(steps[steps.length - 1].a);
}

// In the drawing, the fuller a unit's colour the larger what it gives.
function showUnits(columns, steps) {
  const largest = columns.map((a) => Math.max(...a.map(Math.abs).filter(Number.isFinite), 1e-300));
  for (const unit of document.querySelectorAll("g[data-unit]")) {
    const layer = Number(unit.dataset.layer);
    const value = columns[layer][Number(unit.dataset.unit)];
    const circle = unit.querySelector("circle");
    unit.querySelector("text").textContent = short(value, circle.r.baseVal.value);
    unit.classList.toggle("off", layer > 0 && steps[layer - 1].isOff[Number(unit.dataset.unit)]);
    unit.classList.toggle("negative", value < 0);
    circle.setAttribute("fill-opacity", Math.min(Math.abs(value) / largest[layer], 1) * 0.5 || 0);
  }
}

function showSteps(steps) {
  steps.forEach(({ z, a, isOff }, i) => {
    const [zRow, aRow] = document.querySelectorAll(`#steps tr[data-layer="${i + 1}"]`);
    fill(zRow, z, []);
    fill(aRow, a, isOff);
  });
  fill(document.querySelector('#steps tr[data-layer="0"]'), x, []);
}

function fill(row, values, isOff) {
  [...row.querySelectorAll("td")].forEach((cell, i) => {
    cell.textContent = digits(values[i]) + (isOff[i] ? " off" : "");
    cell.classList.toggle("off", Boolean(isOff[i]));
  });
}

function showOutputs(y) {
  // Probabilities are parts of 1; what is larger is a part of the largest.
  const whole = Math.max(...y.map(Math.abs).filter(Number.isFinite), 1);
  document.querySelectorAll("#outputs tr").forEach((row, i) => {
    row.querySelector("output").textContent = digits(y[i]);
    const bar = row.querySelector(".bar");
    bar.style.width = `${Math.min(Math.abs(y[i]) / whole, 1) * 100 || 0}%`;
    bar.classList.toggle("negative", y[i] < 0);
  });
  const best = y.reduce((found, value, i) => (Number.isNaN(value) || value <= y[found] ? found : i), -1);
  document.getElementById("largest").textContent =
    y.length > 1 && best >= 0 ? `Largest: output ${best + 1}, ${digits(y[best])}` : "";
}

function set(i, value) {
  const valid = Number.isFinite(value);
  boxes[i].setAttribute("aria-invalid", String(!valid));
  document.getElementById(`problem-${i + 1}`).textContent = valid ? "" : `This is no number; ${x[i]} still counts.`;
  if (!valid) return;
  x[i] = value;
  show();
}

sliders.forEach((slider, i) =>
  slider.addEventListener("input", () => {
    boxes[i].value = slider.value;
    set(i, slider.valueAsNumber);
  }),
);
boxes.forEach((box, i) =>
  box.addEventListener("input", () => {
    if (Number.isFinite(box.valueAsNumber)) sliders[i].value = box.value;
    set(i, box.valueAsNumber);
  }),
);
document.getElementById("zero").addEventListener("click", () => {
  boxes.forEach((box, i) => {
    box.value = sliders[i].value = "0";
    set(i, 0);
  });
});
show();
