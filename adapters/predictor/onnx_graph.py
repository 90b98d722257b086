"""A predictor as an ONNX graph, for onnxruntime: inputs table, corner (int64), slew, load (double); outputs value, status, lower, upper.

The trees are a ``TreeEnsembleRegressor`` each, the smooth mean plain operators, all in double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eda_plugin.adapters.predictor.baked import Baked
from eda_plugin.domain.predictor import LEAST, UNIT, Status, Trees
from eda_plugin.errors import UserError
from eda_plugin.files import replace_atomically

__all__ = ["write_onnx"]


def write_onnx(baked: Baked, path: str | Path, *, intervals: bool) -> None:
    """Write the graph, whole or not at all; with ``intervals`` it has the outputs lower and upper, and takes three times as long.

    Raises ``UserError`` where the package onnx (extra ``onnx``) is absent.
    """
    try:
        import onnx
    except ImportError as error:
        raise UserError("ONNX needs the package onnx; install eda-plugin[onnx]") from error
    graph = _Graph(onnx)
    outputs = _build(graph, baked, intervals)
    kinds = {"table": "INT64", "corner": "INT64", "slew": "DOUBLE", "load": "DOUBLE"}
    helper, proto = onnx.helper, onnx.TensorProto
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "eda_plugin_predictor",
            [helper.make_tensor_value_info(name, getattr(proto, kind), ["n"]) for name, kind in kinds.items()],
            [helper.make_tensor_value_info(name, proto.INT64 if name == "status" else proto.DOUBLE, ["n"]) for name in outputs],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)],
        producer_name="eda-plugin",
    )
    made.ir_version = 8  # what opset 17 came with: older runtimes read it
    for name, values in (("tables", baked.table_names), ("corners", [corner.name for corner in baked.corners])):
        entry = made.metadata_props.add()
        entry.key, entry.value = name, "\n".join(values)
    with replace_atomically(Path(path)) as part:
        part.write_bytes(made.SerializeToString())


class _Graph:
    """Nodes and constants in the making; every operator gives the name of its output."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.count = 0

    def __call__(self, operator: str, *inputs: str, to: str = "", domain: str = "", **attributes: object) -> str:
        self.count += 1
        output = to or f"{operator.lower()}{self.count}"
        self.nodes.append(self.onnx.helper.make_node(operator, list(inputs), [output], domain=domain, **attributes))
        return output

    def constant(self, values: object, dtype: Any = np.float64) -> str:
        self.count += 1
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(values, dtype=dtype), f"c{self.count}"))
        return f"c{self.count}"

    def gather(self, values: object, index: str, dtype: Any = np.float64, axis: int = 0) -> str:
        return self("Gather", self.constant(values, dtype), index, axis=axis)

    def trees(self, trees: Trees, features: str) -> str:
        """(n,) predictions of an ensemble."""
        if not len(trees.root):
            zero = self("ReduceSum", self("Mul", features, self.constant(0.0)), self.constant([1], np.int64), keepdims=0)
            return self("Add", zero, self.constant(trees.baseline))
        number = np.repeat(np.arange(len(trees.root)), np.diff([*trees.root.tolist(), len(trees.feature)]))
        own = np.arange(len(number)) - trees.root[number]
        leaf = trees.left == np.arange(len(number))
        tensor = self.onnx.helper.make_tensor
        double = self.onnx.TensorProto.DOUBLE
        found = self(
            "TreeEnsembleRegressor",
            features,
            domain="ai.onnx.ml",
            n_targets=1,
            nodes_treeids=number.tolist(),
            nodes_nodeids=own.tolist(),
            nodes_featureids=trees.feature.tolist(),
            nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
            nodes_truenodeids=np.where(leaf, 0, trees.left - trees.root[number]).tolist(),
            nodes_falsenodeids=np.where(leaf, 0, trees.right - trees.root[number]).tolist(),
            nodes_values_as_tensor=tensor("thresholds", double, [len(number)], trees.threshold.tolist()),
            target_treeids=number[leaf].tolist(),
            target_nodeids=own[leaf].tolist(),
            target_ids=[0] * int(leaf.sum()),
            target_weights_as_tensor=tensor("leaves", double, [int(leaf.sum())], trees.value[leaf].tolist()),
        )
        column = self("Squeeze", found, self.constant([1], np.int64))
        return self("Add", self.double(column), self.constant(trees.baseline))

    def either(self, chosen: str, first: Callable[[], str], second: Callable[[], str]) -> str:
        """What ``first`` makes where the single truth ``chosen`` holds, else what ``second`` does; only the one is computed."""
        outer, branches = self.nodes, []
        for name, make in (("first", first), ("second", second)):
            self.nodes = []
            output = self.onnx.helper.make_tensor_value_info(make(), self.onnx.TensorProto.DOUBLE, None)
            branches.append(self.onnx.helper.make_graph(self.nodes, name, [], [output]))
        self.nodes = outer
        return self("If", chosen, then_branch=branches[0], else_branch=branches[1])

    def double(self, name: str) -> str:
        """The same numbers in double precision."""
        self.count += 1
        output = f"cast{self.count}"
        self.nodes.append(self.onnx.helper.make_node("Cast", [name], [output], to=self.onnx.TensorProto.DOUBLE))
        return output

    def integer(self, name: str) -> str:
        """The same numbers, or truth as 0 and 1, as int64."""
        self.count += 1
        output = f"cast{self.count}"
        self.nodes.append(self.onnx.helper.make_node("Cast", [name], [output], to=self.onnx.TensorProto.INT64))
        return output

    def power(self, base: str, exponent: float) -> str:
        """Roots are many times faster than ``Pow``."""
        if exponent == 1:
            return base
        if exponent == 0.5:
            return self("Sqrt", base)
        return self("Sqrt", self("Sqrt", base)) if exponent == 0.25 else self("Pow", base, self.constant(exponent))

    def chebyshev(self, x: str, count: int) -> tuple[str, str]:
        """(count, n) polynomials of x (n,), and their slopes."""
        one = self("Add", self("Mul", x, self.constant(0.0)), self.constant(1.0))
        values, slopes = [one, x], [self("Sub", one, one), one]
        twice = self("Mul", x, self.constant(2.0))
        for _ in range(count - 2):
            before = self("Add", self("Mul", values[-1], self.constant(2.0)), self("Mul", twice, slopes[-1]))
            values.append(self("Sub", self("Mul", twice, values[-1]), values[-2]))
            slopes.append(self("Sub", before, slopes[-2]))
        return self.rows(values), self.rows(slopes)

    def rows(self, values: Sequence[str]) -> str:
        """(len(values), n) of as many (n,)."""
        first = self.constant([0], np.int64)
        return self("Concat", *(self("Unsqueeze", value, first) for value in values), axis=0)


