"""A predictor as one C file: data, and one function that needs nothing but the C library's mathematics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from eda_plugin.adapters.predictor.baked import Baked, paired
from eda_plugin.domain.predictor import LEAST, UNIT, Trees
from eda_plugin.errors import UserError
from eda_plugin.files import replace_atomically

__all__ = ["write_c"]

_HEAD = """/* Written by eda-plugin train-predictor: @TABLES@ @NAME@ tables at @CORNERS@ corners. C99, no dependency (link with -lm).

   int @NAME@_predict(size_t n, const int *table, const int *corner, const double *slew, const double *load,
                      double *value, double *lower, double *upper, unsigned char *status);

   n queries: numbers of @NAME@_tables and @NAME@_corners, slew in s, load in F (of constraints: slews of the related and of the constrained
   pin). value in SI units; lower and upper bound the @COVERAGE@ % interval; both may be null, which is faster. status: 0, or the sum of
   1 slew or load outside the table trained on, 2 corner not trained on, 4 completed from other corners, 8 refused: value is NaN.
   Returns how many queries have a status other than 0. */
#include <math.h>
#include <stddef.h>

#define TABLES @TABLES@
#define CORNERS @CORNERS@
#define K @K@
#define C @C@
"""

_CODE = """
#define STEP(at) (nodes[at].left + (x[nodes[at].feature] > nodes[at].threshold))

/* Four trees at a time: each waits for memory by itself. */
static double walk(const double *x, const node *nodes, const double *values, const int *roots, int trees, int depth)
{
    double total = 0;
    int t = 0;
    for (; t + 3 < trees; t += 4) {
        int a = roots[t], b = roots[t + 1], c = roots[t + 2], d = roots[t + 3];
        for (int step = 0; step < depth; step++)
            a = STEP(a), b = STEP(b), c = STEP(c), d = STEP(d);
        total += values[a];
        total += values[b];
        total += values[c];
        total += values[d];
    }
    for (; t < trees; t++) {
        int a = roots[t];
        for (int step = 0; step < depth; step++) a = STEP(a);
        total += values[a];
    }
    return total;
}

