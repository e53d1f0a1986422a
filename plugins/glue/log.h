/* SPDX-License-Identifier: MIT */
/* log: our lines in collectd's log. */
#ifndef GLUE_LOG_H
#define GLUE_LOG_H

#include "core/log.h"

/* The sink that writes "PLUGIN: line" to collectd's log. plugin: borrowed for
 * as long as the sink lives, a literal in practice. Any thread. */
struct log_sink glue_log_sink(const char *plugin);

#endif
