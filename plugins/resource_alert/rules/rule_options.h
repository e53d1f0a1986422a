/* SPDX-License-Identifier: MIT */
/* rule_options: the options of a <Threshold> block. */
#pragma once

#include <math.h>

#include "core/option.h"

/* What it means when a series stops; the words of Missing. */
enum rule_missing {
  RULE_MISSING_IGNORE,
  RULE_MISSING_WARNING,
  RULE_MISSING_FAILURE,
  RULE_MISSING_OKAY, /* only for rules on notifications */
};

/* What a rule asks of a value, in the units of the options. Limits: NaN where
 * there is none. */
struct rule_limits {
  double warning_min, warning_max;
  double failure_min, failure_max;
  double hysteresis; /* how far inside a limit before it counts as kept */
  double for_s;      /* beyond a limit before the state gets worse */
  double recover_s;  /* within it before the state gets better */
  double repeat_s;   /* between reminders; 0: none */
  int64_t hits;      /* consecutive readings beyond; 0 and 1: one */
  int missing;       /* enum rule_missing */
  bool is_inverted;  /* inside the limits is bad */
  bool is_percentage;
};

#define RULE_LIMIT_OPTION(outer, option_name, field, text)                     \
  {                                                                            \
    OPTION(option_name, NUMBER, struct outer, limits.field),                   \
        .min = -HUGE_VAL, .max = HUGE_VAL, .example = "80", .help = text       \
  }

/* The options that a <Threshold> shares with a <Type> block of collectd's own
 * threshold plugin. outer: the tag of a struct with a member limits. */
#define RULE_LIMIT_OPTIONS(outer)                                              \
  RULE_LIMIT_OPTION(outer, "WarningMin", warning_min,                          \
                    "A value below it is a warning."),                         \
      RULE_LIMIT_OPTION(outer, "WarningMax", warning_max,                      \
                        "A value above it is a warning."),                     \
      RULE_LIMIT_OPTION(outer, "FailureMin", failure_min,                      \
                        "A value below it is a failure."),                     \
      RULE_LIMIT_OPTION(outer, "FailureMax", failure_max,                      \
                        "A value above it is a failure."),                     \
      {OPTION("Hysteresis", NUMBER, struct outer, limits.hysteresis),          \
       .max = HUGE_VAL, .default_text = "0",                                   \
       .help = "How far a value must return inside a limit before it counts "  \
               "as within the limit again, in the unit of the value."},        \
      {OPTION("Invert", BOOLEAN, struct outer, limits.is_inverted),            \
       .default_text = "false",                                                \
       .help =                                                                 \
           "If true, values inside the limits are a warning or a failure, "    \
           "and values outside are OKAY."},                                    \
  {                                                                            \
    OPTION("Percentage", BOOLEAN, struct outer, limits.is_percentage),         \
        .default_text = "false",                                               \
        .help =                                                                \
            "The limits are percentages of the sum over all data sources of "  \
            "the type, as in C<df> with its data sources C<used> and "         \
            "C<free>."                                                         \
  }

struct rule_options {
  struct option_head head;
  struct option_strings metrics;
  struct option_strings exceptions; /* series that it leaves out; as metrics */
  struct rule_limits limits;
  struct option_strings only_if;    /* pairs of a metric and a comparison */
  struct option_strings severities; /* none, or of WARNING and of FAILURE */
  char *message;
  char *message_okay;
  char *message_missing;
  char *unit;
  char *runbook; /* these two: URLs; NULL: none */
  char *link;
};

extern const struct option_block rule_options_block;

/* Changes options of a block of the kind above. */
extern const struct option_block rule_options_override_block;

/* Checks the label of a rule: it becomes a part of metric and file names.
 * Returns 0 or -EINVAL. */
int rule_options_check_label(const char *label, struct error *error);
