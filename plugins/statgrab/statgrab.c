/* SPDX-License-Identifier: MIT */
/* statgrab: registers the plugin statgrab with collectd. */
#include "core/clock.h"
#include "glue/glue.h"
#include "statgrab/collectors.h"
#include "statgrab/options.h"
#include "statgrab/source.h"

#include "collectd.h"
#include "plugin.h"

/* The values of a file system that responds later are sent at the next read.
 * The two times together let collectd stop within two seconds whatever hangs.
 */
#define FILESYSTEMS_WAIT_MS 800
#define STOP_WAIT_MS 200

static struct statgrab_options options;
static struct collectors *collectors; /* set by init, before anything reads */

static int configure_statgrab(oconfig_item_t *item) {
  return glue_configure(&statgrab_options, item, &options);
}

static int read_groups(user_data_t *unused) {
  (void)unused;
  collectors_collect_groups(collectors, clock_monotonic_ms());
  return 0;
}

/* A callback of its own, so that a dead server delays only file systems. */
static int read_filesystems(user_data_t *unused) {
  (void)unused;
  int64_t now_ms = clock_monotonic_ms();
  collectors_collect_filesystems(collectors, now_ms,
                                 now_ms + FILESYSTEMS_WAIT_MS);
  return 0;
}

/* Starts libstatgrab before the first read can be registered: a call before
 * sg_init() crashes. */
static int start_statgrab(void) {
  if (collectors != NULL) {
    return 0; /* collectd -T calls this twice */
  }
  const struct log_sink log = glue_log_sink("statgrab");
  const struct sample_sink sink = glue_sample_sink("statgrab");
  struct error error = {{0}};
  if (source_libstatgrab_init(&error) != 0) {
    log_write(&log, LOG_LEVEL_WARNING, "%s; its values are left out",
              error.text);
  }
  if (statgrab_options_add_default_blocks(&options) != 0) {
    log_write(&log, LOG_LEVEL_ERROR, "out of memory");
    return -1;
  }
  if (collectors_new(&options, &sink, &log, &collectors, &error) != 0) {
    log_write(&log, LOG_LEVEL_ERROR, "%s", error.text);
    return -1;
  }
  (void)plugin_register_complex_read(NULL, "statgrab", read_groups, 0, NULL);
  if (statgrab_collects(&options, GROUP_DF)) {
    (void)plugin_register_complex_read(NULL, "statgrab-df", read_filesystems, 0,
                                       NULL);
  }
  return 0;
}

static int stop_statgrab(void) {
  unsigned abandoned =
      collectors_stop(collectors, clock_monotonic_ms() + STOP_WAIT_MS);
  collectors = NULL;
  if (abandoned == 0) { /* else a thread may still be inside libstatgrab */
    source_libstatgrab_fini();
  }
  option_fini(&statgrab_options, &options);
  return 0;
}

void module_register(void) {
  if (option_init(&statgrab_options, &options) != 0) {
    return;
  }
  plugin_register_complex_config("statgrab", configure_statgrab);
  plugin_register_init("statgrab", start_statgrab);
  plugin_register_shutdown("statgrab", stop_statgrab);
}
