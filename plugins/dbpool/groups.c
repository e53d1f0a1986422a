/* SPDX-License-Identifier: MIT */
/* groups: which pools a session is of. */
#include "dbpool/groups.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64
/* Remembered from one round to the next; ordinary servers have a dozen. */
#define GROUPS_KEPT 1024

static void free_group(struct group *group) {
  if (group != NULL) {
    free(group->database);
    free(group->role);
    free(group->application);
    free(group);
  }
}

void groups_fini(struct groups *groups) {
  if (groups == NULL) {
    return;
  }
  for (size_t i = 0; i < groups->slots_len; i++) {
    free_group(groups->slots[i]);
  }
  free(groups->slots);
  groups->slots = NULL;
  groups->slots_len = 0;
  groups->len = 0;
}

void groups_begin(struct groups *groups) {
  if (groups->len > GROUPS_KEPT) {
    groups_fini(groups);
  }
  for (size_t i = 0; i < groups->slots_len; i++) {
    if (groups->slots[i] != NULL) {
      groups->slots[i]->sessions = 0;
    }
  }
}

/* FNV-1a, the final 0 included. */
static uint64_t hash_text(uint64_t hash, const char *text) {
  do {
    hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
  } while (*text++ != '\0');
  return hash;
}

static uint64_t hash_session(const struct session *session) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  hash = hash_text(hash, session->database);
  hash = hash_text(hash, session->role);
  return hash_text(hash, session->application);
}

/* The slot that holds the group, or the free one where it belongs. */
static struct group **find_slot(struct group **slots, size_t slots_len,
                                uint64_t hash, const struct session *session) {
  for (size_t i = (size_t)hash & (slots_len - 1);;
       i = (i + 1) & (slots_len - 1)) {
    struct group *group = slots[i];
    if (group == NULL ||
        (group->hash == hash &&
         strcmp(group->application, session->application) == 0 &&
         strcmp(group->database, session->database) == 0 &&
         strcmp(group->role, session->role) == 0)) {
      return &slots[i];
    }
  }
}

/* Keeps the slots at most half full. */
static bool grow(struct groups *groups) {
  if (groups->len * 2 < groups->slots_len) {
    return true;
  }
  size_t larger_len =
      groups->slots_len == 0 ? SLOTS_FIRST : groups->slots_len * 2;
  struct group **larger = calloc(larger_len, sizeof(struct group *));
  if (larger == NULL) {
    return false;
  }
  for (size_t i = 0; i < groups->slots_len; i++) {
    struct group *group = groups->slots[i];
    if (group != NULL) {
      size_t j = (size_t)group->hash & (larger_len - 1);
      while (larger[j] != NULL) {
        j = (j + 1) & (larger_len - 1);
      }
      larger[j] = group;
    }
  }
  free(groups->slots);
  groups->slots = larger;
  groups->slots_len = larger_len;
  return true;
}

static struct group *new_group(const struct groups *groups, uint64_t hash,
                               const struct session *session) {
  struct group *group =
      calloc(1, sizeof(*group) + groups->pools_len * sizeof(group->pools[0]));
  if (group == NULL) {
    return NULL;
  }
  group->hash = hash;
  group->database = strdup(session->database);
  group->role = strdup(session->role);
  group->application = strdup(session->application);
  if (group->database == NULL || group->role == NULL ||
      group->application == NULL) {
    free_group(group);
    return NULL;
  }
  for (size_t i = 0; i < groups->pools_len; i++) {
    if (groups->matches(groups->context, i, session)) {
      group->pools[group->pools_len++] = i;
    }
  }
  return group;
}

struct group *groups_add(struct groups *groups, const struct session *session) {
  if (!grow(groups)) {
    return NULL;
  }
  uint64_t hash = hash_session(session);
  struct group **slot =
      find_slot(groups->slots, groups->slots_len, hash, session);
  if (*slot == NULL) {
    *slot = new_group(groups, hash, session);
    groups->len += *slot == NULL ? 0 : 1;
  }
  if (*slot != NULL) {
    (*slot)->sessions++;
  }
  return *slot;
}
