/* SPDX-License-Identifier: MIT */
/* redis: one command at a time on a Redis server. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "resource_alert/clients/action_call.h"

#define REDIS_HOST_BYTES 256
#define REDIS_REPLY_BYTES_MAX 65536

/* One connection, opened by the first command and closed by any failure. */
struct redis {
  char host[REDIS_HOST_BYTES];
  int port;
  const char *user;          /* borrowed, as the next one; NULL: none */
  const char *password_file; /* NULL: no login */
  void *context;             /* owned; NULL: not connected */
};

/* Loads the library. Returns 0 or what shared_library_load() does. */
int redis_load_library(struct error *error);

/* Reads redis://HOST[:PORT]. allows_plain: HOST may be another machine, though
 * the connection is not encrypted. Returns 0 or -EINVAL with what to write. */
int redis_parse_url(struct redis *redis, const char *url, bool allows_plain,
                    struct error *error);

void redis_close(struct redis *redis);

/* Sends a command of COUNT words. *ret_text: the reply as text, yours, free();
 * NULL where it is nil or a number below 1; ret_text may be NULL.
 * Returns 0, or an error as in action_call.h; -EACCES where the login or a
 * permission is missing. */
int redis_send_command(struct redis *redis, const char *const *words,
                       size_t count, struct action_call *call, char **ret_text);
