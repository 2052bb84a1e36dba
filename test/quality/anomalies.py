"""Anomaly strategies beside an implementation of their own, over random series.

Written from the description of Deequ's strategies, with numpy; the smoothing of
Holt and Winters is fitted by scipy's L-BFGS-B.  Run beside a server:

    anomalies.py --socket DIR [--seed N] [--series 1000]
"""
import argparse
import json
import math
import random
import sys

import numpy
import psycopg2
import scipy.optimize

ASK = "SELECT index, value, lower, upper FROM dataplat.detect_anomalies(%s::float8[], %s, %s::jsonb, %s, %s) ORDER BY index"


def threshold(x, p, a, b):
    low, high = p.get("lower_bound", -math.inf), p.get("upper_bound", math.inf)
    return {i: (low, high) for i in range(a, b) if not low <= x[i] <= high}


def change(x, p, a, b):
    low, high, order = p.get("max_rate_decrease", -math.inf), p.get("max_rate_increase", math.inf), p.get("order", 1)
    d = numpy.diff(numpy.array(x), n=order)
    return {i: (low, high) for i in range(max(a, order), b) if not low <= d[i - order] <= high}


def rate(x, p, a, b):
    low, high, order = p.get("max_rate_decrease", -math.inf), p.get("max_rate_increase", math.inf), p.get("order", 1)
    return {i: (low, high) for i in range(max(a, order), b) if not low <= x[i] / x[i - order] <= high}


def bounds(mean, sd, p):
    low, high = p.get("lower_deviation_factor", 3), p.get("upper_deviation_factor", 3)
    return (-math.inf if low is None else mean - low * sd, math.inf if high is None else mean + high * sd)


def batch(x, p, a, b):
    known = x if p.get("include_interval") else x[:a] + x[b:]
    sd = numpy.std(known, ddof=1) if len(known) > 1 else 0.0
    low, high = bounds(numpy.mean(known), sd, p)
    return {i: (low, high) for i in range(a, b) if not low <= x[i] <= high}


def online(x, p, a, b):
    # from the definition: mean and population variance of what was kept, and of this point;
    # weights count the points that were seen, also those that were taken out again
    found, mean, s = {}, 0.0, 0.0
    for i, v in enumerate(x):
        new_mean = v if i == 0 else mean + (v - mean) / (i + 1)
        new_s = s + (v - mean) * (v - new_mean)
        low, high = bounds(new_mean, math.sqrt(new_s / (i + 1)), p)
        if i >= len(x) * p.get("ignore_start_percentage", 0.1) and a <= i < b and not low <= v <= high:
            found[i] = (low, high)
            if p.get("ignore_anomalies", True):
                continue
        mean, s = new_mean, new_s
    return found


def holt_winters(train, m, ahead, parameters):
    alpha, beta, gamma = parameters
    level = sum(train[:m]) / m
    trend = (sum(train[m:2 * m]) - sum(train[:m])) / m ** 2
    season = [v - level for v in train[:m]]
    errors, forecasts = [], []
    for i in range(len(train) + ahead):
        guess = level + trend + season[i]
        v = train[i] if i < len(train) else guess
        (errors if i < len(train) else forecasts).append(v - guess if i < len(train) else guess)
        new = alpha * (v - season[i]) + (1 - alpha) * (level + trend)
        season.append(gamma * (v - level - trend) + (1 - gamma) * season[i])
        level, trend = new, beta * (new - level) + (1 - beta) * trend
    return errors, forecasts


def winters(x, p, a, b):
    m = p["periodicity"]
    errors, forecasts = holt_winters(x[:a], m, b - a, (p["alpha"], p["beta"], p["gamma"]))
    margin = 1.96 * numpy.std(numpy.abs(errors), ddof=1)
    return {i: (f - margin, f + margin) for i, f in zip(range(a, b), forecasts) if abs(x[i] - f) > margin}


def series(r):
    n, level, trend, period, noise = r.randint(30, 120), r.uniform(5, 500), r.uniform(-0.3, 0.8), r.choice([7, 12, 24]), r.uniform(0, 10)
    swing = r.uniform(0, 30)
    x = [level + trend * i + swing * math.sin(2 * math.pi * i / period) + r.gauss(0, noise) for i in range(n)]
    for _ in range(r.randint(0, 4)):
        x[r.randrange(n)] += r.choice([-1, 1]) * r.uniform(1, 200)
    return [v if v != 0 else 1.0 for v in x], period


