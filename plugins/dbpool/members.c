/* SPDX-License-Identifier: MIT */
/* members: which pools a session is of. */
#include "dbpool/members.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64
/* Remembered from one round to the next; ordinary servers have a dozen. */
#define MEMBERS_KEPT 1024

static void free_group(struct member_group *group) {
  if (group != NULL) {
    free(group->database);
    free(group->role);
    free(group->application);
    free(group);
  }
}

void members_fini(struct members *members) {
  if (members == NULL) {
    return;
  }
  for (size_t i = 0; i < members->slots_len; i++) {
    free_group(members->slots[i]);
  }
  free(members->slots);
  members->slots = NULL;
  members->slots_len = 0;
  members->len = 0;
}

void members_begin(struct members *members) {
  if (members->len > MEMBERS_KEPT) {
    members_fini(members);
  }
  for (size_t i = 0; i < members->slots_len; i++) {
    if (members->slots[i] != NULL) {
      members->slots[i]->sessions = 0;
      members->slots[i]->count = (struct pool_count){0};
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
static struct member_group **find_slot(struct member_group **slots,
                                       size_t slots_len, uint64_t hash,
                                       const struct session *session) {
  for (size_t i = (size_t)hash & (slots_len - 1);;
       i = (i + 1) & (slots_len - 1)) {
    struct member_group *group = slots[i];
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
static bool grow(struct members *members) {
  if (members->len * 2 < members->slots_len) {
    return true;
  }
  size_t larger_len =
      members->slots_len == 0 ? SLOTS_FIRST : members->slots_len * 2;
  struct member_group **larger =
      calloc(larger_len, sizeof(struct member_group *));
  if (larger == NULL) {
    return false;
  }
  for (size_t i = 0; i < members->slots_len; i++) {
    struct member_group *group = members->slots[i];
    if (group != NULL) {
      size_t j = (size_t)group->hash & (larger_len - 1);
      while (larger[j] != NULL) {
        j = (j + 1) & (larger_len - 1);
      }
      larger[j] = group;
    }
  }
  free(members->slots);
  members->slots = larger;
  members->slots_len = larger_len;
  return true;
}

static struct member_group *new_group(const struct members *members,
                                      uint64_t hash,
                                      const struct session *session) {
  struct member_group *group =
      calloc(1, sizeof(*group) + members->pools_len * sizeof(group->pools[0]));
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
  for (size_t i = 0; i < members->pools_len; i++) {
    if (members->matches(members->context, i, session)) {
      group->pools[group->pools_len++] = i;
    }
  }
  return group;
}

struct member_group *members_add(struct members *members,
                                 const struct session *session) {
  if (!grow(members)) {
    return NULL;
  }
  uint64_t hash = hash_session(session);
  struct member_group **slot =
      find_slot(members->slots, members->slots_len, hash, session);
  if (*slot == NULL) {
    *slot = new_group(members, hash, session);
    members->len += *slot == NULL ? 0 : 1;
  }
  if (*slot != NULL) {
    (*slot)->sessions++;
  }
  return *slot;
}
