/* SPDX-License-Identifier: MIT */
/* leak_notifier: sends one notification for each session that looks leaked, and
 * one when it no longer does. */
#include "dbpool/leak_notifier.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/text.h"

#define MINUTE_US INT64_C(60000000)
#define QUERY_BYTES 161 /* 120 characters, most of them of one byte */
#define NAME_BYTES 65   /* PostgreSQL cuts names at 63 */
#define CLIENT_BYTES 80

static const char *const rule_texts[] = {
    [LEAK_IN_TRANSACTION] = "idle in transaction",
    [LEAK_OVERTAKEN] =
        "held without activity while other connections are reused",
    [LEAK_SURPLUS] = "more idle connections than PoolSize",
};

/* ---- sending ---- */

/* True if one more notification is allowed now; counts it. */
static bool take_notification_slot(struct leak_notifier *notifier,
                                   int64_t now_us) {
  int64_t since_us = now_us - notifier->minute_start_us;
  if (since_us < 0 || since_us >= MINUTE_US) {
    notifier->minute_start_us = now_us;
    notifier->sent = 0;
  }
  if (notifier->sent >= notifier->max_per_minute) {
    return false;
  }
  notifier->sent++;
  return true;
}

/* The names make it a notification about the series that counts the leaks, so
 * that a rule on this series and the notification carry one identity. */
static void send_notification(const struct leak_notifier *notifier,
                              enum notification_severity severity,
                              const char *message,
                              const struct notification_field *fields,
                              size_t fields_len,
                              const struct notification_sink *sink) {
  const struct notification notification = {
      .severity = severity,
      .host = "",
      .plugin = "",
      .plugin_instance = notifier->pool,
      .type = "current_connections",
      .type_instance = "leaked",
      .message = message,
      .fields = fields,
      .fields_len = fields_len,
  };
  sink->put(sink->context, &notification);
}

/* Everything that comes from the server is escaped once, here. */
static void format_client(const struct pool_session *session, char *text,
                          size_t bytes) {
  if (session->client_address[0] == '\0') {
    (void)snprintf(text, bytes, "a local socket");
    return;
  }
  char address[NAME_BYTES];
  text_escape(address, sizeof(address), session->client_address);
  (void)snprintf(text, bytes, "%s:%d", address, session->client_port);
}

/* The fields are for programs, the message is for people: it is cut at 256
 * bytes, so the query comes last. */
static void notify_leak(const struct leak_notifier *notifier,
                        const struct leak *leak,
                        const struct notification_sink *sink) {
  const struct pool_session *session = leak->session;
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
  format_client(session, client, sizeof(client));
  double age_s = (double)leak->age_us / 1e6;
  const struct notification_field fields[] = {
      {.name = "pid", .number = (double)session->pid},
      {.name = "rule", .number = leak->rule},
      {.name = "age", .number = age_s},
      {.name = "client", .text = client},
      {.name = "application", .text = application},
      {.name = "role", .text = role},
      {.name = "database", .text = database},
      {.name = "state", .text = pool_session_states[session->state]},
      {.name = "query", .text = query},
  };
  int length =
      snprintf(message, sizeof(message),
               "pool \"%s\": process %" PRId64 " of \"%s\" on %s "
               "looks leaked, no activity for %.0f s: %s; last query: ",
               notifier->pool, session->pid, application, client, age_s,
               rule_texts[leak->rule]);
  if (length > 0 && (size_t)length < sizeof(message)) {
    text_escape(message + length, sizeof(message) - (size_t)length,
                session->query);
  }
  send_notification(notifier, NOTIFICATION_WARNING, message, fields,
                    sizeof(fields) / sizeof(fields[0]), sink);
}

/* Only for a leak that was notified, so that each OKAY ends a WARNING. */
static void notify_cleared(const struct leak_notifier *notifier,
                           const struct leak_notifier_item *item,
                           const struct notification_sink *sink) {
  char message[NOTIFICATION_MESSAGE_BYTES];
  const struct notification_field fields[] = {
      {.name = "pid", .number = (double)item->pid},
      {.name = "rule", .number = item->rule},
  };
  (void)snprintf(message, sizeof(message),
                 "pool \"%s\": process %" PRId64 " no longer looks leaked",
                 notifier->pool, item->pid);
  send_notification(notifier, NOTIFICATION_OKAY, message, fields,
                    sizeof(fields) / sizeof(fields[0]), sink);
}

/* ---- following ---- */

/* A process id that came back is another session. */
static bool is_same_session(const struct leak_notifier_item *item,
                            const struct leak *leak) {
  return item->pid == leak->session->pid &&
         item->backend_start_us == leak->session->backend_start_us;
}

/* Linear: at most LEAK_NOTIFIER_MAX items are followed. */
static bool is_still_leaked(const struct leak_notifier_item *item,
                            const struct leak *leaks, size_t len) {
  size_t i = 0;
  while (i < len && !is_same_session(item, &leaks[i])) {
    i++;
  }
  return i < len;
}

/* NULL when LEAK_NOTIFIER_MAX others are followed already. */
static struct leak_notifier_item *
find_or_add_followed_leak(struct leak_notifier *notifier,
                          const struct leak *leak) {
  for (size_t i = 0; i < notifier->len; i++) {
    if (is_same_session(&notifier->items[i], leak)) {
      return &notifier->items[i];
    }
  }
  if (notifier->len == LEAK_NOTIFIER_MAX) {
    return NULL;
  }
  struct leak_notifier_item *item = &notifier->items[notifier->len++];
  *item = (struct leak_notifier_item){
      .pid = leak->session->pid,
      .backend_start_us = leak->session->backend_start_us,
      .rule = leak->rule,
  };
  return item;
}

/* Drops the items that are no longer leaked. One whose leak was notified stays
 * until the rate limit lets its end be notified as well. */
static void notify_and_drop_ended(struct leak_notifier *notifier,
                                  const struct leak *leaks, size_t len,
                                  int64_t now_us,
                                  const struct notification_sink *sink) {
  size_t kept = 0;
  for (size_t i = 0; i < notifier->len; i++) {
    const struct leak_notifier_item item = notifier->items[i];
    bool is_kept = is_still_leaked(&item, leaks, len);
    if (!is_kept && item.is_notified) {
      is_kept = !take_notification_slot(notifier, now_us);
      if (!is_kept) {
        notify_cleared(notifier, &item, sink);
      }
    }
    if (is_kept) {
      notifier->items[kept++] = item;
    }
  }
  notifier->len = kept;
}

void leak_notifier_send_changes(struct leak_notifier *notifier,
                                const struct leak *leaks, size_t len,
                                int64_t now_us,
                                const struct notification_sink *sink) {
  notify_and_drop_ended(notifier, leaks, len, now_us, sink);
  for (size_t i = 0; i < len; i++) {
    struct leak_notifier_item *item =
        find_or_add_followed_leak(notifier, &leaks[i]);
    if (item != NULL && !item->is_notified &&
        take_notification_slot(notifier, now_us)) {
      item->is_notified = true;
      notify_leak(notifier, &leaks[i], sink);
    }
  }
}
