/* SPDX-License-Identifier: MIT */
/* unwatched_set: the series that no rule watches, in 12 bytes each. */
#include "resource_alert/alerts/unwatched_set.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SLOTS 16
#define UNIT_MS 16000
#define UNITS_MASK ((1U << 22) - 1) /* the units wrap: only ages count */

void unwatched_set_fini(struct unwatched_set *set) { free(set->slots); }

static uint32_t convert_to_units(int64_t ms) {
  return (uint32_t)(ms / UNIT_MS) & UNITS_MASK;
}

/* In units. */
static uint32_t find_age(const struct unwatched *slot, int64_t now_ms) {
  return (convert_to_units(now_ms) - slot->seen) & UNITS_MASK;
}

/* The slot with HASH, or the free one where the look-up ends. There must be
 * slots. */
static struct unwatched *find_slot(const struct unwatched_set *set,
                                   uint64_t hash) {
  size_t slot = hash & (set->slots_len - 1);
  while (set->slots[slot].hash != 0 && set->slots[slot].hash != hash) {
    slot = (slot + 1) & (set->slots_len - 1);
  }
  return &set->slots[slot];
}

bool unwatched_set_touch(struct unwatched_set *set, uint64_t hash,
                         int64_t now_ms) {
  struct unwatched *slot = set->len == 0 ? NULL : find_slot(set, hash);
  if (slot == NULL || slot->hash == 0) {
    return false;
  }
  slot->seen = convert_to_units(now_ms) & UNITS_MASK;
  return true;
}

/* Moves the series that were seen within AGE_MAX units into SLOTS_LEN new
 * slots. */
static size_t rebuild_slots(struct unwatched_set *set, size_t slots_len,
                            int64_t now_ms, uint32_t age_max,
                            _Atomic uint32_t *host_len) {
  struct unwatched_set renewed = {
      .slots = calloc(slots_len, sizeof(set->slots[0])),
      .slots_len = slots_len,
  };
  if (renewed.slots == NULL) {
    return 0;
  }
  for (size_t i = 0; i < set->slots_len; i++) {
    const struct unwatched *slot = &set->slots[i];
    if (slot->hash != 0 && find_age(slot, now_ms) <= age_max) {
      *find_slot(&renewed, slot->hash) = *slot;
      renewed.len++;
    } else if (slot->hash != 0) {
      atomic_fetch_sub(&host_len[slot->host], 1);
    }
  }
  size_t gone = set->len - renewed.len;
  free(set->slots);
  *set = renewed;
  return gone;
}

size_t unwatched_set_forget(struct unwatched_set *set, int64_t now_ms,
                            int64_t forget_ms, _Atomic uint32_t *host_len) {
  uint32_t age_max = convert_to_units(forget_ms);
  for (size_t i = 0; i < set->slots_len; i++) {
    if (set->slots[i].hash != 0 && find_age(&set->slots[i], now_ms) > age_max) {
      return rebuild_slots(set, set->slots_len, now_ms, age_max, host_len);
    }
  }
  return 0;
}

/* At most three of four slots are used. */
int unwatched_set_add(struct unwatched_set *set, uint64_t hash, uint32_t host,
                      int64_t now_ms) {
  if (4 * (set->len + 1) > 3 * set->slots_len) {
    size_t slots_len = set->slots_len == 0 ? FIRST_SLOTS : 2 * set->slots_len;
    (void)rebuild_slots(set, slots_len, now_ms, UNITS_MASK, NULL);
    if (set->slots_len != slots_len) {
      return -ENOMEM;
    }
  }
  *find_slot(set, hash) =
      (struct unwatched){.hash = hash,
                         .seen = convert_to_units(now_ms) & UNITS_MASK,
                         .host = host & (UNWATCHED_HOSTS - 1)};
  set->len++;
  return 0;
}
