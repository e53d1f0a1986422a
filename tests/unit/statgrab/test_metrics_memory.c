/* SPDX-License-Identifier: MIT */
/* metrics_memory: psutil's percentage, and parts that add up to the total. */
#include "statgrab/metrics.h"

#include "statgrab/emitter_recorder.h"

/* 4 GiB in a tmpfs: Cached holds it, MemAvailable does not. */
static const struct stats_memory tmpfs_heavy = {
    .total = 24684092u * 1024ull,
    .free = 19385292u * 1024ull,
    .available = 19600000u * 1024ull,
    .buffered = 4848u * 1024ull,
    .cached = 4373728u * 1024ull,
    .slab_reclaimable = 50000u * 1024ull,
    .swap_total = 0,
    .swap_free = 0,
    .swap_cached = 0,
};

static void counts_tmpfs_as_used(void **state) {
  (void)state;
  struct emitter emitter = recording_emitter("memory");
  metrics_send_memory(&tmpfs_heavy, &emitter);
  assert_near(value("statgrab-memory/percent-used"),
              100.0 * (24684092.0 - 19600000.0) / 24684092.0);
}

static void parts_add_up_to_the_total(void **state) {
  (void)state;
  static const char *const parts[] = {"used", "free", "buffered", "cached"};
  struct emitter emitter = recording_emitter("memory");
  metrics_send_memory(&tmpfs_heavy, &emitter);
  double bytes = 0;
  for (size_t i = 0; i < 4; i++) {
    char name[64];
    (void)snprintf(name, sizeof(name), "statgrab-memory/memory-%s", parts[i]);
    bytes += value(name);
  }
  assert_near(bytes, (double)tmpfs_heavy.total);
}

static void survives_nonsense(void **state) {
  (void)state;
  struct stats_memory stats = tmpfs_heavy;
  stats.available = stats.total * 2; /* as in some containers */
  assert_near(metrics_memory_used_percent(&stats), 0);
  stats.available = STATS_UNKNOWN;
  assert_true(isnan(metrics_memory_used_percent(&stats)));
  stats = tmpfs_heavy;
  stats.cached = stats.total; /* used would be negative: psutil's way out */
  struct emitter emitter = recording_emitter("memory");
  metrics_send_memory(&stats, &emitter);
  assert_near(value("statgrab-memory/memory-used"),
              (double)(stats.total - stats.free));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_tmpfs_as_used),
      cmocka_unit_test(parts_add_up_to_the_total),
      cmocka_unit_test(survives_nonsense),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
