/* SPDX-License-Identifier: MIT */
/* peers: how many processes of an application hold a pool's sessions. */
#include "dbpool/peers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_US INT64_C(60000000)

void peers_fini(struct peers *peers) {
  if (peers != NULL) {
    free(peers->owners);
    *peers = (struct peers){.proc = peers->proc};
  }
}

static bool is_loopback(const struct session *session) {
  return strncmp(session->client_address, "127.", 4) == 0 ||
         strcmp(session->client_address, "::1") == 0;
}

static bool is_local(const struct session *session) {
  return session->client_port < 0 || is_loopback(session);
}

static int compare_owners(const void *a, const void *b) {
  const struct owner *left = a;
  const struct owner *right = b;
  return (left->session_pid > right->session_pid) -
         (left->session_pid < right->session_pid);
}

/* What is known of the session's owner; NULL if it was not there before. */
static const struct owner *find_owner(const struct peers *peers,
                                      const struct session *session) {
  const struct owner key = {.session_pid = session->pid};
  if (peers->len == 0) {
    return NULL;
  }
  const struct owner *owner =
      bsearch(&key, peers->owners, peers->len, sizeof(key), compare_owners);
  bool is_same =
      owner != NULL && owner->session_start_us == session->backend_start_us;
  return is_same ? owner : NULL;
}

/* Makes the list anew from this round's local sessions; keeps what is known.
 * Returns true if one of them was not searched for. */
static bool list_local(struct peers *peers,
                       const struct session *const *sessions, size_t len) {
  struct owner *owners = calloc(len + 1, sizeof(*owners));
  if (owners == NULL) {
    return false;
  }
  size_t owners_len = 0;
  bool has_new = false;
  for (size_t i = 0; i < len; i++) {
    if (!is_local(sessions[i])) {
      continue;
    }
    const struct owner *known = find_owner(peers, sessions[i]);
    owners[owners_len] =
        known != NULL ? *known
                      : (struct owner){
                            .session_pid = sessions[i]->pid,
                            .session_start_us = sessions[i]->backend_start_us,
                            .port = sessions[i]->client_port,
                            .is_new = true,
                        };
    has_new |= owners[owners_len++].is_new;
  }
  qsort(owners, owners_len, sizeof(*owners), compare_owners);
  free(peers->owners);
  peers->owners = owners;
  peers->len = owners_len;
  return has_new;
}

static void search(struct peers *peers) {
  owners_find(peers->owners, peers->len, peers->proc);
  for (size_t i = 0; i < peers->len; i++) {
    peers->owners[i].is_new = false;
  }
}

/* ---- counting ---- */

static int compare_numbers(const void *a, const void *b) {
  const int64_t *left = a;
  const int64_t *right = b;
  return (*left > *right) - (*left < *right);
}

/* Of known processes; those that are not known are one, if there are any. */
static int64_t count_local(struct peers *peers) {
  peers->indistinct = 0;
  int64_t *pids = calloc(peers->len + 1, sizeof(*pids));
  if (pids == NULL) {
    return peers->len > 0 ? 1 : 0;
  }
  for (size_t i = 0; i < peers->len; i++) {
    const struct owner *owner = &peers->owners[i];
    pids[i] = owner->pid;
    peers->indistinct += owner->pid == 0 && !owner->is_new ? 1 : 0;
  }
  qsort(pids, peers->len, sizeof(*pids), compare_numbers);
  int64_t count = 0;
  for (size_t i = 0; i < peers->len; i++) {
    count += i == 0 || pids[i] != pids[i - 1] ? 1 : 0;
  }
  /* One that was not found is of a process that was, as far as we know. */
  if (count > 1 && pids[0] == 0) {
    count--;
  }
  free(pids);
  return count;
}

static int compare_addresses(const void *a, const void *b) {
  const char *const *left = a;
  const char *const *right = b;
  return strcmp(*left, *right);
}

static int64_t count_remote(const struct session *const *sessions, size_t len) {
  const char **addresses = calloc(len + 1, sizeof(char *));
  if (addresses == NULL) {
    return 0;
  }
  size_t addresses_len = 0;
  for (size_t i = 0; i < len; i++) {
    if (sessions[i]->client_address[0] != '\0' && !is_loopback(sessions[i])) {
      addresses[addresses_len++] = sessions[i]->client_address;
    }
  }
  qsort(addresses, addresses_len, sizeof(char *), compare_addresses);
  int64_t count = 0;
  for (size_t i = 0; i < addresses_len; i++) {
    count += i == 0 || strcmp(addresses[i], addresses[i - 1]) != 0 ? 1 : 0;
  }
  free(addresses);
  return count;
}

int64_t peers_count(struct peers *peers, const struct session *const *sessions,
                    size_t len, int64_t now_us) {
  bool has_new = list_local(peers, sessions, len);
  bool may_look = peers->looked_us == 0 ||
                  now_us - peers->looked_us >= PAUSE_US ||
                  now_us < peers->looked_us;
  if (has_new && may_look) {
    peers->looked_us = now_us;
    search(peers);
  }
  int64_t count = count_local(peers) + count_remote(sessions, len);
  return count > 0 ? count : 1;
}
