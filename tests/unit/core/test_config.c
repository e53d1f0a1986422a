/* SPDX-License-Identifier: MIT */
/* config_text: collectd's grammar, and where a mistake is. */
#include "unit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "support/failing.h"

static int parse(const char *text, struct config_item *root,
                 struct error *error) {
  *root = (struct config_item){0};
  return config_text_parse(text, strlen(text), root, error);
}

static void reads_what_collectd_reads(void **state) {
  struct config_item root;
  struct error error = {{0}};
  assert_int_equal(parse("# a comment\n"
                         "Interval 10\r\n"
                         "\n"
                         "<Plugin \"dbpool\">  # behind a tag\n"
                         "  Word auto\n"
                         "  Both yes off 1.5e+1 -3 0x10\n"
                         "  Text \"a \\\"b\\\" \\\\s # no comment\" \\\n"
                         "       \"sec\\\n  ond\"\n"
                         "  Address 127.0.0.1:80\n"
                         "  <Inner 5>\n"
                         "  </Inner>\n"
                         "</Plugin>\n",
                         &root, &error),
                   0);
  assert_int_equal(root.children_len, 2);
  assert_int_equal(root.children[0].line, 2);
  assert_int_equal(root.children[0].column, 1);
  assert_true(fabs(root.children[0].values[0].number - 10) < 1e-9);
  const struct config_item *plugin = &root.children[1];
  assert_string_equal(plugin->values[0].string, "dbpool");
  assert_int_equal(plugin->children_len, 5);
  assert_string_equal(plugin->children[0].values[0].string, "auto");
  const struct config_value *both = plugin->children[1].values;
  assert_int_equal(plugin->children[1].values_len, 5);
  assert_true(both[0].kind == CONFIG_BOOLEAN && both[0].boolean);
  assert_true(both[1].kind == CONFIG_BOOLEAN && !both[1].boolean);
  assert_true(fabs(both[2].number - 15) < 1e-9);
  assert_true(fabs(both[3].number + 3) < 1e-9);
  assert_true(fabs(both[4].number - 16) < 1e-9);
  assert_string_equal(plugin->children[2].values[0].string,
                      "a \"b\" \\s # no comment");
  assert_string_equal(plugin->children[2].values[1].string, "second");
  assert_int_equal(plugin->children[3].line, 10);
  assert_int_equal(plugin->children[3].column, 3);
  assert_string_equal(plugin->children[3].values[0].string, "127.0.0.1:80");
  assert_string_equal(plugin->children[4].key, "Inner");
  config_item_fini(&root);
}

static void says_where_a_mistake_is(void **state) {
  static const struct {
    const char *text, *error;
  } cases[] = {
      {"A 1\n<B>\nC 1\n", "line 2, column 2: <B> is never closed"},
      {"<B>\n</C>\n", "line 2, column 3: </C> closes <B>"},
      {"</C>\n", "line 1, column 3: </C> closes no block"},
      {"A\n", "line 1, column 1: A has no value"},
      {"A /x\n", "line 1, column 3: this character must be inside \"quotes\""},
      {"A 1\nB 2", "line 2, column 4: the file ends without a newline, which "
                   "collectd refuses; end this line"},
      {"<A \"x>\nB \"y\"\n</A>\n",
       "line 1, column 4: the string that starts here runs over "
       "the end of its line; close it with \""},
      {"on 1\n",
       "line 1, column 1: expected an option's name, of letters, digits and _"},
      {"\n5\n",
       "line 2, column 1: expected an option's name, of letters, digits and _"},
      {"<B \"x\"\n</B>\n", "line 1, column 7: this block tag has no closing >"},
      {"<B> A 1\n</B>\n", "line 1, column 5: expected the end of the line; "
                          "collectd wants every option and "
                          "every block tag on a line of its own"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct config_item root;
    struct error error = {{0}};
    assert_int_equal(parse(cases[i].text, &root, &error), -EINVAL);
    assert_string_equal(error.text, cases[i].error);
    assert_null(root.children);
  }
}

static void drops_blocks_with_nothing_in_them(void **state) {
  (void)state;
  struct config_item root;
  const char *text = "<A>\n<B>\n</B>\n</A>\n<C \"x\">\n</C>\nD 1\n";
  assert_int_equal(parse(text, &root, NULL), 0);
  assert_int_equal(root.children_len, 2);
  assert_string_equal(root.children[0].key, "C");
  assert_string_equal(root.children[1].key, "D");
  config_item_fini(&root);
}

/* The number of values that collectd makes of one line, and where it first
 * skips or splits. */
static void splits_bare_text_as_collectd_does(void **state) {
  static const struct {
    const char *text;
    size_t values;
    int skipped_column;
  } cases[] = {
      {"A web\n", 1, 0},
      {"A web-1.a\n", 3, 6},
      {"A 80%\n", 1, 5},
      {"A = 10\n", 1, 3},
      {"A 1.5e+1\n", 1, 0},
      {"A 1.5e1\n", 2, 6},
      {"A 10M\n", 1, 0},
      {"A 127.0.0.1:80\n", 1, 0},
      {"A 10.0.0\n", 2, 7},
      {"A fe80::1 [::1]:80\n", 2, 0},
      {"A eth0.100\n", 2, 7},
      {"A \"web-1.a\"\n", 1, 0},
      {"A fuse.sshfs\n", 2, 7},
      {"\xef\xbb\xbfX 1\n", 1, 1},
      {"A 0x1f -3 .5 +7\n", 4, 0},
      {"A \"x\n\n", 1, 3},
      {"A un_der true-x\n", 3, 14},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct config_item root;
    struct error error = {{0}};
    assert_int_equal(parse(cases[i].text, &root, &error), 0);
    assert_int_equal(root.children[0].values_len, cases[i].values);
    assert_int_equal(root.children[0].skipped_column, cases[i].skipped_column);
    config_item_fini(&root);
  }
}

static void refuses_endless_nesting(void **state) {
  char text[4 * 1000 + 1];
  for (size_t i = 0; i < 1000; i++) {
    memcpy(text + 4 * i, "<A>\n", 4);
  }
  text[sizeof(text) - 1] = '\0';
  struct config_item root;
  struct error error = {{0}};
  assert_int_equal(parse(text, &root, &error), -EINVAL);
  assert_string_equal(error.text,
                      "line 33, column 2: blocks are nested too deeply");
}

static void survives_every_allocation_that_fails(void **state) {
  size_t failures = 0;
  for (bool has_failed = true; has_failed; failures++) {
    struct config_item root;
    failing_after(failures);
    int code = parse("A 1 yes\n<B \"x\">\nC word\n</B>\n", &root, NULL);
    has_failed = failing_stop();
    assert_int_equal(code, has_failed ? -ENOMEM : 0);
    config_item_fini(&root);
  }
  assert_true(failures > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_collectd_reads),
      cmocka_unit_test(says_where_a_mistake_is),
      cmocka_unit_test(drops_blocks_with_nothing_in_them),
      cmocka_unit_test(splits_bare_text_as_collectd_does),
      cmocka_unit_test(refuses_endless_nesting),
      cmocka_unit_test(survives_every_allocation_that_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