int @NAME@_predict(size_t n, const int *table, const int *corner, const double *slew, const double *load,
                   double *value, double *lower, double *upper, unsigned char *status)
{
    int told = 0;
    for (size_t row = 0; row < n; row++) {
        const double s = slew[row], c = load[row];
        double x[F], p[I], q[J];
        if (table[row] < 0 || table[row] >= TABLES || corner[row] < 0 || corner[row] >= CORNERS || !(s >= 0 && s <= MOST)
            || !(c >= 0 && c <= MOST)) {
            value[row] = NAN;
            if (lower) lower[row] = NAN;
            if (upper) upper[row] = NAN;
            status[row] = 8;
            told++;
            continue;
        }
        const size_t place = (size_t)table[row] * CORNERS + (size_t)corner[row];
        const short *shape = shapes + place * K;
        const double *span = spans[span_of[place]], *condition = conditions[corner[row]];
        const double is = s < span[0] ? span[0] : s > span[1] ? span[1] : s, ic = c < span[2] ? span[2] : c > span[3] ? span[3] : c;
        const double scale = exp(log_scales[place]), reference = references[table[row]];
        const double u = 2 * (@SLEW_ROOT@ - ZERO) / WIDE - 1, v = 2 * @LOAD_ROOT@ - 1;
        double mean = 0;
        p[0] = 1, p[1] = u, q[0] = 1, q[1] = v;
        for (int i = 2; i < I; i++) p[i] = 2 * u * p[i - 1] - p[i - 2];
        for (int j = 2; j < J; j++) q[j] = 2 * v * q[j - 1] - q[j - 2];
        for (int k = 0; k < K; k++) mean += shape[k] * p[powers[k][0]] * q[powers[k][1]];
        mean *= UNIT * scale;
        int far = fabs(is - s) > 1e-6 * s || fabs(ic - c) > 1e-6 * c;
        if (far) {
            double dp[I], dq[J], along_slew = 0, along_load = 0;
            dp[0] = 0, dp[1] = 1, dq[0] = 0, dq[1] = 1;
            for (int i = 2; i < I; i++) dp[i] = 2 * p[i - 1] + 2 * u * dp[i - 1] - dp[i - 2];
            for (int j = 2; j < J; j++) dq[j] = 2 * q[j - 1] + 2 * v * dq[j - 1] - dq[j - 2];
            for (int k = 0; k < K; k++) {
                along_slew += shape[k] * dp[powers[k][0]] * q[powers[k][1]];
                along_load += shape[k] * p[powers[k][0]] * dq[powers[k][1]];
            }
            const double du = 2 * @SLEW_POWER@ * pow(fmax(is / HIGH, 1e-6), @SLEW_POWER@ - 1) / HIGH / WIDE;
            const double dv = 2 * @LOAD_POWER@ * pow(fmax(ic / reference, 1e-6), @LOAD_POWER@ - 1) / reference;
            mean += UNIT * scale * (along_slew * du * (s - is) + along_load * dv * (c - ic));
        }
        const double log_slew = log(fmax(is, 1e-6 * HIGH));
        x[0] = v, x[1] = log_slew - LOG_HIGH, x[2] = log_slew - log_scales[place], x[3] = log_scales[place];
        x[4] = quantities[table[row]];
        for (int f = 0; f < 4; f++) x[5 + f] = condition[f];
        for (int f = 0; f < C; f++) x[9 + f] = 0;
        for (int k = 0; k < K; k++)
            for (int f = 0; f < C; f++) x[9 + f] += (shape[k] * UNIT - centre[k]) * components[k][f];
        const double size = fmax(fabs(mean), floors[corner[row]]);
        const int level = levels[place];
        value[row] = mean
            + size * (@BASE_residual@ + walk(x, nodes_residual, values_residual, roots_residual, TREES_residual, DEPTH_residual));
        if (lower && upper) {
            const double down = -@BASE_low@ - walk(x, nodes_low, values_low, roots_low, TREES_low, DEPTH_low);
            const double up = @BASE_high@ + walk(x, nodes_high, values_high, roots_high, TREES_high, DEPTH_high);
            lower[row] = value[row] - fmax(down, @LEAST@) * widths[level] * size;
            upper[row] = value[row] + fmax(up, @LEAST@) * widths[level] * size;
        }
        status[row] = (unsigned char)(far + (level == 1 ? 4 : level == 2 ? 2 : 0));
        told += status[row] != 0;
    }
    return told;
}
"""


def write_c(baked: Baked, path: str | Path, name: str) -> None:
    """Write the C file, whole or not at all. ``name`` begins the names that others may call: an identifier."""
    if not name.isidentifier() or not name.isascii():
        raise UserError(f"{name!r} is no name in C; use letters, digits and _")
    model = baked.predictor
    low, high = model.slew_range
    first, second = (float(exponent) for exponent in model.exponents)
    zero = (low / high) ** first
    text = _HEAD + "".join(
        (
            f"#define F {9 + model.components.shape[1]}\n#define I {max(int(model.powers[:, 0].max()), 1) + 1}\n",
            f"#define J {max(int(model.powers[:, 1].max()), 1) + 1}\n#define UNIT {UNIT!r}\n#define MOST 1e300\n",
            f"#define HIGH {float(high)!r}\n",
            f"#define ZERO {float(zero)!r}\n#define WIDE {max(float(1 - zero), 1e-3)!r}\n#define LOG_HIGH {float(np.log(high))!r}\n",
            "typedef struct { double threshold; int left, feature; } node;\n",
            _texts(f"{name}_tables", baked.table_names),
            _texts(f"{name}_corners", [corner.name for corner in baked.corners]),
            _array("static const short shapes[]", baked.shape.ravel().tolist()),
            _array("static const double log_scales[]", baked.log_scale.ravel().tolist()),
            _array("static const int span_of[]", baked.span.ravel().tolist()),
            _rows("static const double spans[][4]", baked.spans.tolist()),
            _array("static const unsigned char levels[]", baked.level.ravel().tolist()),
            _array("static const double widths[]", baked.widths),
            _array("static const double floors[]", baked.floor.tolist()),
            _rows("static const double conditions[][4]", baked.conditions.tolist()),
            _array("static const double references[]", model.load_reference.tolist()),
            _array("static const unsigned char quantities[]", model.quantity.tolist()),
            _rows("static const unsigned char powers[][2]", model.powers.tolist()),
            _array("static const double centre[]", model.centre.tolist()),
            _rows("static const double components[][C]", model.components.tolist()),
        )
    )
    words = {"NAME": name, "TABLES": str(len(model.keys)), "CORNERS": str(len(baked.corners)), "K": str(len(model.powers))}
    words |= {"C": str(model.components.shape[1]), "COVERAGE": f"{100 * model.coverage:g}", "LEAST": repr(LEAST)}
    words |= {"SLEW_POWER": repr(first), "LOAD_POWER": repr(second)}
    words |= {"SLEW_ROOT": _power("is / HIGH", first), "LOAD_ROOT": _power("ic / reference", second)}
    for ensemble, trees in (("residual", model.residual), ("low", model.low), ("high", model.high)):
        text += _ensemble(ensemble, trees)
        words[f"BASE_{ensemble}"] = f"({trees.baseline!r})"
    text += _CODE
    for word, meant in words.items():
        text = text.replace(f"@{word}@", meant)
    with replace_atomically(Path(path)) as part:
        part.write_text(text, encoding="utf-8")


def _ensemble(name: str, trees: Trees) -> str:
    made = paired(trees)
    nodes = [
        f"{{{_number(t)},{a},{f}}}" for t, a, f in zip(made.threshold.tolist(), made.left.tolist(), made.feature.tolist(), strict=True)
    ]
    return (
        f"#define TREES_{name} {len(made.root)}\n#define DEPTH_{name} {made.depth}\n"
        + f"static const node nodes_{name}[] = {{{_lines(nodes or ['{0,0,0}'])}}};\n"
        + _array(f"static const double values_{name}[]", made.value.tolist() or [0])
        + _array(f"static const int roots_{name}[]", made.root.tolist() or [0])
    )


def _power(base: str, exponent: float) -> str:
    """Roots are many times faster than pow."""
    known = {1.0: f"({base})", 0.5: f"sqrt({base})", 0.25: f"sqrt(sqrt({base}))"}
    return known.get(exponent, f"pow({base}, {exponent!r})")


def _number(value: float) -> str:
    if value != value:
        return "NAN"
    return ("INFINITY" if value > 0 else "-INFINITY") if abs(value) == float("inf") else repr(value)


def _lines(words: Sequence[str]) -> str:
    return ",\n".join(",".join(words[begin : begin + 26]) for begin in range(0, len(words), 26))


def _array(declared: str, values: Iterable[float]) -> str:
    return f"{declared} = {{{_lines([_number(value) for value in values])}}};\n"


def _rows(declared: str, rows: Iterable[Iterable[float]]) -> str:
    return f"{declared} = {{{_lines(['{' + ','.join(map(_number, row)) + '}' for row in rows])}}};\n"


def _texts(name: str, texts: Sequence[str]) -> str:
    quoted = ['"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '"' for text in texts]
    return f"const char *const {name}[] = {{\n" + ",\n".join(quoted) + "};\n"
