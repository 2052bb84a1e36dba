/*
 * quality: nothing of this room is for PUBLIC.  The last file by name, so that
 * it sees them all.
 */

DO LANGUAGE plpgsql $$
DECLARE
    f regprocedure;
BEGIN
    -- Rights come from dataplat.setup_roles() or the administrator; what a command may do, it checks itself.
    FOR f IN
        SELECT p.oid::regprocedure FROM pg_catalog.pg_proc AS p
         WHERE p.pronamespace IN ('dataplat'::regnamespace, 'dataplat_internal'::regnamespace)
           AND (p.proname ~ 'expect|suite|kwarg|_work$|^measure_|^judge_|^ask_|^plan_|quarantin|quality|anomal|profile|drift'
                OR p.proname IN ('validate', 'command_validate', 'closest_word', 'dataset_name', 'existing_dataset', 'follow_datasets', 'row_plan',
                                 'has_unique_index', 'check_may_validate', 'check_result_format', 'result_of', 'map_success', 'percent_of', 'value_counts',
                                 'threshold_holds', 'threshold_of', 'different_values', 'approximate_quantiles', 'takes_kwarg', 'plain_kwargs', 'bounds_arguments', 'aggregate_plan', 'query_plan', 'is_number', 'number_column', 'judged_type', 'type_for_judge',
                                 'value_plan', 'compare_values', 'check_bounds', 'within_bounds', 'judged', 'widened', 'missing_condition', 'typed_values',
                                 'frequency_plan', 'value_set_plan', 'contingency_plan', 'shape_plan', 'measured_columns', 'names_column', 'is_type_name',
                                 'type_plan', 'other_relation', 'category_plan', 'check_partition', 'float_array', 'relative_entropy', 'chi_square_p', 'kolmogorov_p',
                                 'add_term', 'exception_info', 'work_terms', 'note_measures', 'work_rows', 'primary_key_of', 'fetch_examples',
                                 'is_ordered_aggregate', 'is_hashed_type', 'over_column', 'between_condition', 'pattern_plan', 'pair_plan', 'columns_plan', 'order_plan', 'ignored_rows', 'register_column_kind',
                                 'closed_condition', 'check_condition', 'strftime_regex', 'run_expectations', 'health_quality'))
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END;
$$;

-- They only compute, and rules with "approximate" need them whoever owns them.
GRANT EXECUTE ON FUNCTION dataplat.column_state(anyelement), dataplat.merge_column_states(bytea), dataplat.column_state_values(bytea),
    dataplat.column_state_rank(bytea, double precision), dataplat.column_state_quantile(bytea, double precision) TO PUBLIC;
