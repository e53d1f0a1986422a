/* SPDX-License-Identifier: MIT */
/* session_groups: groups the sessions of one read by database, role and
 * application. */
#include "dbpool/session_groups.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* PostgreSQL cuts names at 63 bytes. */
#define NAME_BYTES 84
#define KEY_BYTES (3 * NAME_BYTES)

/* NULL: the first one; returns NULL after the last one. */
static struct session_group *next_group(const struct session_groups *groups,
                                        const struct session_group *group) {
  return HASH_MAP_OWNER(
      hash_map_next(&groups->by_names, group == NULL ? NULL : &group->node),
      struct session_group, node);
}

void session_groups_fini(struct session_groups *groups) {
  if (groups == NULL) {
    return;
  }
  for (struct session_group *next, *group = next_group(groups, NULL);
       group != NULL; group = next) {
    next = next_group(groups, group);
    free(group);
  }
  hash_map_fini(&groups->by_names);
}

/* ---- building ---- */

/* Longer names than PostgreSQL's are cut, so that a key has a bound. */
static size_t append_name(char *key, size_t used, const char *name) {
  size_t bytes = strnlen(name, NAME_BYTES - 1);
  memcpy(key + used, name, bytes);
  key[used + bytes] = '\0';
  return used + bytes + 1;
}

/* Returns NULL when memory is short. */
static struct session_group *add_group(struct session_groups *groups,
                                       const char *key, size_t key_bytes) {
  struct session_group *group = calloc(1, sizeof(*group) + key_bytes);
  if (group == NULL) {
    return NULL;
  }
  memcpy(group->key, key, key_bytes);
  group->database = group->key;
  group->role = group->database + strlen(group->database) + 1;
  group->application = group->role + strlen(group->role) + 1;
  if (hash_map_insert(&groups->by_names, &group->node, group->key, key_bytes) !=
      0) {
    free(group);
    return NULL;
  }
  return group;
}

/* The group of the session; a new one if need be; NULL when memory is short. */
static struct session_group *
find_or_add_group(struct session_groups *groups,
                  const struct pool_session *session) {
  char key[KEY_BYTES];
  size_t bytes = append_name(key, 0, session->database);
  bytes = append_name(key, bytes, session->role);
  bytes = append_name(key, bytes, session->application);
  struct hash_node *node = hash_map_find(&groups->by_names, key, bytes);
  return node != NULL ? HASH_MAP_OWNER(node, struct session_group, node)
                      : add_group(groups, key, bytes);
}

int session_groups_build(struct session_groups *groups,
                         struct pool_session *sessions, size_t len,
                         int64_t own_pid) {
  session_groups_fini(groups);
  for (size_t i = 0; i < len; i++) {
    struct session_group *group = find_or_add_group(groups, &sessions[i]);
    if (group == NULL) {
      return -ENOMEM;
    }
    group->sessions++;
    if (sessions[i].pid != own_pid) {
      sessions[i].next_in_group = group->first;
      group->first = &sessions[i];
    }
  }
  return 0;
}

/* ---- selecting ---- */

/* No pattern at all matches every name. */
static bool matches_any_pattern(const struct option_strings *patterns,
                                const char *name) {
  for (size_t i = 0; i < patterns->len; i++) {
    if (fnmatch(patterns->items[i], name, 0) == 0) {
      return true;
    }
  }
  return patterns->len == 0;
}

size_t session_groups_select(struct session_groups *groups,
                             const char *database,
                             const struct option_strings *roles,
                             const struct option_strings *applications,
                             const struct pool_session **sessions) {
  size_t len = 0;
  for (struct session_group *group = next_group(groups, NULL); group != NULL;
       group = next_group(groups, group)) {
    group->is_selected = strcmp(group->database, database) == 0 &&
                         matches_any_pattern(roles, group->role) &&
                         matches_any_pattern(applications, group->application);
    for (const struct pool_session *session = group->is_selected ? group->first
                                                                 : NULL;
         session != NULL; session = session->next_in_group) {
      sessions[len++] = session;
    }
  }
  return len;
}

void session_groups_lower_headroom(const struct session_groups *groups,
                                   const char *database, const char *role,
                                   int64_t limit, int64_t *headroom) {
  int64_t sessions = 0;
  bool is_of_pool = false;
  for (const struct session_group *group = next_group(groups, NULL);
       limit >= 0 && group != NULL; group = next_group(groups, group)) {
    if ((database == NULL || strcmp(group->database, database) == 0) &&
        (role == NULL || strcmp(group->role, role) == 0)) {
      sessions += group->sessions;
      is_of_pool |= group->is_selected;
    }
  }
  int64_t left = limit > sessions ? limit - sessions : 0;
  if (is_of_pool && left < *headroom) {
    *headroom = left;
  }
}
