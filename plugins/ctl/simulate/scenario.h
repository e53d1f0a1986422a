/* SPDX-License-Identifier: MIT */
/* scenario: one test of rules: readings by time, and the states expected. */
#pragma once

#include <stdio.h>

#include "core/option.h"
#include "resource_alert/options.h"

struct scenario_series {
  struct option_head head;      /* host/plugin-instance/type-instance */
  struct option_strings values; /* see notation.h */
  char *source;                 /* name of the data source */
};

struct scenario_moment {
  struct option_head head; /* the time since the first reading */
  struct option_strings
      notifications;           /* severity, subject, message, severity ... */
  struct option_strings rules; /* name, state, name, state ... */
  struct option_strings responses; /* likewise */
};

struct scenario {
  struct option_head head;
  double interval_s;
  struct option_blocks series;  /* struct scenario_series */
  struct option_blocks moments; /* struct scenario_moment */
};

/* A whole file. */
struct scenario_file {
  struct option_head head;
  char *configuration;
  struct option_blocks scenarios; /* struct scenario */
};

extern const struct option_block scenario_file_block;

/* Runs one test, and prints a line to FILE for each expectation that is not
 * met. Returns the number of those, or negative errno with a text. */
int scenario_run(const struct scenario *scenario,
                 const struct resource_alert_options *options, FILE *file,
                 struct error *error);
