// The activations by name, in float64: of their parameters, functions of z, or of a whole row.

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

// The size of z where the left tail of an activation has anything left: infinity times 0 would be NaN.
const belowZero = (z) => Math.min(Math.abs(z), 800);

// 1 - erf(x) for x >= 0: the series of erf, whose terms are all positive, and from 2 on the continued fraction.
function erfc(x) {
  const scale = Math.exp(-x * x) / Math.sqrt(Math.PI);
  if (x >= 2) {
    let fraction = x;
    for (let k = 100; k > 0; k--) fraction = x + k / 2 / fraction;
    return scale / fraction;
  }
  let term = 2 * x;
  let sum = term;
  for (let n = 1; n < 60; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return 1 - scale * sum;
}

const ELEMENTWISE = {
  identity: () => (z) => z,
  relu: () => (z) => (z < 0 ? 0 : z),
  sigmoid: () => (z) => {
    const e = Math.exp(-Math.abs(z));
    return z < 0 ? e / (1 + e) : 1 / (1 + e);
  },
  tanh: () => (z) => Math.tanh(z),
  leaky_relu: (slope) => (z) => (z > 0 ? z : slope * z),
  softsign: () => (z) => (Number.isFinite(z) ? z / (1 + Math.abs(z)) : Math.sign(z)),
  hard_sigmoid: (alpha, beta) => (z) => Math.min(Math.max(alpha * z + beta, 0), 1),
  hard_swish: () => (z) => (z < -3 ? -0 : z * Math.min(Math.max(z / 6 + 0.5, 0), 1)),
  clip: (low, high) => (z) => Math.min(Math.max(z, low), high),
  elu: (alpha) => (z) => (z > 0 ? z : alpha * Math.expm1(z)),
  selu: () => (z) => (z > 0 ? SELU_SCALE * z : SELU_SCALE * SELU_ALPHA * Math.expm1(z)),
  silu: () => (z) => {
    const e = Math.exp(-Math.abs(z));
    return Math.max(z, 0) - (belowZero(z) * e) / (1 + e);
  },
  softplus: () => (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))),
  gelu: () => (z) => Math.max(z, 0) - (belowZero(z) * erfc(Math.abs(z) / Math.SQRT2)) / 2,
  gelu_tanh: () => (z) => {
    const y = belowZero(z);
    const e = Math.exp(-2 * Math.sqrt(2 / Math.PI) * (y + 0.044715 * y ** 3));
    return Math.max(z, 0) - (y * e) / (1 + e);
  },
};

const ROW_WISE = {
  softmax: () => (row) => {
    const largest = Math.max(...row);
    const e = row.map((z) => Math.exp(z - largest));
    const total = e.reduce((sum, term) => sum + term, 0);
    return e.map((term) => term / total);
  },
  log_softmax: () => (row) => {
    const largest = Math.max(...row);
    if (!Number.isFinite(largest)) return row.map(() => NaN);
    // The largest term, 1, is kept apart: results near 0 keep their digits.
    const first = row.indexOf(largest);
    const rest = row.reduce((sum, z, i) => (i === first ? sum : sum + Math.exp(z - largest)), 0);
    return row.map((z) => z - largest - Math.log1p(rest));
  },
};

// Of a layer's name and parameters, the function of its row of z.
function activation(name, parameters) {
  if (name in ROW_WISE) return ROW_WISE[name](...parameters);
  const one = ELEMENTWISE[name](...parameters);
  return (row) => row.map(one);
}

// Whether a neuron is off at z: its activation gives 0 there and beside it, as relu does and tanh doesn't.
function off(name, parameters) {
  if (name in ROW_WISE) return () => false;
  const one = ELEMENTWISE[name](...parameters);
  return (z) => one(z) === 0 && (one(z - 1) === 0 || one(z + 1) === 0);
}