def some(r, **choices):
    return {k: v for k, v in choices.items() if v is not None and r.random() < 0.8}


def cases(r, x, period):
    n = len(x)
    a = r.randrange(0, n)
    b = r.randint(a, n)
    low, high = sorted(r.uniform(min(x) - 5, max(x) + 5) for _ in range(2))
    yield "SimpleThreshold", threshold, {"upper_bound": high, **some(r, lower_bound=low)}, a, b
    down, up = sorted(r.gauss(0, 30) for _ in range(2))
    yield "AbsoluteChange", change, {"max_rate_increase": up, **some(r, max_rate_decrease=down, order=r.randint(1, 3))}, a, b
    yield "RelativeRateOfChange", rate, {"max_rate_increase": r.uniform(1, 2), **some(r, max_rate_decrease=r.uniform(0, 1), order=r.randint(1, 3))}, a, b
    factors = dict(lower_deviation_factor=r.uniform(0, 4), upper_deviation_factor=r.uniform(0, 4))
    first, last = (a, b) if b - a < n else (1, n)
    yield "BatchNormal", batch, some(r, include_interval=r.random() < 0.5, **factors), first, last
    yield "OnlineNormal", online, some(r, ignore_start_percentage=r.choice([0, 0.1, 0.5, 1]), ignore_anomalies=r.random() < 0.5, **factors), a, b
    if n > 2 * period:
        start = r.randint(2 * period, n - 1)
        yield "HoltWinters", winters, {"periodicity": period, "alpha": r.random(), "beta": r.random(), "gamma": r.random()}, start, n


def near(p, q):
    return p == q or math.isclose(p, q, rel_tol=1e-9, abs_tol=1e-7)


def check_fit(cursor, x, period, r):
    """The smoothing we choose is no worse than L-BFGS-B's from Deequ's start."""
    start = r.randint(2 * period, len(x) - 1)
    y = list(x)
    y[start] += 1e7                   # so that the parameters are told
    cursor.execute("SELECT detail FROM dataplat.detect_anomalies(%s::float8[], 'HoltWinters', %s::jsonb, %s, %s)",
                   (y, json.dumps({"periodicity": period}), start, start + 1))
    detail = cursor.fetchone()[0]
    ours = [float(detail.split(name + " ")[1].split(",")[0]) for name in ("alpha", "beta", "gamma")]
    loss = lambda q: float(numpy.sum(numpy.square(holt_winters(y[:start], period, 0, q)[0])))
    theirs = scipy.optimize.minimize(loss, [0.3, 0.1, 0.1], method="L-BFGS-B", bounds=[(0, 1)] * 3)
    return loss(ours) <= theirs.fun * 1.001 + 1e-6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True)
    parser.add_argument("--seed", type=int, default=random.randrange(10 ** 6))
    parser.add_argument("--series", type=int, default=1000)
    options = parser.parse_args()
    r = random.Random(options.seed)
    cursor = psycopg2.connect(host=options.socket, dbname="postgres", user="postgres").cursor()
    counts, found, bad, fits = {}, 0, 0, 0
    for k in range(options.series):
        x, period = series(r)
        for name, judge, params, a, b in cases(r, x, period):
            cursor.execute(ASK, (x, name, json.dumps(params), a, b))
            ours = {i: (v, low, high) for i, v, low, high in cursor.fetchall()}
            want = judge(x, params, a, b)
            same = ours.keys() == want.keys() and all(ours[i][0] == x[i] and near(ours[i][1], want[i][0]) and near(ours[i][2], want[i][1]) for i in want)
            counts[name] = counts.get(name, 0) + 1
            found += len(want)
            if not same:
                bad += 1
                print(f"seed {options.seed}, series {k}, {name} {params} [{a}, {b}): ours {ours}, theirs {want}")
        if k % 10 == 0 and len(x) > 2 * period + 1:
            fits += 1
            if not check_fit(cursor, x, period, r):
                bad += 1
                print(f"seed {options.seed}, series {k}: the fit is worse than L-BFGS-B's")
    print(f"seed {options.seed}: {options.series} series, {counts}, {found} anomalies, {fits} fits: {bad} differences")
    return 1 if bad or found < options.series else 0


if __name__ == "__main__":
    sys.exit(main())
