"""Kinds that Great Expectations lacks, judged by pandas and scipy over random tables.

Each kind is a function from the table as a DataFrame and kwargs to what must be
observed; None where there is nothing to observe.  --seed repeats a run.
"""

import argparse
import json
import math
import sys

import numpy as np
import pandas as pd
import psycopg2
from scipy import stats

WORDS = ["a", "b", "ab", "größe ☃", "", "1", "-2", "3.5", ".5", "true", "N/A", "it's", "%_\\", "1e5", "日本"]
PARTITION = {"values": ["a", "b", "ab", "1"], "weights": [0.4, 0.3, 0.2, 0.1]}


def tables(rng):
    """Names and rows: (id, x float8, y float8, k int, s text, d date)."""
    def table(n, nulls=0.2, scale=1.0, nan=False, skew=1.3):
        def maybe(values):
            return [None if rng.random() < nulls else v for v in values]
        x = (rng.normal(size=n) * scale).tolist()
        if nan and n:
            x[0] = math.nan
        return list(zip(range(1, n + 1), maybe(x), maybe((rng.exponential(size=n) * 3 + 1).tolist()), maybe((rng.zipf(skew + 0.7, n) % 9).tolist()),
                        maybe(rng.choice(WORDS, n, p=np.r_[[0.3, 0.2], np.full(13, 0.5 / 13)]).tolist()),
                        maybe([(pd.Timestamp("2024-01-01") + pd.Timedelta(days=int(v))).date() for v in rng.integers(0, 40, n)])))
    yield "empty", []
    yield "null", table(5, nulls=1)
    yield "one", table(1, nulls=0)
    yield "constant", [(i, 7.0, 2.0, 3, "a", pd.Timestamp("2024-01-02").date()) for i in range(1, 9)]
    yield "small", table(12)
    yield "middle", table(150)
    yield "large", table(2500, nulls=0.05)
    yield "huge_numbers", table(80, scale=1e150)
    yield "tiny_numbers", table(80, scale=1e-150)
    yield "whole", table(300, nulls=0)
    yield "nan", table(60, nulls=0.1, nan=True)


def number(value):
    return None if value is None or (isinstance(value, float) and not math.isfinite(value)) else float(value)


def moments(v, power):
    v = v[np.isfinite(v)] if np.isfinite(v).all() else np.array([math.nan])
    if len(v) == 0 or not np.isfinite(v).all():
        return None
    z = v - v.mean()
    top = np.abs(z).max()
    if top == 0:
        return None
    z = z / top
    m2 = (z ** 2).mean()
    return (z ** 3).mean() / m2 ** 1.5 if power == 3 else (z ** 4).mean() / m2 ** 2 - 3


def contingency(t):
    both = t[["s", "k"]].dropna()
    return pd.crosstab(both.s, both.k).to_numpy() if len(both) else None


