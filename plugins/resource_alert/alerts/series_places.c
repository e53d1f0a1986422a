/* SPDX-License-Identifier: MIT */
/* series_places: one array for all series of a table. */
#include "resource_alert/alerts/series_places.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define RESTING_MAX 1024 /* while all others are in use */

/* The kernel gives a page once something is written there. */
static struct series *map_series(size_t len) {
  void *map = mmap(NULL, len * sizeof(struct series), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return map == MAP_FAILED ? NULL : map;
}

int series_places_init(struct series_places *places, size_t series_max) {
  places->len = series_max + RESTING_MAX;
  places->series = map_series(places->len);
  places->resting = calloc(places->len, sizeof(*places->resting));
  return places->series == NULL || places->resting == NULL ? -ENOMEM : 0;
}

void series_places_fini(struct series_places *places) {
  if (places->series != NULL) {
    (void)munmap(places->series, places->len * sizeof(struct series));
  }
  free(places->resting);
}

struct series *series_places_take(struct series_places *places,
                                  int64_t now_ms) {
  const struct series_rest *oldest = &places->resting[places->resting_first];
  if (places->resting_len > 0 &&
      now_ms - oldest->since_ms >= SERIES_PLACES_REST_MS) {
    places->resting_first = (places->resting_first + 1) % places->len;
    places->resting_len--;
    return &places->series[oldest->number];
  }
  size_t used = atomic_load(&places->used);
  if (used == places->len) {
    return NULL;
  }
  atomic_flag_clear(&places->series[used].lock);
  atomic_store(&places->used, used + 1);
  return &places->series[used];
}

void series_places_give_back(struct series_places *places,
                             const struct series *series, int64_t now_ms) {
  size_t last = places->resting_first + places->resting_len++;
  places->resting[last % places->len] = (struct series_rest){
      .since_ms = now_ms,
      .number = (uint32_t)(series - places->series),
  };
}
