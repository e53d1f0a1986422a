/* SPDX-License-Identifier: MIT */
/* engine_deps: what tests of a whole engine give it: its configuration, and
 * series with one gauge. */
#pragma once

#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/config.h"
#include "resource_alert/alerts/engine.h"

static inline void describe_gauge(const void *handle, size_t source,
                                  struct reading_source *ret_source) {
  (void)handle, (void)source;
  *ret_source = (struct reading_source){.name = "value",
                                        .kind = READING_GAUGE,
                                        .min = (double)NAN,
                                        .max = (double)NAN};
}

static inline int find_gauge(const char *name, struct reading_type *ret_type,
                             size_t *ret_sources) {
  (void)name;
  *ret_type = (struct reading_type){.describe = describe_gauge};
  *ret_sources = 1;
  return 0;
}

/* Parses TEXT, with DIRECTORY as StateDir. */
static inline void configure_engine(struct resource_alert_options *options,
                                    const char *directory, const char *text) {
  char whole[1024];
  struct config_item root = {0};
  struct error error = {{0}};
  (void)snprintf(whole, sizeof(whole), "StateDir \"%s\"\n%s", directory, text);
  assert_int_equal(config_text_parse(whole, strlen(whole), &root, &error), 0);
  if (option_parse(&resource_alert_options, &root, options, &error) != 0) {
    fail_msg("%s", error.text);
  }
  config_item_fini(&root);
}
