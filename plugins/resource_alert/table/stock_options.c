/* SPDX-License-Identifier: MIT */
/* stock_options: the blocks of collectd's own threshold plugin, as they are. */
#include "resource_alert/table/stock_options.h"

#include <math.h>

#include "resource_alert/table/limit_options.h"

#define SWITCH(option_name, field, preset, text)                               \
  {                                                                            \
    .name = option_name, .kind = OPTION_BOOLEAN,                               \
    .offset = offsetof(struct stock_type_options, field),                      \
    .default_text = preset, .help = text                                       \
  }

static const struct option type_options[] = {
    {.name = "Instance",
     .kind = OPTION_STRING,
     .offset = offsetof(struct stock_type_options, instance),
     .example = "\"idle\"",
     .help = "The type instance; any where it is not written."},
    {.name = "DataSource",
     .kind = OPTION_STRING,
     .offset = offsetof(struct stock_type_options, source),
     .example = "\"value\"",
     .help = "The data source; any where it is not written."},
    LIMIT_OPTION_ROWS(stock_type_options),
    {.name = "Hysteresis",
     .kind = OPTION_NUMBER,
     .offset = offsetof(struct stock_type_options, hysteresis),
     .max = HUGE_VAL,
     .default_text = "0",
     .help = "How far a value must come back inside a limit."},
    {.name = "Hits",
     .kind = OPTION_INTEGER,
     .offset = offsetof(struct stock_type_options, hits),
     .max = 65535,
     .unit = "readings",
     .default_text = "0",
     .help = "How many readings in a rule must be beyond a limit."},
    SWITCH("Invert", is_inverted, "false", "A value inside the limits is bad."),
    SWITCH("Percentage", is_percentage, "false",
           "The limits are percentages of the sum over all data sources."),
    SWITCH("Persist", is_persistent, "false",
           "A notification with every reading that is not okay."),
    SWITCH("PersistOK", is_okay_persistent, "false",
           "With B<Persist>, a notification with every reading that is okay, "
           "too."),
    SWITCH("Interesting", is_interesting, "true",
           "A series that stops is a failure."),
};

const struct option_block stock_type_block = {
    .name = "Type",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .may_share_label = true,
    .size = sizeof(struct stock_type_options),
    .help = "Limits for all series of a type, as in collectd's own "
            "C<threshold> plugin; of those that fit a series the most special "
            "ones count. See L</Blocks of the threshold plugin>.",
    .options = type_options,
    .options_len = OPTION_COUNT(type_options),
};

static const struct option plugin_options[] = {
    {.name = "Instance",
     .kind = OPTION_STRING,
     .offset = offsetof(struct stock_plugin_options, instance),
     .example = "\"eth0\"",
     .help = "The plugin instance; any where it is not written."},
    {.name = "Type",
     .kind = OPTION_BLOCK,
     .offset = offsetof(struct stock_plugin_options, types),
     .block = &stock_type_block},
};

const struct option_block stock_plugin_block = {
    .name = "Plugin",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .may_share_label = true,
    .size = sizeof(struct stock_plugin_options),
    .help = "Types of one plugin only.",
    .options = plugin_options,
    .options_len = OPTION_COUNT(plugin_options),
};

static const struct option host_options[] = {
    {.name = "Plugin",
     .kind = OPTION_BLOCK,
     .offset = offsetof(struct stock_host_options, plugins),
     .block = &stock_plugin_block},
    {.name = "Type",
     .kind = OPTION_BLOCK,
     .offset = offsetof(struct stock_host_options, types),
     .block = &stock_type_block},
};

const struct option_block stock_host_block = {
    .name = "Host",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .may_share_label = true,
    .size = sizeof(struct stock_host_options),
    .help = "Plugins and types of one host only.",
    .options = host_options,
    .options_len = OPTION_COUNT(host_options),
};
