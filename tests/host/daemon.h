/* SPDX-License-Identifier: MIT */
/* daemon: a stand-in for collectd that loads a real module and drives its
 * callbacks from as many threads as one likes, without queues or caches in
 * between, so that sanitizers see the module alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Loads MODULE and lets it register. Returns its handle of dlopen(). Ends the
 * program where that fails. */
void *daemon_load(const char *module);

/* Gives the module its <Plugin> block; initializes it. Return whether it takes
 * that. */
bool daemon_configure(const char *configuration);
bool daemon_init(void);

/* Loads MODULE and gives it CONFIGURATION, the inside of its <Plugin> block.
 * Ends the program where something fails. */
void daemon_start(const char *module, const char *configuration);

/* Frees what read callbacks were registered with, runs the module's shutdown
 * callback. */
void daemon_stop(void);

/* One gauge, as a write thread of collectd hands it over. Any thread. */
void daemon_write_gauge(const char *plugin_instance, double value,
                        int64_t time_s, int64_t interval_s);

/* Runs the module's read callbacks once. */
void daemon_read(void);

/* What the module did so far. */
size_t daemon_notifications(void);
size_t daemon_log_lines(void);
size_t daemon_values(void);

/* How many series have been dispatched. */
size_t daemon_names(void);

/* The last value dispatched as PLUGIN_INSTANCE/TYPE-TYPE_INSTANCE. */
double daemon_value(const char *plugin_instance, const char *type,
                    const char *type_instance);
