/* SPDX-License-Identifier: MIT */
/* option: values, defaults and the one line that a refusal gets. */
#include "unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "core/option.h"
#include "option_doc.h"
#include "support/failing.h"

struct pool {
  struct option_head head;
  int64_t size;
  char *host;
};

struct plugin {
  struct option_head head;
  struct option_blocks pools;
  struct option_strings globs;
  bool is_on;
  double limit;
  int mode;
};

static int refuse_slash(const char *value, struct error *error) {
  return strchr(value, '/') == NULL
             ? 0
             : error_set(error, -EINVAL, "must not hold a slash");
}

static const struct option pool_rows[] = {
    {OPTION("PoolSize", INTEGER, struct pool, size), .min = 1, .max = 10000,
     .default_text = "5", .unit = "connections", .help = "Kept open."},
    {OPTION("Host", STRING, struct pool, host), .is_required = true,
     .example = "\"127.0.0.1\"", .check = refuse_slash, .help = "Where."},
};

static const struct option_block pool_block = {
    .name = "Pool",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct pool),
    .help = "A pool.",
    OPTION_ROWS(pool_rows),
};

static const char *const modes[] = {"auto", "dryrun", "off", NULL};

static const struct option plugin_rows[] = {
    {OPTION("Pool", BLOCK, struct plugin, pools), .block = &pool_block},
    {OPTION("Metric", STRINGS, struct plugin, globs), .help = "Globs."},
    {OPTION("Enabled", BOOLEAN, struct plugin, is_on), .default_text = "true",
     .help = "On."},
    {OPTION("WarningMax", NUMBER, struct plugin, limit), .min = -HUGE_VAL,
     .max = HUGE_VAL, .example = "80", .help = "Limit."},
    {OPTION("Mode", WORD, struct plugin, mode), .words = modes,
     .default_text = "dryrun", .help = "Mode."},
};

static const struct option_block plugin_block = {
    .name = "plugin",
    .size = sizeof(struct plugin),
    .help = "The plugin.",
    OPTION_ROWS(plugin_rows),
};

static int parse(const char *text, struct plugin *plugin, struct error *error) {
  struct config_item root = {0};
  assert_int_equal(config_text_parse(text, strlen(text), &root, error), 0);
  assert_int_equal(option_init(&plugin_block, plugin), 0);
  root.key = strdup("Plugin");
  for (size_t i = 0; i < root.children_len; i++) {
    root.children[i].line = 0; /* as in the daemon */
  }
  int code = option_parse(&plugin_block, &root, plugin, error);
  config_item_fini(&root);
  return code;
}

static void fills_the_struct(void **state) {
  struct plugin plugin;
  struct error error = {{0}};
  assert_int_equal(parse("Metric \"a\" \"b\"\nMetric \"c\"\nMode off\n"
                         "Enabled no\nwarningmax 80.5\n"
                         "<Pool \"x\">\nHost \"h\"\n</Pool>\n"
                         "<Pool \"y\">\nPoolSize \"7\"\nHost \"i\"\n</Pool>\n",
                         &plugin, &error),
                   0);
  assert_int_equal(plugin.globs.len, 3);
  assert_string_equal(plugin.globs.items[2], "c");
  assert_int_equal(plugin.mode, 2);
  assert_false(plugin.is_on);
  assert_true(fabs(plugin.limit - 80.5) < 1e-9);
  const struct pool *pools = plugin.pools.items;
  assert_int_equal(plugin.pools.len, 2);
  assert_string_equal(pools[0].head.label, "x");
  assert_int_equal(pools[0].size, 5);
  assert_int_equal(pools[1].size, 7);
  assert_string_equal(pools[1].host, "i");
  assert_true(pools[1].head.position > pools[0].head.position);
  option_fini(&plugin_block, &plugin);
}

static void has_defaults(void **state) {
  struct plugin plugin;
  assert_int_equal(option_init(&plugin_block, &plugin), 0);
  assert_true(plugin.is_on);
  assert_int_equal(plugin.mode, 1);
  assert_true(isnan(plugin.limit));
  option_fini(&plugin_block, &plugin);
  option_fini(&plugin_block, NULL);
}

