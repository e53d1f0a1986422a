/* SPDX-License-Identifier: MIT */
/* client_processes: counts the processes that hold a pool's sessions. */
#include "dbpool/client_processes.h"

#include <stdlib.h>
#include <string.h>

#define SEARCH_INTERVAL_US INT64_C(60000000)

void client_processes_fini(struct client_processes *processes) {
  if (processes != NULL) {
    free(processes->items);
    *processes = (struct client_processes){.proc = processes->proc};
  }
}

static bool is_loopback(const struct pool_session *session) {
  return strncmp(session->client_address, "127.", 4) == 0 ||
         strcmp(session->client_address, "::1") == 0;
}

static bool is_from_this_host(const struct pool_session *session) {
  return session->client_port < 0 || is_loopback(session);
}

/* ---- sessions from this host ---- */

static int compare_by_session(const void *a, const void *b) {
  const struct client_process *left = a;
  const struct client_process *right = b;
  return (left->session_pid > right->session_pid) -
         (left->session_pid < right->session_pid);
}

/* What is known of the session, or a new item. */
static struct client_process
known_or_new(const struct client_processes *processes,
             const struct pool_session *session) {
  const struct client_process fresh = {
      .session_pid = session->pid,
      .session_start_us = session->backend_start_us,
      .port = session->client_port,
      .is_new = true,
  };
  const struct client_process *known =
      processes->len == 0 ? NULL
                          : bsearch(&fresh, processes->items, processes->len,
                                    sizeof(fresh), compare_by_session);
  bool is_same =
      known != NULL && known->session_start_us == session->backend_start_us;
  return is_same ? *known : fresh;
}

/* Lists the local sessions of this read; keeps what is known of them.
 * Returns true if there is one that was not searched for. */
static bool list_local_sessions(struct client_processes *processes,
                                const struct pool_session *const *sessions,
                                size_t len) {
  struct client_process *items = calloc(len + 1, sizeof(*items));
  if (items == NULL) {
    return false;
  }
  size_t items_len = 0;
  bool has_new = false;
  for (size_t i = 0; i < len; i++) {
    if (is_from_this_host(sessions[i])) {
      items[items_len] = known_or_new(processes, sessions[i]);
      has_new |= items[items_len++].is_new;
    }
  }
  qsort(items, items_len, sizeof(*items), compare_by_session);
  free(processes->items);
  processes->items = items;
  processes->len = items_len;
  return has_new;
}

/* ---- counting ---- */

/* Sorts the items. */
static int64_t count_distinct(void *items, size_t len, size_t bytes,
                              int (*compare)(const void *, const void *)) {
  int64_t count = len > 0 ? 1 : 0;
  qsort(items, len, bytes, compare);
  for (char *item = items; len > 1; item += bytes, len--) {
    count += compare(item, item + bytes) != 0 ? 1 : 0;
  }
  return count;
}

static int compare_numbers(const void *a, const void *b) {
  const int64_t *left = a;
  const int64_t *right = b;
  return (*left > *right) - (*left < *right);
}

/* A session whose process is unknown is assumed to belong to a known one. */
static int64_t count_local(struct client_processes *processes) {
  size_t known = 0;
  processes->unknown = 0;
  int64_t *pids = calloc(processes->len + 1, sizeof(*pids));
  for (size_t i = 0; pids != NULL && i < processes->len; i++) {
    const struct client_process *item = &processes->items[i];
    if (item->pid != 0) {
      pids[known++] = item->pid;
    } else if (!item->is_new) {
      processes->unknown++;
    }
  }
  int64_t count = pids == NULL ? 0
                               : count_distinct(pids, known, sizeof(*pids),
                                                compare_numbers);
  free(pids);
  return count == 0 && processes->len > 0 ? 1 : count;
}

static int compare_addresses(const void *a, const void *b) {
  const char *const *left = a;
  const char *const *right = b;
  return strcmp(*left, *right);
}

static int64_t count_remote(const struct pool_session *const *sessions,
                            size_t len) {
  size_t addresses_len = 0;
  const char **addresses = calloc(len + 1, sizeof(char *));
  for (size_t i = 0; addresses != NULL && i < len; i++) {
    if (sessions[i]->client_address[0] != '\0' && !is_loopback(sessions[i])) {
      addresses[addresses_len++] = sessions[i]->client_address;
    }
  }
  int64_t count = addresses == NULL
                      ? 0
                      : count_distinct(addresses, addresses_len, sizeof(char *),
                                       compare_addresses);
  free(addresses);
  return count;
}

int64_t client_processes_count(struct client_processes *processes,
                               const struct pool_session *const *sessions,
                               size_t len, int64_t now_us) {
  bool has_new = list_local_sessions(processes, sessions, len);
  int64_t since_us = now_us - processes->searched_us;
  bool is_due = processes->searched_us == 0 || since_us < 0 ||
                since_us >= SEARCH_INTERVAL_US;
  if (has_new && is_due) {
    processes->searched_us = now_us;
    (void)client_processes_find(processes->items, processes->len,
                                processes->proc);
    for (size_t i = 0; i < processes->len; i++) {
      processes->items[i].is_new = false;
    }
  }
  int64_t count = count_local(processes) + count_remote(sessions, len);
  return count > 0 ? count : 1;
}
