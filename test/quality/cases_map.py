"""Kinds that judge rows, by themselves or together with others."""

COLUMNS = ["i", "n", "f", "s", "v", "d", "ts", "b", "Odd Name", "u", "id"]

CASES = [("expect_column_values_to_not_be_null", {"column": c}) for c in COLUMNS]
CASES += [("expect_column_values_to_be_unique", {"column": c}) for c in COLUMNS]
CASES += [
    ("expect_column_values_to_not_be_null", {"column": "i", "mostly": 0.8}),
    ("expect_column_values_to_not_be_null", {"column": "i", "mostly": 0.0}),
    ("expect_column_values_to_not_be_null", {"column": "missing"}, {"tables": ["t_mixed"]}),
    ("expect_column_values_to_be_between", {"column": "i", "min_value": 1, "max_value": 5}),
    ("expect_column_values_to_be_between", {"column": "i", "min_value": 1, "max_value": 5, "strict_min": True, "strict_max": True}),
    ("expect_column_values_to_be_between", {"column": "i", "min_value": 2, "mostly": 0.5}),
    ("expect_column_values_to_be_between", {"column": "i", "max_value": 4.5}),
    ("expect_column_values_to_be_between", {"column": "n", "min_value": 0, "max_value": 10}),
    ("expect_column_values_to_be_between", {"column": "f", "min_value": -1.5, "max_value": 3.5}),
    ("expect_column_values_to_be_in_set", {"column": "i", "value_set": [1, 2, 5]}),
    ("expect_column_values_to_be_in_set", {"column": "i", "value_set": [1, 2, None]}),
    ("expect_column_values_to_be_in_set", {"column": "s", "value_set": ["alpha", "größe ☃", ""]}),
    ("expect_column_values_to_be_in_set", {"column": "b", "value_set": [True]}),
    ("expect_column_values_to_be_in_set", {"column": "n", "value_set": [10, 1.5, 0]}),
]