static void refuses_in_one_line(void **state) {
  static const struct {
    const char *text, *error;
  } cases[] = {
      {"Metrik \"a\"\n", "unknown option Metrik; did you mean Metric?"},
      {"Zebra 1\n", "unknown option Zebra; allowed: Pool, Metric, Enabled, "
                    "WarningMax, Mode"},
      {"Mode \"other\"\n",
       "Mode \"other\" is not one of the allowed words; allowed: auto, dryrun "
       "or off; write Mode \"dryrun\""},
      {"Mode on\n", "Mode true is not one of the allowed words; allowed: auto, "
                    "dryrun or off; write Mode \"dryrun\""},
      {"WarningMax \"eighty\"\n",
       "WarningMax \"eighty\" is not a number; allowed: any number; write "
       "WarningMax 80"},
      {"Enabled 2\n", "Enabled 2 is neither true nor false; allowed: true or "
                      "false; write Enabled true"},
      {"Enabled true\nEnabled false\n",
       "Enabled is given twice; one is allowed"},
      {"Metric 5\n", "Metric 5 must be quoted"},
      {"Pool \"x\"\n", "<Pool \"x\">: Host is missing: write Host "
                       "\"127.0.0.1\""},
      {"<Pool \"x\">\nHots \"h\"\n</Pool>\n",
       "<Pool \"x\">: line 2: unknown option Hots; did you mean Host?"},
      {"<Pool>\nHost \"h\"\n</Pool>\n",
       "<Pool> needs a quoted name: write <Pool \"NAME\">"},
      {"<Pool \"x\">\nHost \"a/b\"\n</Pool>\n",
       "<Pool \"x\">: line 2: Host \"a/b\" must not hold a slash; write Host "
       "\"127.0.0.1\""},
      {"<Pool \"x\">\nHost \"h\"\nPoolSize 0\n</Pool>\n",
       "<Pool \"x\">: line 3: PoolSize 0 is out of range; allowed: 1 to 10000 "
       "connections; write PoolSize 5"},
      {"<Pool \"x\">\nHost \"h\"\nPoolSize 1.5\n</Pool>\n",
       "<Pool \"x\">: line 3: PoolSize 1.5 is not a whole number; allowed: 1 "
       "to 10000 connections; write PoolSize 5"},
      {"<Pool \"x\">\nHost \"h\"\n</Pool>\n<Pool \"x\">\nHost \"h\"\n</Pool>\n",
       "<Pool \"x\"> is given twice; give each a name of its own"},
      {"<Metric \"a\">\nHost \"h\"\n</Metric>\n",
       "Metric is not a block: write Metric VALUE"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct plugin plugin;
    struct error error = {{0}};
    assert_int_equal(parse(cases[i].text, &plugin, &error), -EINVAL);
    assert_string_equal(error.text, cases[i].error);
    option_fini(&plugin_block, &plugin);
  }
}

static void finds_what_a_sample_lacks(void **state) {
  struct error error = {{0}};
  struct config_item root = {0};
  const char *text = "Metric \"a\"\nEnabled true\nWarningMax 1\nMode off\n"
                     "<Pool \"x\">\nHost \"h\"\n</Pool>\n";
  assert_int_equal(config_text_parse(text, strlen(text), &root, &error), 0);
  assert_int_equal(option_doc_check_sample(&plugin_block, &root, &error),
                   -ENOENT);
  assert_string_equal(error.text, "<Pool>: PoolSize is not shown");
  config_item_fini(&root);
}

/* What the manual says of BLOCK; the caller's to free. */
static char *reference_of(const struct option_block *block) {
  char *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  assert_non_null(file);
  option_doc_print(block, file);
  assert_int_equal(fclose(file), 0);
  return text;
}

static void prints_the_reference(void **state) {
  char *text = reference_of(&plugin_block);
  assert_non_null(strstr(text, "=item B<PoolSize> I<1 to 10000 connections> "
                               "(default: C<5>)\n\nKept open."));
  assert_non_null(strstr(text, "=item B<E<lt>Pool \"NAME\"E<gt>>"));
  free(text);
}

static void a_block_in_two_others_is_explained_once(void **state) {
  static const struct option inner_options[] = {
      {.name = "Host", .kind = OPTION_STRING, .help = "Where it is."}};
  static const struct option_block inner = {.name = "Pool",
                                            .help = "One pool.",
                                            .options = inner_options,
                                            .options_len = 1};
  static const struct option options[] = {
      {.name = "Pool", .kind = OPTION_BLOCK, .block = &inner},
      {.name = "Pool", .kind = OPTION_BLOCK, .block = &inner}};
  static const struct option_block outer = {.options = options,
                                            .options_len = 2};
  char *text = reference_of(&outer);
  const char *first = strstr(text, "Where it is.");
  assert_non_null(first);
  assert_null(strstr(first + 1, "Where it is."));
  assert_non_null(strstr(first, "Its options are those of B<E<lt>PoolE<gt>>"));
  free(text);
}

static void survives_every_allocation_that_fails(void **state) {
  const char *text = "Metric \"a\" \"b\"\n<Pool \"x\">\nHost \"h\"\n</Pool>\n";
  struct config_item root = {0};
  assert_int_equal(config_text_parse(text, strlen(text), &root, NULL), 0);
  size_t failures = 0;
  for (bool has_failed = true; has_failed; failures++) {
    struct plugin plugin;
    struct error error = {{0}};
    failing_after(failures);
    int code = option_init(&plugin_block, &plugin);
    if (code == 0) {
      code = option_parse(&plugin_block, &root, &plugin, &error);
    }
    has_failed = failing_stop();
    assert_int_equal(code, has_failed ? -ENOMEM : 0);
    option_fini(&plugin_block, &plugin);
  }
  assert_true(failures > 10);
  config_item_fini(&root);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fills_the_struct),
      cmocka_unit_test(has_defaults),
      cmocka_unit_test(refuses_in_one_line),
      cmocka_unit_test(finds_what_a_sample_lacks),
      cmocka_unit_test(prints_the_reference),
      cmocka_unit_test(a_block_in_two_others_is_explained_once),
      cmocka_unit_test(survives_every_allocation_that_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
