"""Kinds that judge aggregates, columns, and queries."""

NUMBERS = ["i", "n", "j", "id"]
ANY = ["i", "n", "f", "s", "v", "d", "ts", "Odd Name", "id"]
MIXED = {"tables": ["t_mixed"]}

CASES = []
for c in NUMBERS + ["f"]:
    for kind in ("min", "max", "sum", "median", "stdev", "mean"):
        CASES += [
            (f"expect_column_{kind}_to_be_between", {"column": c, "min_value": 0}),
            (f"expect_column_{kind}_to_be_between", {"column": c, "min_value": -100, "max_value": 100, "strict_min": True, "strict_max": True}),
        ]
CASES += [
    ("expect_column_min_to_be_between", {"column": "i", "min_value": -2147483648, "strict_min": True}),
    ("expect_column_min_to_be_between", {"column": "i", "min_value": -2147483648}),
    ("expect_column_max_to_be_between", {"column": "i", "max_value": 2147483647, "strict_max": True}),
    ("expect_column_max_to_be_between", {"column": "i", "max_value": 2147483647}),
    ("expect_column_min_to_be_between", {"column": "id", "min_value": 1, "max_value": 1}),
    ("expect_column_mean_to_be_between", {"column": "s", "min_value": 1}, {"tables": ["t_mixed"]}),
    ("expect_column_max_to_be_between", {"column": "missing", "min_value": 1}, MIXED),
    ("expect_column_min_to_be_between", {"column": "s", "min_value": ""}, {
        **MIXED, "differs": "Great Expectations does not compare text", "ours": {"success": True, "observed_value": ""}}),
    ("expect_column_max_to_be_between", {"column": "d", "max_value": "9999-12-30"}, {
        **MIXED, "differs": "Great Expectations compares dates with datetimes", "ours": {"success": False, "observed_value": "9999-12-31"}}),
]
for c in ANY + ["b"]:
    CASES += [
        ("expect_column_unique_value_count_to_be_between", {"column": c, "min_value": 1, "max_value": 8}),
        ("expect_column_unique_value_count_to_be_between", {"column": c, "max_value": 0}),
        ("expect_column_proportion_of_unique_values_to_be_between", {"column": c, "min_value": 0.5, "max_value": 1}),
        ("expect_column_proportion_of_unique_values_to_be_between", {"column": c, "min_value": 1, "strict_min": True}),
        ("expect_column_proportion_of_non_null_values_to_be_between", {"column": c, "min_value": 0.8}),
        ("expect_column_proportion_of_non_null_values_to_be_between", {"column": c, "max_value": 0.8, "strict_max": True}),
    ]
for kind in ("be_in_set", "contain_set", "equal_set"):
    name = f"expect_column_distinct_values_to_{kind}"
    CASES += [
        (name, {"column": "i", "value_set": [1, 2, 5, 8, 99]}),
        (name, {"column": "i", "value_set": [1, 2, 5, 8, -2147483648, 2147483647]}),
        (name, {"column": "s", "value_set": ["alpha", "größe ☃", ""]}),
        (name, {"column": "Odd Name", "value_set": ["x", "y", "z", "ü", ""]}),
        (name, {"column": "n", "value_set": [1.5, -3, 0]}),
        (name, {"column": "b", "value_set": [True, False]}),
        (name, {"column": "missing", "value_set": [1]}, MIXED),
    ]
for ties in (None, True, False):
    more = {} if ties is None else {"ties_okay": ties}
    CASES += [
        ("expect_column_most_common_value_to_be_in_set", {"column": "Odd Name", "value_set": ["x", "w"], **more}),
        ("expect_column_most_common_value_to_be_in_set", {"column": "i", "value_set": [2], **more}),
        ("expect_column_most_common_value_to_be_in_set", {"column": "i", "value_set": [1, 3], **more}),
        ("expect_column_most_common_value_to_be_in_set", {"column": "s", "value_set": ["alpha"], **more}),
    ]
for c, low, high in (("i", -10, 10), ("n", 0, 1e20), ("f", -1, 200), ("id", 1, 10)):
    CASES += [
        ("expect_column_quantile_values_to_be_between", {"column": c, "quantile_ranges": {
            "quantiles": [0.05, 0.25, 0.5, 0.75, 1.0], "value_ranges": [[None, low], [low, high], [None, high], [low, None], [None, None]]}}),
        ("expect_column_quantile_values_to_be_between", {"column": c, "quantile_ranges": {
            "quantiles": [0.5], "value_ranges": [[5.0004, 7]]}}),
        ("expect_column_quantile_values_to_be_between", {"column": c, "quantile_ranges": {
            "quantiles": [0.5], "value_ranges": [[5.01, 7]]}}),
    ]

# columns
ORDER = ["id", "i", "j", "n", "f", "s", "v", "d", "ts", "b", "js", "Odd Name", "u"]
TABLES = {"tables": ["t_mixed", "t_empty"]}
CASES += [("expect_column_to_exist", kwargs, TABLES) for kwargs in (
    {"column": "i"}, {"column": "Odd Name"}, {"column": "odd name"}, {"column": "nope"}, {"column": "i", "column_index": 1},
    {"column": "i", "column_index": 2}, {"column": "u", "column_index": 12}, {"column": "u", "column_index": 40})]
