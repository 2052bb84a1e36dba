SELECT dataplat_internal.hand_over_events();
