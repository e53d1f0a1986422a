/* SPDX-License-Identifier: MIT */
/* sessions_store: what is known of sessions, over a restart. */
#ifndef SESSION_LOG_SESSIONS_SESSIONS_STORE_H
#define SESSION_LOG_SESSIONS_SESSIONS_STORE_H

#include "session_log/record.h"
#include "session_log/sessions/sessions.h"

void sessions_save(const struct sessions *sessions,
                   struct record_writer *writer);

/* Fills new sessions. Returns 0; -EINVAL for a record that makes no sense;
 * -ENOMEM. On failure the sessions must be freed. */
int sessions_load(struct sessions *sessions, struct record_reader *reader);

#endif
