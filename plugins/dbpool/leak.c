/* SPDX-License-Identifier: MIT */
/* leak: finds the sessions of a pool that are held but no longer used, and
 * sends notifications about them. */
#include "dbpool/leak.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "dbpool/query_text.h"

#define QUERY_BYTES 161 /* 120 characters, most of them of one byte */
#define NAME_BYTES 65   /* PostgreSQL cuts names at 63 */
#define CLIENT_BYTES 80

struct leak_idle_session {
  int64_t pid;
  int64_t backend_start_us;
  int64_t state_change_us;
  int64_t overtaken_us; /* when that was first seen; 0: never */
  bool is_leaked;       /* until it is used again */
};

void leak_tracker_fini(struct leak_tracker *tracker) {
  if (tracker != NULL) {
    free(tracker->idle);
    *tracker = (struct leak_tracker){0};
  }
}

static void add_leak(struct leak_search *search,
                     const struct pool_session *session, enum leak_rule rule) {
  search->leaks[search->leaks_len++] = (struct leak){
      .session = session,
      .rule = rule,
      .age_us = search->now_us - session->state_change_us,
  };
}

/* state_change_us is 0 where the role may not see it. */
static bool is_silent_too_long(const struct leak_search *search,
                               const struct pool_session *session) {
  return session->state_change_us != 0 &&
         search->now_us - session->state_change_us > search->after_us;
}

/* A session that listens for notifications is idle for as long as it lives, and
 * is not a connection that a pool hands out. */
static bool is_listener(const struct pool_session *session) {
  return strncasecmp(session->query, "LISTEN", strlen("LISTEN")) == 0 &&
         (session->query[6] == ' ' || session->query[6] == '"');
}

/* ---- rule 1 ---- */

/* An active session is not a leak, however long its statement takes. */
static void find_leaks_in_transaction(struct leak_search *search) {
  for (size_t i = 0; i < search->sessions_len; i++) {
    const struct pool_session *session = search->sessions[i];
    bool is_in_transaction = session->state == POOL_SESSION_IN_TRANSACTION ||
                             session->state == POOL_SESSION_ABORTED;
    if (is_in_transaction && is_silent_too_long(search, session)) {
      add_leak(search, session, LEAK_IN_TRANSACTION);
    }
  }
}

/* ---- rule 2 ---- */

static int compare_session_pids(const void *a, const void *b) {
  const struct pool_session *left = *(const struct pool_session *const *)a;
  const struct pool_session *right = *(const struct pool_session *const *)b;
  return (left->pid > right->pid) - (left->pid < right->pid);
}

static int compare_idle_pid(const void *key, const void *item) {
  const struct pool_session *session = key;
  const struct leak_idle_session *idle = item;
  return (session->pid > idle->pid) - (session->pid < idle->pid);
}

/* What is remembered of the session; NULL if it was not idle at the last read.
 * A process id that came back is another session. */
static struct leak_idle_session *
find_idle_session(const struct leak_tracker *tracker,
                  const struct pool_session *session) {
  if (tracker->idle_len == 0) {
    return NULL;
  }
  struct leak_idle_session *idle =
      bsearch(session, tracker->idle, tracker->idle_len, sizeof(*tracker->idle),
              compare_idle_pid);
  bool is_same =
      idle != NULL && idle->backend_start_us == session->backend_start_us;
  return is_same ? idle : NULL;
}

/* A statement changes the state and its time, even one between two reads. */
static bool is_still_idle(const struct leak_idle_session *idle,
                          const struct pool_session *session) {
  return session->state == POOL_SESSION_IDLE &&
         session->state_change_us == idle->state_change_us;
}

/* The latest return to the queue of any session that has been used since. */
static int64_t find_latest_return_us(const struct leak_tracker *tracker,
                                     const struct leak_search *search) {
  int64_t latest_us = 0;
  for (size_t i = 0; i < search->sessions_len; i++) {
    const struct pool_session *session = search->sessions[i];
    const struct leak_idle_session *idle = find_idle_session(tracker, session);
    if (idle != NULL && !is_still_idle(idle, session) &&
        idle->state_change_us > latest_us) {
      latest_us = idle->state_change_us;
    }
  }
  return latest_us;
}

/* A session that is overtaken once may have just been handed out without a
 * statement yet, or have been returned without one. If it is overtaken again,
 * by a session that was returned after_us later, it has been held that long. */
