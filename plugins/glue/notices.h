/* SPDX-License-Identifier: MIT */
/* notices: notifications out, from a trade to collectd's bus, and in. */
#ifndef GLUE_NOTICES_H
#define GLUE_NOTICES_H

#include "core/notice.h"

struct notification_s;

/* The sink that dispatches notifications of PLUGIN (borrowed for as long as
 * the sink lives). collectd runs every notification callback before it
 * returns: hold no lock that such a callback may want. Any thread. */
struct notice_sink glue_notice_sink(const char *plugin);

/* What a notification callback got, as a trade sees it, without its details.
 * Nothing is copied: it lives as long as the callback runs. */
struct notice glue_notice(const struct notification_s *notification);

/* True for what PLUGIN says, here or on another host, and for whatever this
 * thread is dispatching through a sink of this module just now. */
bool glue_notice_is_own(const struct notification_s *notification,
                        const char *plugin);

#endif
