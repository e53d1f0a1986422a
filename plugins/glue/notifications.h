/* SPDX-License-Identifier: MIT */
/* notifications: notifications out, from a trade to collectd's bus, and in. */
#ifndef GLUE_NOTIFICATIONS_H
#define GLUE_NOTIFICATIONS_H

#include "core/notification.h"

struct notification_s;

/* The sink that dispatches notifications of PLUGIN (borrowed for as long as
 * the sink lives). collectd runs every notification callback before it
 * returns: hold no lock that such a callback may want. Any thread. */
struct notification_sink glue_notification_sink(const char *plugin);

/* What a notification callback got, as a trade sees it, without its details.
 * Nothing is copied: it lives as long as the callback runs. */
struct notification
glue_notification(const struct notification_s *notification);

/* True for what PLUGIN says, here or on another host, and for whatever this
 * thread is dispatching through a sink of this module just now. */
bool glue_notification_is_own(const struct notification_s *notification,
                              const char *plugin);

#endif
