/* SPDX-License-Identifier: MIT */
/* log: our lines in collectd's log. */
#include "glue/log.h"

#include "collectd.h"
#include "plugin.h"

static int collectd_level(enum report_level level) {
  switch (level) {
  case REPORT_ERROR:
    return LOG_ERR;
  case REPORT_WARNING:
    return LOG_WARNING;
  case REPORT_NOTICE:
    return LOG_NOTICE;
  case REPORT_INFO:
    return LOG_INFO;
  case REPORT_DEBUG:
    return LOG_DEBUG;
  }
  return LOG_ERR;
}

static void say(void *context, enum report_level level, const char *line) {
  const char *plugin = context;
  plugin_log(collectd_level(level), "%s: %s", plugin, line);
}

struct report_sink glue_log_sink(const char *plugin) {
  /* The sink's context is void * for everybody; a literal is never written. */
  union {
    const char *name;
    void *context;
  } borrowed = {.name = plugin};
  return (struct report_sink){.say = say, .context = borrowed.context};
}
