// The activations by name, in float64: of their parameters, functions of z, or of a whole row.

const ELEMENTWISE = {
  identity: () => (z) => z,
  relu: () => (z) => (z < 0 ? 0 : z),
  sigmoid: () => (z) => {
    const e = Math.exp(-Math.abs(z));
    return z < 0 ? e / (1 + e) : 1 / (1 + e);
  },
  tanh: () => (z) => Math.tanh(z),
  leaky_relu: (slope) => (z) => (z > 0 ? z : slope * z),
  softsign: () => (z) => z / (1 + Math.abs(z)),
  hard_sigmoid: (alpha, beta) => (z) => Math.min(Math.max(alpha * z + beta, 0), 1),
  hard_swish: () => (z) => z * Math.min(Math.max(z / 6 + 0.5, 0), 1),
  clip: (low, high) => (z) => Math.min(Math.max(z, low), high),
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