static struct leak_idle_session
remember_idle_session(const struct leak_tracker *tracker,
                      const struct leak_search *search,
                      const struct pool_session *session, int64_t latest_us) {
  const struct leak_idle_session *before = find_idle_session(tracker, session);
  if (before == NULL || !is_still_idle(before, session)) {
    return (struct leak_idle_session){
        .pid = session->pid,
        .backend_start_us = session->backend_start_us,
        .state_change_us = session->state_change_us,
    };
  }
  struct leak_idle_session idle = *before;
  if (latest_us > idle.state_change_us) {
    if (idle.overtaken_us == 0) {
      idle.overtaken_us = search->now_us;
    }
    idle.is_leaked |= latest_us - idle.overtaken_us > search->after_us;
  }
  return idle;
}

/* Remembers the sessions that are idle now for the next read. */
static int find_overtaken_leaks(struct leak_tracker *tracker,
                                struct leak_search *search) {
  struct leak_idle_session *idle =
      calloc(search->sessions_len + 1, sizeof(*idle));
  if (idle == NULL) {
    leak_tracker_fini(tracker);
    return -ENOMEM;
  }
  qsort(search->sessions, search->sessions_len, sizeof(struct pool_session *),
        compare_session_pids);
  int64_t latest_us = find_latest_return_us(tracker, search);
  size_t len = 0;
  for (size_t i = 0; i < search->sessions_len; i++) {
    const struct pool_session *session = search->sessions[i];
    if (session->state == POOL_SESSION_IDLE) {
      idle[len] = remember_idle_session(tracker, search, session, latest_us);
      if (idle[len++].is_leaked && !is_listener(session)) {
        add_leak(search, session, LEAK_OVERTAKEN);
      }
    }
  }
  free(tracker->idle);
  tracker->idle = idle;
  tracker->idle_len = len;
  return 0;
}

/* ---- rule 3 ---- */

/* The session that has been idle longest comes first. */
static int compare_idle_since(const void *a, const void *b) {
  const struct pool_session *left = *(const struct pool_session *const *)a;
  const struct pool_session *right = *(const struct pool_session *const *)b;
  return (left->state_change_us > right->state_change_us) -
         (left->state_change_us < right->state_change_us);
}

static bool is_idle_too_long(const struct leak_search *search,
                             const struct pool_session *session) {
  return session->state == POOL_SESSION_IDLE && !is_listener(session) &&
         is_silent_too_long(search, session);
}

/* Linear, because leaks are few among the sessions. */
static bool is_known_leak(const struct leak_search *search,
                          const struct pool_session *session) {
  for (size_t i = 0; i < search->leaks_len; i++) {
    if (search->leaks[i].session == session) {
      return true;
    }
  }
  return false;
}

/* It is certain how many sessions are held, but not which: those that have been
 * idle longest are named. The sessions that rule 2 found belong to the surplus.
 */
static void find_surplus_leaks(struct leak_search *search, size_t overtaken) {
  int64_t surplus = -search->max_idle - (int64_t)overtaken;
  for (size_t i = 0; i < search->sessions_len; i++) {
    surplus += is_idle_too_long(search, search->sessions[i]) ? 1 : 0;
  }
  if (surplus <= 0) {
    return;
  }
  qsort(search->sessions, search->sessions_len, sizeof(struct pool_session *),
        compare_idle_since);
  for (size_t i = 0; i < search->sessions_len && surplus > 0; i++) {
    const struct pool_session *session = search->sessions[i];
    if (is_idle_too_long(search, session) && !is_known_leak(search, session)) {
      add_leak(search, session, LEAK_SURPLUS);
      surplus--;
    }
  }
}

int leak_find(struct leak_tracker *tracker, struct leak_search *search) {
  find_leaks_in_transaction(search);
  size_t in_transaction = search->leaks_len;
  int code = search->is_fifo ? find_overtaken_leaks(tracker, search) : 0;
  find_surplus_leaks(search, search->leaks_len - in_transaction);
  return code;
}

/* ---- notifications ---- */

static const char *const rule_texts[] = {
    [LEAK_IN_TRANSACTION] = "idle in transaction",
    [LEAK_OVERTAKEN] =
        "held without activity while other connections are reused",
    [LEAK_SURPLUS] = "more idle connections than PoolSize",
};

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
  char masked[QUERY_BYTES];
  char query[QUERY_BYTES];
  char application[NAME_BYTES];
  char role[NAME_BYTES];
  char database[NAME_BYTES];
  char client[CLIENT_BYTES];
  char message[NOTIFICATION_MESSAGE_BYTES];
  query_text_mask(masked, sizeof(masked), session->query);
  const char *shown = notifier->keeps_literals ? session->query : masked;
  text_escape(query, sizeof(query), shown);
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
    text_escape(message + length, sizeof(message) - (size_t)length, shown);
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
      is_kept = !minute_limit_pass(&notifier->limit, now_us / 1000);
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
        minute_limit_pass(&notifier->limit, now_us / 1000)) {
      item->is_notified = true;
      notify_leak(notifier, &leaks[i], sink);
    }
  }
}