def _build(g: _Graph, baked: Baked, intervals: bool) -> list[str]:
    """All nodes; returns the names of the outputs."""
    model = baked.predictor
    n, C, K = baked.shape.shape
    low, high = (float(value) for value in model.slew_range)
    first, second = (float(exponent) for exponent in model.exponents)
    zero = (low / high) ** first
    wide = max(1 - zero, 1e-3)
    columns = g.constant([1], np.int64)

    def within(value: str, limit: int) -> str:
        return g("And", g("GreaterOrEqual", value, g.constant(0, np.int64)), g("Less", value, g.constant(limit, np.int64)))

    def sensible(value: str) -> str:
        return g("And", g("GreaterOrEqual", value, g.constant(0.0)), g("LessOrEqual", value, g.constant(1e300)))

    good = g("And", g("And", within("table", n), within("corner", C)), g("And", sensible("slew"), sensible("load")))
    table, corner = (g("Where", good, name, g.constant(0, np.int64)) for name in ("table", "corner"))
    # Single numbers meet vectors (n,): against columns (n, 1) onnxruntime would go number by number.
    slew, load = (g("Where", good, name, g.constant(0.0)) for name in ("slew", "load"))
    place = g("Add", g("Mul", table, g.constant(C, np.int64)), corner)
    shape = g.double(g.gather(baked.shape.reshape(-1, K), place, np.int16))  # in UNIT
    # Narrow numbers for what is looked up at random: caches hold them. Logarithms of sizes are kept in single precision anyway.
    log_scale = g.double(g.gather(baked.log_scale.ravel(), place, np.float32))
    scale = g("Mul", g("Exp", log_scale), g.constant(UNIT))
    span = g.gather(baked.spans, g.gather(baked.span.ravel(), place, np.int32))
    s0, s1, c0, c1 = (g("Gather", span, g.constant(at, np.int64), axis=1) for at in range(4))
    inner_slew, inner_load = g("Min", g("Max", slew, s0), s1), g("Min", g("Max", load, c0), c1)
    reference = g.gather(model.load_reference, table)
    relative_slew, relative_load = g("Div", inner_slew, g.constant(high)), g("Div", inner_load, reference)
    root = g("Sub", g.power(relative_slew, first), g.constant(zero))
    u = g("Sub", g("Div", g("Mul", root, g.constant(2.0)), g.constant(wide)), g.constant(1.0))
    v = g("Sub", g("Mul", g.power(relative_load, second), g.constant(2.0)), g.constant(1.0))
    # Polynomials are chosen by a product with zeros and ones: Gather along columns copies number by number.
    i, j = (g.constant(np.eye(max(int(power.max()), 1) + 1)[power].T) for power in model.powers.T)
    p, dp = g.chebyshev(u, max(int(model.powers[:, 0].max()), 1) + 1)
    q, dq = g.chebyshev(v, max(int(model.powers[:, 1].max()), 1) + 1)
    p, q = g("Gemm", p, i, transA=1), g("Gemm", q, j, transA=1)
    weighed_p = g("Mul", shape, p)

    ones = g.constant(np.ones((K, 1)))

    def total(left: str, right: str) -> str:
        return g("Squeeze", g("MatMul", g("Mul", left, right), ones), columns)

    off_slew, off_load = g("Sub", slew, inner_slew), g("Sub", load, inner_load)

    def off(by: str, of: str) -> str:
        return g("Greater", g("Abs", by), g("Mul", of, g.constant(1e-6)))

    far = g("Or", off(off_slew, slew), off(off_load, load))

    def beyond() -> str:
        """Along the tangent at the table's edge."""
        near = [g("Max", part, g.constant(1e-6)) for part in (relative_slew, relative_load)]
        du = g("Mul", g("Div", g.power(near[0], first), near[0]), g.constant(2 * first / high / wide))
        dv = g("Div", g("Mul", g("Div", g.power(near[1], second), near[1]), g.constant(2 * second)), reference)
        along_slew = total(g("Mul", shape, q), g("Gemm", dp, i, transA=1))
        along_load = total(weighed_p, g("Gemm", dq, j, transA=1))
        step = g("Add", g("Mul", g("Mul", along_slew, du), off_slew), g("Mul", g("Mul", along_load, dv), off_load))
        return g("Where", far, step, g.constant(0.0))

    # A batch that lies within the tables, as most do, does not pay for the slopes.
    some = g("Greater", g("ReduceSum", g.integer(far), keepdims=0), g.constant(0, np.int64))
    step = g.either(some, beyond, lambda: g("Mul", slew, g.constant(0.0)))
    mean = g("Mul", scale, g("Add", total(weighed_p, q), step))
    log_slew = g("Log", g("Max", inner_slew, g.constant(1e-6 * high)))
    quantity = g.gather(model.quantity.astype(np.float64), table)
    scores = g("Gemm", shape, g.constant(UNIT * model.components), g.constant(-model.centre @ model.components))
    relative = [g("Sub", log_slew, g.constant(float(np.log(high)))), g("Sub", log_slew, log_scale)]
    single = [g("Unsqueeze", part, columns) for part in (v, *relative, log_scale, quantity)]
    features = g("Concat", *single, g.gather(baked.conditions, corner), scores, axis=1)
    floor = g.gather(baked.floor, corner)
    size = g("Max", g("Abs", mean), floor)
    none = g.constant(np.nan)
    value = g("Add", mean, g("Mul", size, g.trees(model.residual, features)))
    g("Where", good, value, none, to="value")
    level = g.integer(g.gather(baked.level.ravel(), place, np.int8))
    status = g("Add", g.integer(far), g.gather(np.array(baked.flags), level, np.int64))
    g("Where", good, status, g.constant(int(Status.REFUSED), np.int64), to="status")
    if not intervals:
        return ["value", "status"]
    reach = g("Mul", size, g.gather(np.array(baked.widths), level))
    down, up = g("Neg", g.trees(model.low, features)), g.trees(model.high, features)
    down, up = (g("Mul", reach, g("Max", side, g.constant(LEAST))) for side in (down, up))
    g("Where", good, g("Sub", value, down), none, to="lower")
    g("Where", good, g("Add", value, up), none, to="upper")
    return ["value", "status", "lower", "upper"]
