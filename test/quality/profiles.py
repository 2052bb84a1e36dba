"""Are profiles and drift what numpy and scipy compute of the same values?

Random tables, seeded.  Counts and moments must agree to 1e-9, percentiles to
one percent of the ranks, different values to five percent (exactly while
there are at most 1000), and drift of columns with few values exactly.
"""

import argparse
import sys

import numpy as np
import psycopg2
import psycopg2.extras
from scipy import stats
from scipy.spatial.distance import jensenshannon

wrong = []


def near(what, ours, theirs, tolerance=1e-9):
    ours, theirs = float(ours), float(theirs)
    if not (abs(ours - theirs) <= tolerance * max(1, abs(theirs)) or np.isnan(ours) and np.isnan(theirs)):
        wrong.append(f"{what}: ours {ours!r}, theirs {theirs!r}")


def column(rng, kind, n):
    if kind == "normal":
        return rng.normal(rng.uniform(-1e3, 1e3), rng.uniform(0.1, 1e3), n)
    if kind == "skewed":
        return rng.lognormal(0, 1.5, n)
    if kind == "few":
        return rng.integers(0, rng.integers(2, 30), n).astype(float)
    return rng.integers(-10**6, 10**6, n).astype(float)


def load(cur, table, values):
    cur.execute(f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (x float8)")
    psycopg2.extras.execute_values(cur, f"INSERT INTO {table} VALUES %s", [(None if np.isnan(v) else float(v),) for v in values], page_size=5000)


def check_profile(cur, what, values):
    load(cur, "profile_check.t", values)
    cur.execute("SELECT * FROM dataplat.profile('profile_check.t')")
    p = cur.fetchone()
    x = values[~np.isnan(values)]
    near(f"{what} completeness", p["completeness"], len(x) / len(values))
    near(f"{what} mean", p["mean"], x.mean())
    near(f"{what} sum", p["sum"], np.sum(x.astype(np.longdouble)))
    near(f"{what} variance", p["variance"], x.var(), 1e-8)
    near(f"{what} std_dev", p["std_dev"], x.std(), 1e-8)
    near(f"{what} skewness", p["skewness"], stats.skew(x), 1e-7)
    near(f"{what} kurtosis", p["kurtosis"], stats.kurtosis(x), 1e-6)
    near(f"{what} minimum", p["minimum"], x.min(), 0)
    near(f"{what} maximum", p["maximum"], x.max(), 0)
    near(f"{what} zeros", p["zeros_count"], (x == 0).sum(), 0)
    different = len(np.unique(x))
    near(f"{what} different values", p["approximate_num_distinct_values"], different, 0 if different <= 1000 else 0.07)
    if p["distinct_exact"] != (different <= 1000):
        wrong.append(f"{what}: exact is {p['distinct_exact']} with {different} values")
    ordered = np.sort(x)
    for i, q in enumerate(p["approx_percentiles"], 1):
        # The ranks of the value: where there are many alike, an interval.
        low, high = np.searchsorted(ordered, q, "left") / len(x), np.searchsorted(ordered, q, "right") / len(x)
        if not (low - 0.01 <= i / 100 <= high + 0.01) and different > 100:
            wrong.append(f"{what}: percentile {i} is {q}, which has ranks {low} to {high}")


def shares(a, b):
    values = np.union1d(a, b)
    return (np.array([(side == v).mean() for v in values]) for side in (a, b))


def check_drift(cur, what, a, b):
    load(cur, "profile_check.a", a)
    load(cur, "profile_check.t", b)
    cur.execute("""SELECT * FROM dataplat.profile_drift('profile_check.t', '{"table": "profile_check.a"}', '{"table": "profile_check.t"}')""")
    d = cur.fetchone()
    few = len(np.unique(np.concatenate([a, b]))) <= 1000
    ks = stats.ks_2samp(a, b, method="asymp")
    near(f"{what} KS", d["ks_statistic"], ks.statistic, 1e-9 if few else 0.02)
    if few:
        en = np.sqrt(len(a) * len(b) / (len(a) + len(b)))
        near(f"{what} KS p", d["ks_pvalue"], stats.kstwobign.sf(en * ks.statistic), 1e-9)
        near(f"{what} Wasserstein", d["wasserstein"], stats.wasserstein_distance(a, b), 1e-9)
        values = np.union1d(a, b)
        chi = stats.chi2_contingency([[(s == v).sum() for v in values] for s in (a, b)], correction=False)
        near(f"{what} chi-square", d["chi_squared"], chi.statistic, 1e-9)
        near(f"{what} chi-square p", d["chi_squared_pvalue"], chi.pvalue, 1e-9)
        if len(np.unique(a)) <= 20:
            p, q = shares(a, b)
            near(f"{what} JS", d["js_distance"], jensenshannon(p, q, base=2), 1e-9)
            p, q = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
            near(f"{what} PSI", d["psi"], np.sum((q - p) * np.log(q / p)), 1e-9)
    else:
        near(f"{what} Wasserstein", d["wasserstein"] / (1 + abs(a).max()), stats.wasserstein_distance(a, b) / (1 + abs(a).max()), 0.02)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    connection = psycopg2.connect(host=options.socket, user="postgres", dbname="postgres", cursor_factory=psycopg2.extras.DictCursor)
    connection.autocommit = True
    cur = connection.cursor()
    cur.execute("CREATE EXTENSION IF NOT EXISTS dataplat; DROP SCHEMA IF EXISTS profile_check CASCADE; CREATE SCHEMA profile_check")
    looked = 0
    for seed in range(options.seeds):
        rng = np.random.default_rng(seed)
        for kind in ("normal", "skewed", "few", "whole"):
            n = int(rng.integers(50, 8000))
            x = column(rng, kind, n)
            holes = x.copy()
            holes[rng.random(n) < 0.1] = np.nan
            check_profile(cur, f"seed {seed} {kind}", holes)
            y = x[rng.random(n) < 0.7] * rng.choice([1, 1, 2]) + rng.choice([0, 1])
            check_drift(cur, f"seed {seed} {kind} drift", x, y)
            looked += 2
    cur.execute("""DELETE FROM dataplat.column_profile WHERE dataset LIKE 'profile_check.%'; DROP SCHEMA profile_check CASCADE""")
    for line in wrong:
        print(line)
    print(f"{looked} profiles and comparisons, {len(wrong)} numbers wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
