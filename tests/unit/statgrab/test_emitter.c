/* SPDX-License-Identifier: MIT */
/* emitter: any bytes become a name that collectd and others can take. */
#include "statgrab/emitter.h"

#include <string.h>

#include "unit.h"

static void names_paths_as_the_native_plugin_does(void **state) {
  (void)state;
  static const struct {
    const char *path, *name;
  } cases[] = {
      {"/", "root"},
      {"/var", "var"},
      {"/var/lib/pg", "var-lib-pg"},
      {"/a\nb\"c d", "a_b\"c d"},
      {"/caf\xc3\xa9", "caf\xc3\xa9"},
      {"/caf\xe9", "caf_"},
      {"/\xed\xa0\x80", "___"}, /* a surrogate is no character */
      {"/\xc3", "_"},
      {"relative", "relative"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char name[EMITTER_ITEM_BYTES];
    emitter_make_path_name(cases[i].path, name);
    if (strchr(cases[i].name, '_') != NULL) { /* cleaned: a hash follows */
      assert_int_equal(strlen(name), strlen(cases[i].name) + 9);
      name[strlen(cases[i].name)] = '\0';
    }
    assert_string_equal(name, cases[i].name);
  }
}

static void long_names_stay_apart(void **state) {
  (void)state;
  char path[300], one[EMITTER_ITEM_BYTES], two[EMITTER_ITEM_BYTES];
  memset(path, 'x', sizeof(path));
  path[0] = '/';
  path[sizeof(path) - 1] = '\0';
  path[sizeof(path) - 2] = '1';
  emitter_make_path_name(path, one);
  path[sizeof(path) - 2] = '2';
  emitter_make_path_name(path, two);
  assert_int_equal(strlen(one), EMITTER_ITEM_BYTES - 1);
  assert_string_not_equal(one, two);
}

/* The cut falls between characters, whatever its place. */
static void a_cut_leaves_characters_whole(void **state) {
  (void)state;
  for (size_t shift = 0; shift < 4; shift++) {
    char path[400] = "/xxxx";
    path[1 + shift] = '\0';
    for (size_t i = 0; i < 60; i++) {
      strncat(path, "\xf0\x9f\x90\xa7", sizeof(path) - strlen(path) - 1);
    }
    char name[EMITTER_ITEM_BYTES];
    emitter_make_path_name(path, name);
    size_t length = strlen(name);
    assert_int_equal((length - shift - 9) % 4, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_paths_as_the_native_plugin_does),
      cmocka_unit_test(long_names_stay_apart),
      cmocka_unit_test(a_cut_leaves_characters_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
