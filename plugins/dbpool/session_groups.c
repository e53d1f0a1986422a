/* SPDX-License-Identifier: MIT */
/* session_groups: groups the sessions of one read by database, role and
 * application. */
#include "dbpool/session_groups.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

void session_groups_fini(struct session_groups *groups) {
  if (groups != NULL) {
    free(groups->items);
    *groups = (struct session_groups){0};
  }
}

/* The application first: of the three it differs most often. */
static int compare_session_names(const void *a, const void *b) {
  const struct pool_session *left = a;
  const struct pool_session *right = b;
  int order = strcmp(left->application, right->application);
  order = order != 0 ? order : strcmp(left->role, right->role);
  return order != 0 ? order : strcmp(left->database, right->database);
}

int session_groups_build(struct session_groups *groups,
                         struct pool_session *sessions, size_t len,
                         int64_t own_pid) {
  session_groups_fini(groups);
  groups->items = calloc(len + 1, sizeof(*groups->items));
  if (groups->items == NULL) {
    return -ENOMEM;
  }
  groups->own_pid = own_pid;
  qsort(sessions, len, sizeof(*sessions), compare_session_names);
  for (size_t i = 0; i < len; i++) {
    if (i == 0 || compare_session_names(&sessions[i - 1], &sessions[i]) != 0) {
      groups->items[groups->len++].sessions = &sessions[i];
    }
    groups->items[groups->len - 1].len++;
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
  for (size_t i = 0; i < groups->len; i++) {
    struct session_group *group = &groups->items[i];
    const struct pool_session *any = group->sessions;
    group->is_selected = strcmp(any->database, database) == 0 &&
                         matches_any_pattern(roles, any->role) &&
                         matches_any_pattern(applications, any->application);
    for (size_t j = 0; group->is_selected && j < group->len; j++) {
      if (group->sessions[j].pid != groups->own_pid) {
        sessions[len++] = &group->sessions[j];
      }
    }
  }
  return len;
}

void session_groups_lower_headroom(const struct session_groups *groups,
                                   const char *database, const char *role,
                                   int64_t limit, int64_t *headroom) {
  int64_t sessions = 0;
  bool is_of_pool = false;
  for (size_t i = 0; limit >= 0 && i < groups->len; i++) {
    const struct session_group *group = &groups->items[i];
    if ((database == NULL ||
         strcmp(group->sessions->database, database) == 0) &&
        (role == NULL || strcmp(group->sessions->role, role) == 0)) {
      sessions += (int64_t)group->len;
      is_of_pool |= group->is_selected;
    }
  }
  int64_t left = limit > sessions ? limit - sessions : 0;
  if (is_of_pool && left < *headroom) {
    *headroom = left;
  }
}
