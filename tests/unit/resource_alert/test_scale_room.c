/* SPDX-License-Identifier: MIT */
/* How many replicas the server of a connection pool has room for. */
#include "unit.h"

#include "resource_alert/actions/scale_room.h"

static void what_fits_is_counted(void **state) {
  /* left, open, replicas, connections of one, how many more */
  static const struct {
    double left, open;
    int64_t replicas, connections, more;
  } cases[] = {
      {90, 60, 2, 30, 3}, /* all is open that may be */
      {12, 60, 2, 30, 0},       {40, 20, 2, 30, 0}, /* 40 of the 40 are still to
                                                       be opened */
      {70, 20, 2, 30, 1},       {29, 90, 2, 30, 0}, /* more is open than they
                                                       may: nothing is owed */
      {30, 90, 2, 30, 1},       {0, 0, 0, 30, 0},   {60, 0, 0, 30, 2},
      {5, 0, 10000, 100000, 0},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    assert_int_equal(scale_room_count(cases[i].left, cases[i].open,
                                      cases[i].replicas, cases[i].connections),
                     cases[i].more);
  }
}

static void nothing_is_known_without_both_values(void **state) {
  assert_int_equal(scale_room_count((double)NAN, 60, 2, 30), -1);
  assert_int_equal(scale_room_count(90, (double)NAN, 2, 30), -1);
  assert_int_equal(scale_room_count((double)INFINITY, 60, 2, 30), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_fits_is_counted),
      cmocka_unit_test(nothing_is_known_without_both_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
