/* SPDX-License-Identifier: MIT */
/* options: what a <Plugin resource_alert> block may hold. */
#include "resource_alert/options.h"

#include <errno.h>
#include <math.h>

static int check_absolute(const char *value, struct error *error) {
  return value[0] == '/' ? 0
                         : error_set(error, -EINVAL, "is not an absolute path");
}

static const struct option options[] = {
    {.name = "StateDir",
     .kind = OPTION_STRING,
     .offset = offsetof(struct resource_alert_options, state_dir),
     .example = "\"/var/lib/collectd/resource_alert\"",
     .check = check_absolute,
     .help = "The directory, made if it is not there, in which alert states "
             "and desired states are kept over a restart. Without it a restart "
             "starts from nothing."},
    {.name = "Journal",
     .kind = OPTION_STRING,
     .offset = offsetof(struct resource_alert_options, journal),
     .example = "\"/var/log/collectd/resource_alert.jsonl\"",
     .check = check_absolute,
     .help = "The file to which each change of state, each decision and each "
             "act is appended, one JSON object a line. It is opened again when "
             "it was rotated. Without it no journal is written."},
    {.name = "MaxSeries",
     .kind = OPTION_INTEGER,
     .offset = offsetof(struct resource_alert_options, max_series),
     .min = 1,
     .max = 10000000,
     .unit = "series",
     .default_text = "250000",
     .help = "How many series are known at the same time, watched or not. "
             "What comes on top is not looked at, counted and said once."},
    {.name = "Forget",
     .kind = OPTION_NUMBER,
     .offset = offsetof(struct resource_alert_options, forget_s),
     .min = 60,
     .max = 365.0 * 86400,
     .unit = "seconds",
     .default_text = "86400",
     .help = "A series without a value for so long is gone for good: its "
             "states are forgotten."},
    {.name = "PublishSeries",
     .kind = OPTION_BOOLEAN,
     .offset = offsetof(struct resource_alert_options, publishes_series),
     .default_text = "true",
     .help = "Besides C<resource_alert-ROW/alert_state>, the worst state of a "
             "row, C<resource_alert-ROW/alert_state-SERIES> is dispatched for "
             "each of its series. Worth switching off where rows watch "
             "thousands."},
    {.name = "Threshold",
     .kind = OPTION_BLOCK,
     .offset = offsetof(struct resource_alert_options, thresholds),
     .block = &threshold_block},
    STOCK_OPTION_ROWS(resource_alert_options, stock),
    RESPONSES_OPTION_ROWS(resource_alert_options, responses),
    STATUS_OPTION_ROWS(resource_alert_options, status),
};

const struct option_block resource_alert_options = {
    .name = "resource_alert",
    .size = sizeof(struct resource_alert_options),
    .help = "The table of thresholds and the responses to it.",
    .options = options,
    .options_len = OPTION_COUNT(options),
};
