/* SPDX-License-Identifier: MIT */
/* statgrab: glue between collectd and the plugin's trade. */
#include "core/clock.h"
#include "glue/configuration.h"
#include "glue/log.h"
#include "glue/module.h"
#include "glue/values.h"
#include "statgrab/collect.h"
#include "statgrab/options.h"
#include "statgrab/reader.h"

#include "collectd.h"
#include "plugin.h"

/* A file system that takes longer is told of the next time. Together with the
 * end below it, collectd stops within two seconds whatever hangs. */
#define ANSWER_MS 800
#define STOP_MS 200

static struct statgrab_options options;
static struct reader *reader; /* set by init, before anything reads */

static int configure(oconfig_item_t *item) {
  return glue_configure(&statgrab_options, item, &options);
}

static int read_most(user_data_t *unused) {
  (void)unused;
  reader_read(reader, clock_monotonic_ms());
  return 0;
}

/* A callback of its own: only file systems wait for a dead server. */
static int read_file_systems(user_data_t *unused) {
  (void)unused;
  int64_t now_ms = clock_monotonic_ms();
  reader_read_file_systems(reader, now_ms, now_ms + ANSWER_MS);
  return 0;
}

static int start(void) {
  if (reader != NULL) {
    return 0; /* collectd -T calls twice */
  }
  const struct log_sink log = glue_log_sink("statgrab");
  struct error error = {{0}};
  if (collect_init(&error) != 0) {
    log_write(&log, LOG_LEVEL_WARNING, "%s; what it lacks is left out",
              error.text);
  }
  if (statgrab_options_complete(&options) != 0) {
    log_write(&log, LOG_LEVEL_ERROR, "out of memory");
    return -1;
  }
  if (reader_new(&options, glue_sample_sink, &log, &reader, &error) != 0) {
    log_write(&log, LOG_LEVEL_ERROR, "%s", error.text);
    return -1;
  }
  (void)plugin_register_complex_read(NULL, "statgrab", read_most, 0, NULL);
  if (statgrab_collects(&options, GROUP_DF)) {
    (void)plugin_register_complex_read(NULL, "statgrab-df", read_file_systems,
                                       0, NULL);
  }
  return 0;
}

static int stop(void) {
  unsigned left = reader_free(reader, clock_monotonic_ms() + STOP_MS);
  reader = NULL;
  if (left == 0) { /* else some thread may be inside libstatgrab */
    collect_fini();
  }
  option_fini(&statgrab_options, &options);
  return 0;
}

void module_register(void) {
  if (option_init(&statgrab_options, &options) != 0) {
    return;
  }
  plugin_register_complex_config("statgrab", configure);
  plugin_register_init("statgrab", start);
  plugin_register_shutdown("statgrab", stop);
}
