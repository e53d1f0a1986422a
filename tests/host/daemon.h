/* SPDX-License-Identifier: MIT */
/* daemon: a stand-in for collectd that loads a real module and drives its
 * callbacks from as many threads as one likes, without queues or caches in
 * between, so that sanitizers see the module alone. */
#ifndef HOST_DAEMON_H
#define HOST_DAEMON_H

#include <stddef.h>
#include <stdint.h>

/* Loads MODULE and gives it CONFIGURATION, the inside of its <Plugin> block.
 * Ends the program where something fails. */
void daemon_start(const char *module, const char *configuration);

/* Runs the module's shutdown callback. */
void daemon_stop(void);

/* One gauge, as a write thread of collectd hands it over. Any thread. */
void daemon_write_gauge(const char *plugin_instance, double value,
                        int64_t time_s, int64_t interval_s);

/* Runs the module's read callback once. */
void daemon_read(void);

/* What the module did so far. */
size_t daemon_notifications(void);
size_t daemon_log_lines(void);
size_t daemon_values(void);

/* The last gauge dispatched as PLUGIN_INSTANCE/TYPE-TYPE_INSTANCE. */
double daemon_value(const char *plugin_instance, const char *type,
                    const char *type_instance);

#endif
