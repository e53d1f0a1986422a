/* SPDX-License-Identifier: MIT */
/* fingerprint: names that look alike are not. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/alerts/fingerprint.h"
#include "resource_alert/alerts/wide.h"

#define SERIES 60000

static struct fingerprint of(const struct fingerprint_key *key,
                             const char *host, const char *plugin,
                             const char *type) {
  struct reading_names names;
  memset(&names, 'x', sizeof(names)); /* behind a NUL anything may stand */
  (void)snprintf(names.host, READING_NAME_BYTES, "%s", host);
  (void)snprintf(names.plugin, READING_NAME_BYTES, "%s", plugin);
  names.plugin_instance[0] = '\0';
  (void)snprintf(names.type, READING_NAME_BYTES, "%s", type);
  names.type_instance[0] = '\0';
  return fingerprint_of_names(&names, key);
}

static void only_what_stands_before_the_end_counts(void **state) {
  (void)state;
  struct fingerprint_key key;
  assert_int_equal(fingerprint_key_draw(&key), 0);
  struct reading_names zeroed = {
      .host = "hosthost", .plugin = "p", .type = "0123456789abcdef"};
  assert_true(fingerprint_is_same(of(&key, "hosthost", "p", "0123456789abcdef"),
                                  fingerprint_of_names(&zeroed, &key)));
}

static void the_place_of_a_name_counts(void **state) {
  (void)state;
  struct fingerprint_key key;
  assert_int_equal(fingerprint_key_draw(&key), 0);
  static const char *const parts[][3] = {
      {"a", "b", "c"},
      {"b", "a", "c"},
      {"ab", "", "c"},
      {"a", "bc", ""},
      {"", "", "abc"},
      {"", "", ""},
      {"12345678", "", ""},
      {"1234567", "8", ""},
      {"123456789abcdef0", "", ""},
      {"12345678", "9abcdef0", ""},
      {"9abcdef012345678", "", ""},
  };
  const size_t len = sizeof(parts) / sizeof(parts[0]);
  for (size_t i = 0; i < len; i++) {
    for (size_t j = 0; j < i; j++) {
      assert_false(
          fingerprint_is_same(of(&key, parts[i][0], parts[i][1], parts[i][2]),
                              of(&key, parts[j][0], parts[j][1], parts[j][2])));
    }
  }
}

static int by_low(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a;
  uint64_t y = *(const uint64_t *)b;
  return x < y ? -1 : x > y ? 1 : 0;
}

static void many_alike_spread_and_do_not_meet(void **state) {
  (void)state;
  struct fingerprint_key key;
  static uint64_t lows[SERIES];
  static unsigned slots[1024];
  char host[64];
  assert_int_equal(fingerprint_key_draw(&key), 0);
  for (size_t i = 0; i < SERIES; i++) {
    (void)snprintf(host, sizeof(host), "host%zu.example.org", i);
    lows[i] = of(&key, host, "cpu", "gauge").low;
    slots[(lows[i] >> 8) % 1024]++;
  }
  qsort(lows, SERIES, sizeof(lows[0]), by_low);
  for (size_t i = 1; i < SERIES; i++) {
    assert_int_not_equal(lows[i], lows[i - 1]);
  }
  for (size_t i = 0; i < 1024; i++) { /* 58.6 on average, 7.7 the deviation */
    assert_in_range(slots[i], 10, 130);
  }
}

/* What 32-bit machines do is what the others do. */
static void wide_numbers_are_the_same_by_halves(void **state) {
  (void)state;
  static const uint64_t some[] = {
      0,         1, UINT32_MAX, UINT64_C(1) << 32, UINT64_C(0x123456789abcdef0),
      UINT64_MAX};
  for (size_t i = 0; i < 36; i++) {
    struct wide whole = wide_product(some[i / 6], some[i % 6]);
    struct wide halves = wide_product_of_halves(some[i / 6], some[i % 6]);
    assert_true(whole.low == halves.low && whole.high == halves.high);
  }
  struct wide square = wide_product_of_halves(UINT64_MAX, UINT64_MAX);
  assert_true(square.low == 1 && square.high == UINT64_MAX - 1);
  struct wide sum = wide_sum(square, (struct wide){UINT64_MAX, 0});
  assert_true(sum.low == 0 && sum.high == UINT64_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_what_stands_before_the_end_counts),
      cmocka_unit_test(the_place_of_a_name_counts),
      cmocka_unit_test(many_alike_spread_and_do_not_meet),
      cmocka_unit_test(wide_numbers_are_the_same_by_halves),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
