/* SPDX-License-Identifier: MIT */
/* haproxy_socket: HAProxy's runtime API: one line a connection, the answer up
 * to its end. */
#ifndef RESOURCE_ALERT_ACTIONS_HAPROXY_SOCKET_H
#define RESOURCE_ALERT_ACTIONS_HAPROXY_SOCKET_H

#include "resource_alert/actions/action.h"

#define HAPROXY_ANSWER_BYTES 262144

/* Sends one line, without its newline, made of checked words.
 * *ret_answer: yours, free(); NULL where only success matters: then an answer
 * that is not empty is a failure, for HAProxy reports errors as text.
 * Returns 0; -ETIMEDOUT; -ECANCELED; -EIO; another negative errno. */
int haproxy_ask(const char *socket_path, const char *line, char **ret_answer,
                const struct action_call *call, struct error *error);

#endif
