"""What sqlglot says: the columns that an output column is computed from.

sqlglot knows one kind of source and takes every column that stands in an
output's expression.  So it is asked twice: about the query as it is written
(all columns in the expression), and about the query without what only decides
which value it will be (DIRECT sources).
"""

from sqlglot import exp, parse_one
from sqlglot.lineage import to_node
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope
from sqlglot.schema import ensure_schema

DIALECT = "postgres"


def without_conditions(tree):
    """CASE without its conditions, windows without PARTITION BY and ORDER BY, aggregates without FILTER."""

    def change(node):
        if isinstance(node, exp.Case):
            values = [branch.args["true"] for branch in node.args["ifs"]]
            if node.args.get("default"):
                values.append(node.args["default"])
            return exp.Anonymous(this="one_of", expressions=[value.copy() for value in values])
        if isinstance(node, exp.Window):
            return node.this.copy()
        if isinstance(node, exp.Filter):
            return node.this.copy()
        if isinstance(node, exp.Anonymous) and node.name.lower() == "grouping" or type(node).__name__ == "Grouping":
            return exp.Literal.number(0)
        return node

    return tree.transform(change)


def sources(tree, schema):
    """For each output column, in order, the set of (table, column) it comes from."""
    tree = qualify(tree.copy(), dialect=DIALECT, schema=schema, validate_qualify_columns=True, identify=False)
    scope = build_scope(tree)
    cache, meta, result = {}, {}, []
    for i in range(len(tree.selects)):
        found = set()
        for node in to_node(i, scope, DIALECT, schema, _cache=cache, _scope_meta=meta).walk():
            if isinstance(node.expression, exp.Table):
                found.add((node.expression.name.lower(), node.name.split(".")[-1].strip('"').lower()))
        result.append(found)
    return result


def ask(sql, schema):
    tree = parse_one(sql, dialect=DIALECT)
    schema = ensure_schema(schema, dialect=DIALECT)
    return sources(tree, schema), sources(without_conditions(tree), schema)