def mutual_information(t):
    o = contingency(t)
    if o is None:
        return None
    p = o / o.sum()
    q = p.sum(axis=1, keepdims=True) @ p.sum(axis=0, keepdims=True)
    return float((p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum())


def cramer(t):
    o = contingency(t)
    if o is None or min(o.shape) < 2:
        return None
    return float(stats.contingency.association(o, method="cramer"))


def frequencies(t, columns):
    rows = t[columns].dropna(how="all")
    return rows.groupby(columns, dropna=False).size().to_numpy() if len(rows) else np.array([])


def chi_square(t, holdout):
    counts = t.s.dropna().value_counts()
    if counts.empty:
        return None
    observed = [counts.get(v, 0) for v in PARTITION["values"]]
    others = [c for v, c in counts.items() if v not in PARTITION["values"]]
    weights = np.array(PARTITION["weights"])
    if others:
        weights = np.r_[weights * (1 - holdout), np.full(len(others), holdout / len(others))]
    if (weights == 0).any():
        return 0.0
    return float(stats.chisquare(observed + others, weights * counts.sum()).pvalue)


def ks(values, name, *params):
    return float(stats.kstest(values, name, args=params).pvalue) if len(values) and np.isfinite(values).all() else None


def stdevs(values, sigma):
    values = values[~np.isnan(values)]
    if len(values) < 2 or values.std(ddof=1) == 0:
        return 0
    return int((np.abs((values - values.mean()) / values.std(ddof=1)) > sigma).sum())


def moving(t, logs, diffs, sigma, as_of=pd.Timestamp("2024-02-05"), trend=7, periods=14):
    known = t.dropna(subset=["d"])
    if known.empty:
        return 0
    sums = known.assign(y=known.y).groupby("d").y.sum(min_count=1).sort_index()
    level = np.where(sums.isna() | (sums == 0), 0, np.log(sums.where(sums > 0, 1))) if logs else sums.fillna(0).to_numpy()
    prior = np.r_[0, level[:-1]]
    metric = pd.Series(level - prior if diffs else level, index=pd.to_datetime(sums.index))
    off = 0
    for i, (day, value) in enumerate(metric.items()):
        before = metric.iloc[max(0, i - trend):i]
        if as_of - pd.Timedelta(days=periods) <= day < as_of and len(before) > 1 and before.std() > 0:
            off += abs((value - before.mean()) / before.std()) > sigma
    return off


def looks(t, kind):
    values = t.s.dropna()
    if values.empty:
        return None
    patterns = {"Integral": r"[-+]?[0-9]+", "Fractional": r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)", "Boolean": "true|false"}
    if kind == "String":
        return float(1 - sum(values.str.fullmatch(p).mean() for p in patterns.values()))
    return float(values.str.fullmatch(patterns[kind]).mean())


def benford(t):
    digits = [int(c) for c in (t.k.dropna().astype(int).abs().astype(str).str.extract("([1-9])")[0].dropna())]
    if not digits:
        return None
    expected = np.log10(1 + 1 / np.arange(1, 10)) * len(digits)
    return float(stats.chisquare([digits.count(d) for d in range(1, 10)], expected).pvalue)


def days_missing(t):
    days = set(t.d.dropna())
    return sum(d.date() not in days for d in pd.date_range("2024-01-01", "2024-02-09"))


def ratio(part, whole):
    return None if whole == 0 else float(part / whole)


def cases(t):
    x, y = (t[c].dropna().to_numpy(dtype=float) for c in ("x", "y"))
    xy = t[["x", "y"]].dropna()
    s, k = t.s.dropna(), t.k.dropna()
    f, fs, fk = frequencies(t, ["s"]), frequencies(t, ["s", "k"]), frequencies(t, ["k"])
    lengths = s.str.len()
    with np.errstate(all="ignore"):
        yield "variance", {"column": "x"}, number(float(x.var(ddof=1))) if len(x) > 1 else None
        yield "hasStandardDeviation", {"column": "y"}, number(float(y.std())) if len(y) else None
        yield "range", {"column": "y"}, float(np.ptp(y)) if len(y) else None
        yield "iqr", {"column": "y"}, float(stats.iqr(y)) if len(y) else None
        yield "skewness", {"column": "x"}, moments(x, 3)
        yield "kurtosis", {"column": "x"}, moments(x, 4)
        constant = len(xy) < 2 or xy.x.nunique() < 2 or xy.y.nunique() < 2
        yield "correlation", {"column_A": "x", "column_B": "y"}, None if constant else number(float(stats.pearsonr(xy.x / xy.x.abs().max(), xy.y).statistic))
        yield "ratio_of_sums", {"column_A": "k", "column_B": "y"}, ratio(k.sum(), y.sum()) if len(k) and len(y) else None
    for word, f_ in (("min", "min"), ("max", "max"), ("avg", "mean")):
        yield f"{word}_length", {"column": "s"}, float(getattr(lengths, f_)()) if len(s) else None
    missing = int((t.s.isna() | t.s.isin(["N/A", ""]) | t.s.fillna("").str.contains("^-")).sum())
    wanted = {"column": "s", "missing_values": ["N/A", ""], "missing_regex": "^-"}
    yield "missing_count", wanted, missing
    yield "missing_percent", wanted, 100 * missing / len(t) if len(t) else 0
    yield "not_constant", {"column": "k"}, k.nunique()
    yield "at_least_one", {"column": "k"}, len(k)
    for columns, counts in (({"column": "s"}, f), ({"column_list": ["s", "k"]}, fs)):
        yield "uniqueness", columns, ratio((counts == 1).sum(), counts.sum())
        yield "distinctness", columns, ratio(len(counts), counts.sum())
        yield "unique_value_ratio", columns, ratio((counts == 1).sum(), len(counts))
    yield "entropy", {"column": "k"}, float(stats.entropy(fk)) if len(fk) else None
    yield "mutual_information", {"column_A": "s", "column_B": "k"}, mutual_information(t)
    yield "cramers_phi", {"column_A": "s", "column_B": "k"}, cramer(t)
    for kind in ("Integral", "Fractional", "Boolean", "String"):
        yield "hasDataType", {"column": "s", "data_type": kind}, looks(t, kind)
    for holdout in (0, 0.3):
        yield "chi_square", {"column": "s", "partition_object": PARTITION, "tail_weight_holdout": holdout}, chi_square(t, holdout)
    yield "ks_test", {"column": "x", "distribution": "norm", "params": {"mean": 0.1, "std_dev": 1.2}}, ks(x, "norm", 0.1, 1.2)
    yield "ks_test", {"column": "y", "distribution": "gamma", "params": [1.5, 0.5, 2]}, ks(y, "gamma", 1.5, 0.5, 2)
    yield "ks_test", {"column": "y", "distribution": "lognorm", "params": [0.8, 0, 3]}, ks(y, "lognorm", 0.8, 0, 3)
    yield "ks_test", {"column": "y", "distribution": "uniform", "params": {"min": 0, "max": 12}}, ks(y, "uniform", 0, 12)
    yield "within_n_stdevs", {"column": "y", "sigma_threshold": 1.5}, stdevs(y, 1.5)
    yield "within_n_stdevs", {"column": "y", "sigma_threshold": 1, "group_by": ["k"]}, stdevs(t.groupby("k", dropna=False).y.sum(min_count=1).to_numpy(dtype=float), 1)
    for logs, diffs in ((True, True), (False, False), (True, False)):
        yield "within_n_moving_stdevs", {"column": "y", "date_column_name": "d", "sigma_threshold": 1.5, "take_logs": logs, "take_diffs": diffs,
                                         "as_of": "2024-02-05", "row_filter": "d IS NOT NULL"}, moving(t, logs, diffs, 1.5)
    yield "benford", {"column": "k"}, benford(t)
    yield "rows_for_every_datepart", {"column": "d", "test_start_date": "2024-01-01", "test_end_date": "2024-02-10"}, days_missing(t)
    newest = t.d.dropna().max() if t.d.notna().any() else None
    yield "freshness", {"column": "d", "max_value": 3, "unit": "day", "as_of": "2024-03-01 06:00:00.7Z"}, None if newest is None else \
        (pd.Timestamp("2024-03-01 06:00:00") - pd.Timestamp(newest)).total_seconds() / 86400
    known = {"a", "b", "1", "true"}
    yield "relationships", {"column": "s", "to": "words", "field": "w"}, int((~s.isin(known)).sum())
    there = pd.Series(["a", "b", "1", "true"]).value_counts()
    here = t.s.value_counts(dropna=True)
    off = sum(here.get(v, 0) != there.get(v, 0) for v in set(here.index) | set(there.index)) + bool(t.s.isna().any())
    yield "cardinality_equality", {"column": "s", "to": "words", "field": "w"}, int(off)
    yield "aggregation_to_equal_other_table", {"expression": "count(*)", "to": "words", "group_by": ["s"], "compare_group_by": ["w"]}, int(off)
    yield "are_complete", {"columns": ["x", "y"]}, int((t.x.isna() | t.y.isna()).sum())
    yield "are_any_complete", {"columns": ["x", "y"]}, int((t.x.isna() & t.y.isna()).sum())
    newest = [max(v.dropna(), default=None) for _, v in t.groupby("k", dropna=False).d]
    yield "grouped_recent_data", {"column": "d", "group_by": ["k"], "max_age": "20 days", "as_of": "2024-02-05 00:00Z"}, \
        sum(d is None or d < pd.Timestamp("2024-01-16").date() for d in newest) if newest else 1
    yield "consistent_casing", {"column": "s"}, int(t.s.dropna().groupby(t.s.dropna().str.lower()).transform("nunique").gt(1).sum()) if len(s) else 0


def observed(got):
    result = got["result"] or {}
    value = result.get("observed_value") if "observed_value" in result else result.get("unexpected_count")
    return value


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True)
    parser.add_argument("--seed", type=int, default=20240131)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    db = psycopg2.connect(host=options.socket, dbname="postgres", user="postgres")
    db.autocommit = True
    c = db.cursor()
    c.execute("CREATE EXTENSION IF NOT EXISTS dataplat; DROP SCHEMA IF EXISTS quality_python CASCADE; CREATE SCHEMA quality_python;"
              "CREATE TABLE quality_python.words (w text); INSERT INTO quality_python.words VALUES ('a'), ('b'), ('1'), ('true')")
    done = bad = 0
    kinds = set()
    for name, rows in tables(rng):
        c.execute(f"CREATE TABLE quality_python.{name} (id int, x float8, y float8, k int, s text, d date)")
        for row in rows:
            c.execute(f"INSERT INTO quality_python.{name} VALUES (%s, %s, %s, %s, %s, %s)", row)
        t = pd.DataFrame(rows, columns=["id", "x", "y", "k", "s", "d"])
        # NaN is a value and NULL none: pandas would take them for the same
        t["x"] = pd.array([math.inf if isinstance(r[1], float) and math.isnan(r[1]) else r[1] for r in rows], dtype=float)
        t["y"] = t.y.astype(float)
        for kind, kwargs, want in cases(t):
            if options.only not in kind:
                continue
            c.execute("SELECT dataplat.validate_expectation(%s::regclass, %s, %s::jsonb, 'COMPLETE')::text", (f"quality_python.{name}", kind, json.dumps(kwargs)))
            got = json.loads(c.fetchone()[0])
            have = observed(got)
            # what no double can hold is an error here, and infinite there
            failed = got["exception_info"]["raised_exception"]
            if failed and want is None and "out of range" in got["exception_info"]["exception_message"]:
                have, failed = None, False
            same = not failed and ((want is None and have is None) or (want is not None and isinstance(have, (int, float))
                                   and math.isclose(have, want, rel_tol=1e-5 if kind == "ks_test" else 1e-8, abs_tol=1e-11)))
            kinds.add(kind)
            done += 1
            if not same:
                bad += 1
                print(f"not ok {kind} {json.dumps(kwargs)} on {name}: want {want!r}, have {have!r} {got['exception_info']['exception_message'] or ''}", flush=True)
    c.execute("DROP SCHEMA quality_python CASCADE")
    print(f"{done} results of {len(kinds)} kinds compared with pandas and scipy, {bad} differ")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
