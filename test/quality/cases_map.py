"""Kinds that judge rows, by themselves or together with others."""

COLUMNS = ["i", "n", "f", "s", "v", "d", "ts", "b", "Odd Name", "u", "id"]

CASES = [("expect_column_values_to_not_be_null", {"column": c}) for c in COLUMNS]
CASES += [("expect_column_values_to_be_unique", {"column": c}) for c in COLUMNS]
CASES += [("expect_column_values_to_be_null", {"column": c}) for c in COLUMNS]
CASES += [
    ("expect_column_values_to_not_be_null", {"column": "i", "mostly": 0.8}),
    ("expect_column_values_to_not_be_null", {"column": "i", "mostly": 0.0}),
    ("expect_column_values_to_not_be_null", {"column": "missing"}, {"tables": ["t_mixed"]}),
    ("expect_column_values_to_be_between", {"column": "i", "min_value": 1, "max_value": 5}),
    ("expect_column_values_to_be_between", {"column": "i", "min_value": 1, "max_value": 5, "strict_min": True, "strict_max": True}),
    ("expect_column_values_to_be_between", {"column": "i", "min_value": 1, "max_value": 5, "strict_min": True}),
    ("expect_column_values_to_be_between", {"column": "i", "min_value": 1, "max_value": 5, "strict_max": True}),
    ("expect_column_values_to_be_between", {"column": "i", "min_value": 2, "mostly": 0.5}),
    ("expect_column_values_to_be_between", {"column": "i", "max_value": 4.5}),
    ("expect_column_values_to_be_between", {"column": "n", "min_value": 0, "max_value": 10}),
    ("expect_column_values_to_be_between", {"column": "f", "min_value": -1.5, "max_value": 3.5}),
    ("expect_column_values_to_be_between", {"column": "f", "min_value": -1.5, "max_value": 3.5, "mostly": 0.71428}),
    ("expect_column_values_to_be_in_set", {"column": "i", "value_set": [1, 2, 5]}),
    ("expect_column_values_to_be_in_set", {"column": "i", "value_set": [1, 2, None]}),
    ("expect_column_values_to_be_in_set", {"column": "i", "value_set": [1, 2], "mostly": 0.3}),
    ("expect_column_values_to_be_in_set", {"column": "s", "value_set": ["alpha", "größe ☃", ""]}),
    ("expect_column_values_to_be_in_set", {"column": "s", "value_set": ["it's \"quoted\" %_\\"]}),
    ("expect_column_values_to_be_in_set", {"column": "b", "value_set": [True]}),
    ("expect_column_values_to_be_in_set", {"column": "n", "value_set": [10, 1.5, 0]}),
    ("expect_column_values_to_be_in_set", {"column": "Odd Name", "value_set": ["x", "ü"]}),
    ("expect_column_values_to_not_be_in_set", {"column": "i", "value_set": [1, 2, 5]}),
    ("expect_column_values_to_not_be_in_set", {"column": "s", "value_set": ["alpha", "größe ☃", ""], "mostly": 0.6}),
    ("expect_column_values_to_not_be_in_set", {"column": "n", "value_set": [10]}),
    ("expect_column_value_lengths_to_be_between", {"column": "s", "min_value": 1, "max_value": 5}),
    ("expect_column_value_lengths_to_be_between", {"column": "s", "min_value": 5, "strict_min": True}),
    ("expect_column_value_lengths_to_be_between", {"column": "v", "max_value": 5, "strict_max": True}),
    ("expect_column_value_lengths_to_equal", {"column": "s", "value": 5}),
    ("expect_column_value_lengths_to_equal", {"column": "s", "value": 0, "mostly": 0.1}),
    ("expect_column_values_to_match_regex", {"column": "s", "regex": "^[a-z]+$"}),
    ("expect_column_values_to_match_regex", {"column": "s", "regex": "ß"}),
    ("expect_column_values_to_match_regex", {"column": "Odd Name", "regex": "{column}|x"}),
    ("expect_column_values_to_match_regex", {"column": "v", "regex": "'", "mostly": 0.1}),
    ("expect_column_values_to_not_match_regex", {"column": "s", "regex": "^a"}),
    ("expect_column_values_to_match_regex_list", {"column": "s", "regex_list": ["^a", "a$"], "match_on": "all"}),
    ("expect_column_values_to_match_regex_list", {"column": "s", "regex_list": ["^a", "a$"], "match_on": "any"}),
    ("expect_column_values_to_match_regex_list", {"column": "s", "regex_list": ["^a", "^B"]}),
    ("expect_column_values_to_not_match_regex_list", {"column": "s", "regex_list": ["^a", "\\d"]}),
    ("expect_column_values_to_match_like_pattern", {"column": "s", "like_pattern": "%a"}),
    ("expect_column_values_to_match_like_pattern", {"column": "s", "like_pattern": "_lph_"}),
    ("expect_column_values_to_not_match_like_pattern", {"column": "s", "like_pattern": "%a%"}),
    ("expect_column_values_to_match_like_pattern_list", {"column": "s", "like_pattern_list": ["a%", "B%"]}),
    ("expect_column_values_to_match_like_pattern_list", {"column": "s", "like_pattern_list": ["a%", "%a"], "match_on": "all"}),
    ("expect_column_values_to_not_match_like_pattern_list", {"column": "s", "like_pattern_list": ["a%", "B%"]}),
]
PAIRS = [{"column_A": "i", "column_B": "j"}, {"column_A": "s", "column_B": "v"}]
IGNORE = [{}, {"ignore_row_if": "either_value_is_missing"}, {"ignore_row_if": "neither"}]
CASES += [("expect_column_pair_values_a_to_be_greater_than_b", {**p, **o, **g}) for p in PAIRS for o in ({}, {"or_equal": True}) for g in IGNORE]
CASES += [("expect_column_pair_values_to_be_equal", {**p, **g}) for p in PAIRS for g in IGNORE]
CASES += [("expect_column_pair_values_to_be_in_set", {"column_A": "i", "column_B": "j", "value_pairs_set": [[1, 1], [8, 8], [2, 3]], **g}) for g in IGNORE]
CASES += [("expect_column_pair_values_to_be_equal", {**PAIRS[0], "mostly": 0.2})]
MANY = [{"column_list": ["i", "j"]}, {"column_list": ["s", "v"]}, {"column_list": ["s", "v", "u", "js"]}]
IGNORE_MANY = [{}, {"ignore_row_if": "any_value_is_missing"}, {"ignore_row_if": "never"}]
CASES += [(k, {**m, **g}) for k in ("expect_compound_columns_to_be_unique", "expect_select_column_values_to_be_unique_within_record",
                                    "expect_multicolumn_values_to_be_equal") for m in MANY for g in IGNORE_MANY]
CASES += [("expect_compound_columns_to_be_unique", {"column_list": ["id", "s"]}),
          ("expect_compound_columns_to_be_unique", {"column_list": ["d", "Odd Name"], "mostly": 0.5})]
CASES += [("expect_multicolumn_sum_to_equal", {"column_list": ["i", "id"], "sum_total": t, **g}) for t in (2, 4.0) for g in IGNORE_MANY]
