/* SPDX-License-Identifier: MIT */
/* log: our lines in collectd's log. */
#include "glue/log.h"

#include "collectd.h"
#include "plugin.h"

static int collectd_level(enum log_level level) {
  switch (level) {
  case LOG_LEVEL_ERROR:
    return LOG_ERR;
  case LOG_LEVEL_WARNING:
    return LOG_WARNING;
  case LOG_LEVEL_NOTICE:
    return LOG_NOTICE;
  case LOG_LEVEL_INFO:
    return LOG_INFO;
  case LOG_LEVEL_DEBUG:
    return LOG_DEBUG;
  }
  return LOG_ERR;
}

static void say(void *context, enum log_level level, const char *line) {
  const char *plugin = context;
  plugin_log(collectd_level(level), "%s: %s", plugin, line);
}

struct log_sink glue_log_sink(const char *plugin) {
  /* The sink's context is void * for everybody; a literal is never written. */
  union {
    const char *name;
    void *context;
  } borrowed = {.name = plugin};
  return (struct log_sink){.write = say, .context = borrowed.context};
}
