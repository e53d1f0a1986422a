/* SPDX-License-Identifier: MIT */
/* notices: notifications out, from a trade to collectd's bus. */
#ifndef GLUE_NOTICES_H
#define GLUE_NOTICES_H

#include "core/notice.h"

/* The sink that dispatches notifications of PLUGIN (borrowed for as long as
 * the sink lives). collectd runs every notification callback before it
 * returns: hold no lock that such a callback may want. Any thread. */
struct notice_sink glue_notice_sink(const char *plugin);

#endif