CASES += [
    ("expect_column_to_exist", {"column": "i", "column_index": 0}, {
        **MIXED, "differs": "Great Expectations takes place 0 as no place", "ours": {"success": False}}),
]
for want in (ORDER, ORDER[::-1], ORDER[:-1], ORDER + ["more"], ["ID", "I"], ["\"id\"", "\"I\"", "\"Odd Name\"", "odd name"], ["nope"]):
    CASES += [
        ("expect_table_columns_to_match_set", {"column_set": want}, TABLES),
        ("expect_table_columns_to_match_set", {"column_set": want, "exact_match": False}, TABLES),
        ("expect_table_columns_to_match_ordered_list", {"column_list": want}, TABLES),
    ]
CASES += [("expect_table_column_count_to_equal", {"value": n}, TABLES) for n in (0, 12, 13)]
CASES += [("expect_table_column_count_to_be_between", kwargs, TABLES) for kwargs in (
    {"min_value": 13}, {"max_value": 12}, {"min_value": 1, "max_value": 20}, {"min_value": 14, "max_value": 20})]
for c, types in {"i": ["INTEGER", "integer", "BIGINT", "TEXT"], "n": ["NUMERIC", "FLOAT", "INTEGER"], "f": ["DOUBLE PRECISION", "FLOAT", "REAL"],
                 "s": ["TEXT", "text", "VARCHAR"], "v": ["VARCHAR(40)", "VARCHAR", "TEXT"], "d": ["DATE", "TIMESTAMP"],
                 "ts": ["TIMESTAMP WITH TIME ZONE", "TIMESTAMP", "DATE"], "b": ["BOOLEAN", "bool", "INTEGER"]}.items():
    for t in types:
        CASES.append(("expect_column_values_to_be_of_type", {"column": c, "type_": t}, TABLES))
        CASES.append(("expect_column_type_to_be", {"column": c, "type_": t}, TABLES))
    CASES.append(("expect_column_values_to_be_in_type_list", {"column": c, "type_list": types[-1:]}, TABLES))
    CASES.append(("expect_column_values_to_be_in_type_list", {"column": c, "type_list": types}, TABLES))

# rows
CASES += [("expect_table_row_count_to_be_between", kwargs) for kwargs in (
    {"min_value": 1}, {"min_value": 3, "max_value": 10}, {"max_value": 9}, {"min_value": 0, "max_value": 0})]
CASES += [("expect_table_row_count_to_be_between", {"min_value": 10, "max_value": 11, "strict_min": True}, MIXED)]
CASES += [("expect_table_row_count_to_equal", {"value": n}) for n in (0, 1, 10)]
CASES += [("unexpected_rows", {"unexpected_rows_query": q}) for q in (
    "SELECT id, i FROM {batch} WHERE i > 2", "SELECT * FROM {batch} WHERE false", "SELECT id FROM {batch} WHERE s LIKE 'al%' ;\n",
    "SELECT i, count(*) FROM {batch} GROUP BY i HAVING count(*) > 1", "SELECT nonsense FROM {batch}")]

# distributions
CASES += [("expect_column_value_z_scores_to_be_less_than", kwargs) for kwargs in (
    {"column": "i", "threshold": 1.5, "double_sided": True}, {"column": "i", "threshold": 1.5, "double_sided": False},
    {"column": "n", "threshold": 2, "double_sided": True}, {"column": "id", "threshold": 1, "double_sided": True, "mostly": 0.5},
    {"column": "id", "threshold": 1, "double_sided": False, "mostly": 0.9})]
# Great Expectations divides by zero where there are no values.
CASES += [("expect_column_kl_divergence_to_be_less_than", kwargs, {"tables": ["t_mixed", "t_one"]}) for kwargs in (
    {"column": "Odd Name", "partition_object": {"values": ["x", "y", "z", "ü", ""], "weights": [0.5, 0.2, 0.1, 0.1, 0.1]}, "threshold": 0.1},
    {"column": "Odd Name", "partition_object": {"values": ["x", "y"], "weights": [0.6, 0.4]}, "threshold": 0.1},
    {"column": "Odd Name", "partition_object": {"values": ["x", "y"], "weights": [0.6, 0.4]}, "threshold": 0.1, "tail_weight_holdout": 0.4},
    {"column": "Odd Name", "partition_object": {"values": ["x", "w"], "weights": [0.6, 0.4]}, "threshold": 0.5, "tail_weight_holdout": 0.1},
    {"column": "id", "partition_object": {"bins": [0, 3, 6, 10], "weights": [0.25, 0.25, 0.5]}, "threshold": 0.1},
    {"column": "id", "partition_object": {"bins": [2, 4, 6, 9], "weights": [0.25, 0.25, 0.5]}, "threshold": 0.3, "tail_weight_holdout": 0.2},
    {"column": "id", "partition_object": {"bins": [2, 4, 6, 9], "weights": [0.25, 0, 0.75]}, "threshold": 0.3, "tail_weight_holdout": 0.2, "internal_weight_holdout": 0.1},
    {"column": "id", "partition_object": {"bins": [2, 4, 6, 9], "weights": [0.2, 0.2, 0.4], "tail_weights": [0.1, 0.1]}, "threshold": 0.3},
    {"column": "n", "partition_object": {"bins": [-5, 0, 1, 8], "weights": [0.25, 0.25, 0.5]}, "threshold": 0.3, "tail_weight_holdout": 0.2})]
CASES += [("expect_column_kl_divergence_to_be_less_than", {"column": "id", "partition_object": {"bins": [0, 5], "weights": [1]}, "threshold": 1}, {
    "tables": ["t_empty"], "differs": "no values: as min to stdev of nothing", "ours": {"success": False, "observed_value": None}})]
