/* SPDX-License-Identifier: MIT */
/* glue: the daemon's configuration, log, values and notifications as ours. With
 * the NAME.c of each plugin the only code that knows collectd's headers. */
#pragma once

#include "core/config.h"
#include "core/error.h"
#include "core/log.h"
#include "core/metric.h"
#include "core/notification.h"
#include "core/option.h"

/* collectd's */
struct data_set_s;
struct notification_s;
struct oconfig_item_s;
struct value_list_s;

/* Registers the plugin's callbacks and does nothing else: collectd calls it
 * before the configuration is read and before it becomes a daemon. */
__attribute__((visibility("default"))) void module_register(void);

/* For a plugin's config callback: copies one <Plugin> block of the daemon and
 * fills TARGET, initialized before, by the table. What is wrong is logged in
 * one line under the plugin's name.
 * Returns 0 or -1, which makes collectd refuse to start. */
int glue_configure(const struct option_block *plugin,
                   const struct oconfig_item_s *item, void *target);

/* The sink that writes "PLUGIN: line" to collectd's log. plugin: borrowed for
 * as long as the sink lives, a literal in practice. Any thread. */
struct log_sink glue_log_sink(const char *plugin);

/* The sink that dispatches under the name of PLUGIN (borrowed for as long as
 * the sink lives), for this host, now, at the interval of the read callback
 * that is running. In names a slash becomes '-', a control character '_'. Any
 * thread. */
struct sample_sink glue_sample_sink(const char *plugin);

/* Checks that collectd knows TYPE. To be called in init: before, types.db may
 * not have been read. Returns 0, or -ENOENT with what to do. */
int glue_require_type(const char *type, struct error *error);

/* What a write callback got, as a library sees it. Nothing is copied: the
 * reading lives as long as the callback runs. */
struct reading glue_make_reading(const struct data_set_s *type,
                                 const struct value_list_s *list);

/* A type that collectd knows by its name; in and after init. *ret_sources: how
 * many data sources it has. Returns 0 or -ENOENT. */
int glue_find_type(const char *name, struct reading_type *ret_type,
                   size_t *ret_sources);

/* The sink that dispatches notifications of PLUGIN (borrowed for as long as
 * the sink lives). collectd runs every notification callback before it
 * returns: hold no lock that such a callback may want. Any thread. */
struct notification_sink glue_notification_sink(const char *plugin);

/* What a notification callback got, as a library sees it, without its details.
 * Nothing is copied: it lives as long as the callback runs. */
struct notification
glue_make_notification(const struct notification_s *notification);

/* Copies at most MAX of its details, texts and numbers; the strings are
 * borrowed as well. Returns how many. */
size_t glue_copy_fields(const struct notification_s *notification,
                        struct notification_field *fields, size_t max);

/* True for a notification of PLUGIN, of this host or another one, and for any
 * that this thread is just dispatching through a sink of this module. */
bool glue_notification_is_own(const struct notification_s *notification,
                              const char *plugin);
