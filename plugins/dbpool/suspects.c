/* SPDX-License-Identifier: MIT */
/* suspects: tells people about sessions that look leaked. */
#include "dbpool/suspects.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/text.h"

#define MINUTE_US INT64_C(60000000)
#define QUERY_BYTES 161 /* 120 characters, most of them of one byte */
#define NAME_BYTES 65   /* PostgreSQL cuts names at 63 */
#define CLIENT_BYTES 80

static const char *describe_rule(enum leak_rule rule) {
  switch (rule) {
  case LEAK_IN_TRANSACTION:
    return "idle in transaction";
  case LEAK_OVERTAKEN:
    return "held in silence while others are used in turn";
  case LEAK_SURPLUS:
    return "resting beyond what the pool keeps";
  }
  return "";
}

static const char *describe_state(const struct session *session) {
  switch (session->state) {
  case SESSION_ACTIVE:
    return "active";
  case SESSION_IDLE:
    return "idle";
  case SESSION_IN_TRANSACTION:
    return "idle in transaction";
  case SESSION_ABORTED:
    return "idle in transaction (aborted)";
  case SESSION_HIDDEN:
    return "hidden";
  }
  return "";
}

/* ---- saying ---- */

static bool may_say(struct suspects *suspects, int64_t now_us) {
  int64_t since_us = now_us - suspects->minute_start_us;
  if (since_us < 0 || since_us >= MINUTE_US) {
    suspects->minute_start_us = now_us;
    suspects->said = 0;
  }
  if (suspects->said >= suspects->a_minute) {
    return false;
  }
  suspects->said++;
  return true;
}

static void put(const struct suspects *suspects,
                enum notification_severity severity, const char *message,
                const struct notification_field *fields, size_t fields_len,
                const struct notification_sink *notifications) {
  const struct notification notification = {
      .severity = severity,
      .host = "",
      .plugin = "",
      .plugin_instance = suspects->pool,
      .type = "current_connections",
      .type_instance = "leaked",
      .message = message,
      .fields = fields,
      .fields_len = fields_len,
  };
  notifications->put(notifications->context, &notification);
}

static void describe_client(const struct session *session, char *text,
                            size_t bytes) {
  if (session->client_address[0] == '\0') {
    (void)snprintf(text, bytes, "a local socket");
    return;
  }
  char address[NAME_BYTES];
  text_escape(address, sizeof(address), session->client_address);
  (void)snprintf(text, bytes, "%s:%d", address, session->client_port);
}

static void accuse(const struct suspects *suspects, const struct leak *leak,
                   const struct notification_sink *notifications) {
  const struct session *session = leak->session;
  char query[QUERY_BYTES];
  char application[NAME_BYTES];
  char role[NAME_BYTES];
  char database[NAME_BYTES];
  char client[CLIENT_BYTES];
  char message[NOTIFICATION_MESSAGE_BYTES];
  text_escape(query, sizeof(query), session->query);
  text_escape(application, sizeof(application), session->application);
  text_escape(role, sizeof(role), session->role);
  text_escape(database, sizeof(database), session->database);
  describe_client(session, client, sizeof(client));
  double age_s = (double)leak->age_us / 1e6;
  const struct notification_field fields[] = {
      {.name = "pid", .number = (double)session->pid},
      {.name = "rule", .number = leak->rule},
      {.name = "age", .number = age_s},
      {.name = "client", .text = client},
      {.name = "application", .text = application},
      {.name = "role", .text = role},
      {.name = "database", .text = database},
      {.name = "state", .text = describe_state(session)},
      {.name = "query", .text = query},
  };
  int length = snprintf(message, sizeof(message),
                        "pool \"%s\": process %" PRId64 " of \"%s\" on %s "
                        "looks leaked, silent for %.0f s: %s; last: ",
                        suspects->pool, session->pid, application, client,
                        age_s, describe_rule(leak->rule));
  if (length > 0 && (size_t)length < sizeof(message)) {
    text_escape(message + length, sizeof(message) - (size_t)length,
                session->query);
  }
  put(suspects, NOTIFICATION_WARNING, message, fields,
      sizeof(fields) / sizeof(fields[0]), notifications);
}

static void acquit(const struct suspects *suspects,
                   const struct suspect *suspect,
                   const struct notification_sink *notifications) {
  char message[NOTIFICATION_MESSAGE_BYTES];
  const struct notification_field fields[] = {
      {.name = "pid", .number = (double)suspect->pid},
      {.name = "rule", .number = suspect->rule},
  };
  (void)snprintf(message, sizeof(message),
                 "pool \"%s\": process %" PRId64 " is no longer a suspect",
                 suspects->pool, suspect->pid);
  put(suspects, NOTIFICATION_OKAY, message, fields,
      sizeof(fields) / sizeof(fields[0]), notifications);
}

/* ---- following ---- */

static struct suspect *find(struct suspects *suspects,
                            const struct session *session) {
  for (size_t i = 0; i < suspects->len; i++) {
    struct suspect *suspect = &suspects->items[i];
    if (suspect->pid == session->pid &&
        suspect->backend_start_us == session->backend_start_us) {
      return suspect;
    }
  }
  return NULL;
}

static struct suspect *follow(struct suspects *suspects,
                              const struct leak *leak) {
  if (suspects->len == SUSPECTS_MAX) {
    return NULL;
  }
  struct suspect *suspect = &suspects->items[suspects->len++];
  *suspect = (struct suspect){
      .pid = leak->session->pid,
      .backend_start_us = leak->session->backend_start_us,
      .rule = leak->rule,
  };
  return suspect;
}

static void drop_gone(struct suspects *suspects, int64_t now_us,
                      const struct notification_sink *notifications) {
  size_t kept = 0;
  for (size_t i = 0; i < suspects->len; i++) {
    const struct suspect *suspect = &suspects->items[i];
    bool is_kept = suspect->is_there;
    if (!is_kept && suspect->is_said) {
      if (may_say(suspects, now_us)) {
        acquit(suspects, suspect, notifications);
      } else {
        is_kept = true; /* said later */
      }
    }
    if (is_kept) {
      suspects->items[kept++] = *suspect;
    }
  }
  suspects->len = kept;
}

void suspects_update(struct suspects *suspects, const struct leak *leaks,
                     size_t len, int64_t now_us,
                     const struct notification_sink *notifications) {
  for (size_t i = 0; i < suspects->len; i++) {
    suspects->items[i].is_there = false;
  }
  for (size_t i = 0; i < len; i++) {
    struct suspect *suspect = find(suspects, leaks[i].session);
    if (suspect != NULL) {
      suspect->is_there = true;
    }
  }
  drop_gone(suspects, now_us, notifications);
  for (size_t i = 0; i < len; i++) {
    struct suspect *suspect = find(suspects, leaks[i].session);
    if (suspect == NULL) {
      suspect = follow(suspects, &leaks[i]);
    }
    if (suspect == NULL) {
      continue;
    }
    suspect->is_there = true;
    if (!suspect->is_said && may_say(suspects, now_us)) {
      suspect->is_said = true;
      accuse(suspects, &leaks[i], notifications);
    }
  }
}
