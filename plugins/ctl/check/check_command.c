/* SPDX-License-Identifier: MIT */
/* check_command: reads a collectd.conf as the daemon would, starts nothing, and
 * reports what is wrong with the part that concerns our plugins.
 *
 * The plugins' option tables are linked into this program, so it accepts
 * exactly what the daemon accepts. Only what collectd itself does with a
 * file (Include, LoadPlugin, TypesDB) is written again here. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/option.h"
#include "core/text.h"
#include "ctl/check/config_files.h"
#include "ctl/check/filter_chains.h"
#include "ctl/check/lint.h"
#include "ctl/check/missing_files.h"
#include "ctl/check/override_lint.h"
#include "ctl/check/response_lint.h"
#include "ctl/check/rule_lint.h"
#include "ctl/check/types_db.h"
#include "ctl/check/unmatched_rules.h"
#include "ctl/command.h"
#include "dbpool/options.h"
#include "resource_alert/options.h"
#include "session_log/options.h"
#include "statgrab/options.h"

#define STOCK_TYPES "/usr/share/collectd/types.db"

/* ---- collectd's own statements ---- */

#define PLUGIN_DIR "/usr/lib/collectd"

/* The options of collectd 5.12 outside of blocks. */
static const char *const global_options[] = {
    "AutoLoadPlugin",
    "BaseDir",
    "Chain",
    "CollectInternalStats",
    "FQDNLookup",
    "Hostname",
    "Include",
    "Interval",
    "LoadPlugin",
    "MaxReadInterval",
    "PIDFile",
    "Plugin",
    "PluginDir",
    "PostCacheChain",
    "PreCacheChain",
    "ReadThreads",
    "Timeout",
    "TypesDB",
    "WriteQueueLimitHigh",
    "WriteQueueLimitLow",
    "WriteThreads",
};

/* Block statements, and those whose values collectd counts itself. */
static const char *const uncounted_options[] = {
    "Chain", "Include", "LoadPlugin", "Plugin", "TypesDB", NULL,
};

/* Of statements with a name or a path: collectd refuses a <Plugin> without, and
 * goes on without the Include. */
static void check_first_value(const struct config_files_place *statement,
                              struct lint_report *report) {
  const struct config_item *item = statement->item;
  bool is_text = item->values_len > 0 && item->values[0].kind == CONFIG_STRING;
  if (strcasecmp(item->key, "Plugin") == 0 && !is_text) {
    lint_print(report, LINT_ERROR, *statement,
               "Plugin needs a name: write <Plugin \"NAME\">");
  } else if (strcasecmp(item->key, "Include") == 0) { /* a good one is gone */
    lint_print(report, LINT_WARNING, *statement,
               "collectd ignores this Include, which takes one path: write "
               "Include \"PATH\"");
  } else if (strcasecmp(item->key, "PluginDir") == 0 && !is_text) {
    lint_print(report, LINT_ERROR, *statement,
               "PluginDir takes a path: write PluginDir \"PATH\"");
  }
}

/* An unknown name is a warning: another release of collectd may know it. */
static void check_global_option(const struct config_files_place *statement,
                                struct lint_report *report) {
  const struct config_item *item = statement->item;
  struct text_nearest nearest = text_nearest_begin(item->key);
  for (size_t i = 0; i < OPTION_COUNT(global_options); i++) {
    if (strcasecmp(global_options[i], item->key) == 0) {
      if (item->values_len != 1 && item->children_len == 0 &&
          text_find_word(uncounted_options, item->key) < 0) {
        lint_print(report, LINT_ERROR, *statement,
                   "%s takes one value, not %zu", item->key, item->values_len);
      }
      check_first_value(statement, report);
      return;
    }
    text_nearest_offer(&nearest, global_options[i]);
  }
  lint_print(report, LINT_WARNING, *statement, "unknown option %s%s%s%s",
             item->key, nearest.name == NULL ? "" : "; did you mean ",
             nearest.name == NULL ? "" : nearest.name,
             nearest.name == NULL ? "" : "?");
}

/* Reports where collectd's scanner reads other values than a person does. */
static void check_skipped_text(const char *path, const struct config_item *item,
                               struct lint_report *report) {
  struct config_item at = *item;
  at.column = item->skipped_column;
  if (at.column > 0) {
    lint_print(report, LINT_WARNING, (struct config_files_place){path, &at},
               "%s: collectd skips this character or splits the value here; "
               "put the value in \"quotes\"; a number has no unit",
               item->key);
  }
  for (size_t i = 0; i < item->children_len; i++) {
    check_skipped_text(path, &item->children[i], report);
  }
}

static const char *const own_plugins[] = {"dbpool", "resource_alert",
                                          "session_log", "statgrab"};

/* The plugin of ours that NAME probably means, other than NAME; or NULL.
 * "resource", of resource-alert without quotes, means one, too. */
static const char *find_own_plugin(const char *name) {
  struct text_nearest nearest = text_nearest_begin(name);
  for (size_t i = 0; i < OPTION_COUNT(own_plugins); i++) {
    if (strcasecmp(own_plugins[i], name) == 0) {
      return NULL;
    }
    if (strlen(name) > 4 &&
        strncasecmp(own_plugins[i], name, strlen(name)) == 0) {
      return own_plugins[i];
    }
    text_nearest_offer(&nearest, own_plugins[i]);
  }
  return nearest.name;
}

/* Returns false if DIRECTORY has no NAME.so, ignoring case and symbolic links
 * as collectd does; then *ret_nearest is what was probably meant, or "". True
 * where that is not known: DIRECTORY cannot be read, or there is no collectd
 * here. */
static bool has_plugin_file(const char *directory, const char *name,
                            char ret_nearest[256]) {
  ret_nearest[0] = '\0';
  DIR *entries = opendir(directory);
  bool has = entries == NULL &&
             (errno != ENOENT || strcmp(directory, PLUGIN_DIR) == 0);
  for (struct dirent *entry;
       entries != NULL && !has &&
       (entry = readdir(entries)) != NULL;) { /* our own stream */
    char *dot = strrchr(entry->d_name, '.');
    if (dot == NULL || strcmp(dot, ".so") != 0 || entry->d_type == DT_LNK) {
      continue;
    }
    *dot = '\0';
    has = strcasecmp(entry->d_name, name) == 0;
    struct text_nearest nearest = text_nearest_begin(name);
    text_nearest_offer(&nearest, ret_nearest);
    text_nearest_offer(&nearest, entry->d_name);
    if (nearest.name == entry->d_name) {
      (void)snprintf(ret_nearest, 256, "%s", entry->d_name);
    }
  }
  if (entries != NULL) {
    (void)closedir(entries);
  }
  const char *own = find_own_plugin(name);
  if (own != NULL) {
    (void)snprintf(ret_nearest, 256, "%s", own);
  }
  return has;
}

/* collectd refuses to start where a plugin's file is not there. directory: the
 * PluginDir in force. */
static void check_load_plugin(const struct config_files_place *statement,
                              const char *directory,
                              struct lint_report *report) {
  const char *name = config_files_get_name(statement->item);
  char nearest[256];
  if (name == NULL) {
    lint_print(report, LINT_ERROR, *statement,
               "LoadPlugin takes one name: write LoadPlugin \"NAME\"");
  } else if (!has_plugin_file(directory, name, nearest)) {
    lint_print(report, LINT_ERROR, *statement,
               "LoadPlugin %s: %s has no %s.so%s%s%s", name, directory, name,
               nearest[0] == '\0' ? "" : "; did you mean ", nearest,
               nearest[0] == '\0' ? "" : "?");
  }
}

/* In the order of the statements, since each PluginDir counts from there on.
 * directory: where there is none. */
static void check_plugin_files(const struct config_files *files,
                               const char *directory,
                               struct lint_report *report) {
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_files_place *statement = &files->statements[i];
    const char *name = config_files_get_name(statement->item);
    if (strcasecmp(statement->item->key, "PluginDir") == 0) {
      directory = name == NULL ? directory : name;
      if (name != NULL && access(name, F_OK) != 0) {
        lint_print(report, LINT_WARNING, *statement, "PluginDir: %s: %s", name,
                   strerror(errno));
      }
    } else if (strcasecmp(statement->item->key, "LoadPlugin") == 0) {
      check_load_plugin(statement, directory, report);
    }
  }
}

/* The last statement counts, as in collectd. */
static bool has_auto_load(const struct config_files *files) {
  bool is_on = false;
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_item *item = files->statements[i].item;
    if (strcasecmp(item->key, "AutoLoadPlugin") == 0 && item->values_len == 1) {
      const struct config_value *value = &item->values[0];
      static const char *const yes[] = {"true", "yes", "on", NULL};
      is_on = value->kind == CONFIG_BOOLEAN ? value->boolean
              : value->kind == CONFIG_STRING
                  ? text_find_word(yes, value->string) >= 0
                  : false;
    }
  }
  return is_on;
}

/* collectd passes a block on when it reads it, so the plugin must be loaded
 * before. */
static void check_load_order(const struct config_files *files, size_t index,
                             struct lint_report *report) {
  const struct config_files_place *statement = &files->statements[index];
  const struct config_item *item = statement->item;
  if (strcasecmp(item->key, "Plugin") != 0 || item->values_len == 0 ||
      item->values[0].kind != CONFIG_STRING) {
    return;
  }
  const char *name = item->values[0].string; /* collectd passes over others */
  size_t loaded_at = 0;
  const char *own = find_own_plugin(name);
  bool is_loaded = config_files_find_load_plugin(files, name, &loaded_at);
  if (!is_loaded && own != NULL) {
    lint_print(report, LINT_WARNING, *statement,
               "<Plugin %s>: there is no such plugin, so collectd ignores this "
               "block; did you mean %s?",
               name, own);
  } else if (!is_loaded) {
    lint_print(report, LINT_WARNING, *statement,
               "<Plugin %s>: the plugin is not loaded, so collectd ignores "
               "this block; write LoadPlugin %s before it",
               name, name);
  } else if (loaded_at > index) {
    lint_print(report, LINT_WARNING, *statement,
               "<Plugin %s>: LoadPlugin %s comes after this block (%s:%d), so "
               "collectd ignores the block; write LoadPlugin before it",
               name, name, files->statements[loaded_at].path,
               files->statements[loaded_at].item->line);
  }
}

/* Reads the TypesDB files that are named, or else the default one. Returns the
 * last TypesDB statement, NULL where there is none. report: may be NULL. */
static const struct config_files_place *
read_types(const struct config_files *files, struct types_db *types,
           struct lint_report *report) {
  const struct config_files_place *last = NULL;
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_item *item = files->statements[i].item;
    if (strcasecmp(item->key, "TypesDB") != 0) {
      continue;
    }
    last = &files->statements[i];
    for (size_t j = 0; j < item->values_len; j++) {
      struct error error = {{0}};
      if (item->values[j].kind == CONFIG_STRING &&
          types_db_read(types, item->values[j].string, &error) != 0) {
        lint_print(report, LINT_WARNING, *last, "TypesDB: %s", error.text);
      }
    }
  }
  if (last == NULL) {
    (void)types_db_read(types, STOCK_TYPES, NULL);
  }
  return last;
}

/* Reports that PLUGIN is loaded and its type TYPE is not known. last: the last
 * TypesDB statement, or NULL. */
static void check_type_is_known(const struct config_files *files,
                                const char *plugin, const char *type,
                                const struct types_db *types,
                                const struct config_files_place *last,
                                struct lint_report *report) {
  size_t loaded_at = 0;
  if (!config_files_find_load_plugin(files, plugin, &loaded_at) ||
      types_db_find(types, type) != NULL) {
    return;
  }
  lint_print(report, LINT_ERROR,
             last == NULL ? files->statements[loaded_at] : *last,
             "%s needs the type %s, which no TypesDB has; the default is "
             "not read when a TypesDB is named, so name both: "
             "TypesDB \"" STOCK_TYPES "\" and TypesDB "
             "\"/usr/share/collectd-resource-alert/types.db\"",
             plugin, type);
}

/* Reports what makes collectd ignore our blocks or refuse our types. */
static void check_daemon_statements(const struct config_files *files,
                                    const char *plugin_dir,
                                    struct types_db *types,
                                    struct lint_report *report) {
  bool loads_all = has_auto_load(files);
  for (size_t i = 0; i < files->skipped_len; i++) {
    lint_print(report, LINT_WARNING, files->skipped[i].place, "%s",
               files->skipped[i].text);
  }
  for (size_t i = 0; i < files->statements_len; i++) {
    check_global_option(&files->statements[i], report);
    check_skipped_text(files->statements[i].path, files->statements[i].item,
                       report);
    if (!loads_all) {
      check_load_order(files, i, report);
    }
  }
  check_plugin_files(files, plugin_dir, report);
  filter_chains_check_blocks(files, report);
  const struct config_files_place *last = read_types(files, types, report);
  check_type_is_known(files, "statgrab", "percent", types, last, report);
  check_type_is_known(files, "session_log", "log_rate", types, last, report);
  check_type_is_known(files, "resource_alert", "alert_state", types, last,
                      report);
}

/* ---- our plugins ---- */

/* Prints a mistake that only shows in several blocks together, such as a rule
 * of one name in two files, with both places. last: the block that was parsed
 * last. */
static void print_mistake_of_blocks(const struct config_files *files,
                                    size_t last, const char *prefix,
                                    const char *text,
                                    struct lint_report *report) {
  const struct config_files_place *statement = &files->statements[last];
  const struct config_item *item = statement->item;
  for (size_t i = 0; i < last; i++) {
    const struct config_files_place *earlier = &files->statements[i];
    if (!config_files_is_plugin(earlier->item, config_files_get_name(item))) {
      continue;
    }
    for (size_t k = 0; k < item->children_len; k++) {
      const struct config_item *child = &item->children[k];
      const struct config_item *twin = lint_find_twin(earlier->item, child);
      if (child->children_len > 0 && twin != NULL &&
          strcasecmp(child->key, "Override") != 0) {
        lint_print(report, LINT_ERROR,
                   (struct config_files_place){statement->path, child},
                   "%s%s; the other one is in %s:%d", prefix, text,
                   earlier->path, twin->line);
        return;
      }
    }
  }
  lint_print(report, LINT_ERROR, *statement, "%s%s", prefix, text);
}

/* Checks statement INDEX alone, if it is a block of the plugin, and adds a good
 * one to TARGET, which is initialized, as the daemon does. */
static int check_plugin_block(const struct option_block *plugin,
                              const struct config_files *files, size_t index,
                              void *target, struct lint_report *report) {
  char prefix[64];
  (void)snprintf(prefix, sizeof(prefix), "<Plugin %s>: ", plugin->name);
  const struct config_files_place *statement = &files->statements[index];
  if (!config_files_is_plugin(statement->item, plugin->name)) {
    return 0;
  }
  int mistakes = lint_block(plugin, *statement, prefix, report);
  if (mistakes == 0) {
    mistakes = override_lint_check(files, index, report);
  }
  if (mistakes != 0) {
    return mistakes < 0 ? mistakes : 0;
  }
  struct error error = {{0}};
  int code = option_parse(plugin, statement->item, target, &error);
  if (code == -EINVAL) {
    print_mistake_of_blocks(files, index, prefix, error.text, report);
    return 0;
  }
  return code;
}

static int check_plugin_blocks(const struct option_block *plugin,
                               const struct config_files *files, void *target,
                               struct lint_report *report) {
  int code = 0;
  for (size_t i = 0; i < files->statements_len && code == 0; i++) {
    code = check_plugin_block(plugin, files, i, target, report);
  }
  return code;
}

struct parsed_options {
  struct statgrab_options statgrab;
  struct dbpool_options dbpool;
  struct session_log_options session_log;
  struct resource_alert_options resource_alert;
};

/* Checks the blocks of resource_alert, and behind each block its responses, as
 * the daemon does. dbpool: NULL: its blocks have mistakes. */
static int check_alert_blocks(const struct config_files *files,
                              const struct dbpool_options *dbpool,
                              struct resource_alert_options *options,
                              struct lint_report *report) {
  unsigned errors = report->counts[LINT_ERROR];
  int code = 0;
  for (size_t i = 0; i < files->statements_len && code == 0; i++) {
    size_t first = options->responses.responses.len;
    code =
        check_plugin_block(&resource_alert_options, files, i, options, report);
    if (code == 0 && errors == report->counts[LINT_ERROR]) {
      code = response_lint_check(files, options, first, dbpool, report);
      errors = report->counts[LINT_ERROR]; /* such a mistake is one alone */
    }
  }
  return code;
}

/* Rules are compared with the blocks of a plugin only if those are without
 * mistakes; otherwise one mistake would be reported twice. */
static int check_files(const struct config_files *files, const char *plugin_dir,
                       struct lint_report *report) {
  struct parsed_options options;
  const struct {
    const struct option_block *block;
    void *target;
  } plugins[] = {
      {&statgrab_options, &options.statgrab},
      {&dbpool_options, &options.dbpool},
      {&session_log_options, &options.session_log},
      {&resource_alert_options, &options.resource_alert},
  };
  bool is_good[OPTION_COUNT(plugins)] = {false};
  struct types_db types = {0};
  int code = 0;
  memset(&options, 0, sizeof(options));
  check_daemon_statements(files, plugin_dir, &types, report);
  for (size_t i = 0; i < OPTION_COUNT(plugins) && code == 0; i++) {
    unsigned errors = report->counts[LINT_ERROR];
    code = option_init(plugins[i].block, plugins[i].target);
    if (code == 0 && plugins[i].block == &resource_alert_options) {
      code = check_alert_blocks(files, is_good[1] ? &options.dbpool : NULL,
                                plugins[i].target, report);
    } else if (code == 0) {
      code = check_plugin_blocks(plugins[i].block, files, plugins[i].target,
                                 report);
    }
    is_good[i] = code == 0 && errors == report->counts[LINT_ERROR];
  }
  const struct unmatched_rules_input rules = {
      .files = files,
      .types = &types,
      .dbpool = is_good[1] ? &options.dbpool : NULL,
      .session_log = is_good[2] ? &options.session_log : NULL,
      .resource_alert = is_good[3] ? &options.resource_alert : NULL,
  };
  if (code == 0 && rules.resource_alert != NULL) {
    rule_lint_check(&rules, report);
    if (!unmatched_rules_receives_any_name(files)) {
      code = unmatched_rules_check(&rules, report);
    }
  }
  filter_chains_check(files, rules.resource_alert, report);
  missing_files_check(files, report);
  for (size_t i = 0; i < OPTION_COUNT(plugins); i++) {
    option_fini(plugins[i].block, plugins[i].target);
  }
  types_db_fini(&types);
  return code;
}

/* Prints the sum and returns the exit code. */
static int print_summary(const struct config_files *files,
                         const struct lint_report *report) {
  unsigned errors = report->counts[LINT_ERROR];
  unsigned warnings = report->counts[LINT_WARNING];
  if (errors == 0 && warnings == 0) {
    (void)printf("%zu file%s, no problems found\n", files->files_len,
                 files->files_len == 1 ? "" : "s");
    return COMMAND_OKAY;
  }
  (void)printf("%u error%s, %u warning%s\n", errors, errors == 1 ? "" : "s",
               warnings, warnings == 1 ? "" : "s");
  return errors > 0 ? COMMAND_FAILURE : COMMAND_WARNING;
}

enum { FLAG_PLUGIN_DIR };

/* A file that exists and is wrong is a result (1 or 2); a file that cannot be
 * read is not (3). */
static int run_check(const struct command_line *line) {
  const char *path = line->operands_len > 0 ? line->operands[0]
                                            : "/etc/collectd/collectd.conf";
  struct lint_report report = {.file = stdout};
  struct config_files files = {0};
  struct config_files_place place;
  struct error error = {{0}};
  int result;
  int code = config_files_read(path, &files, &place, &error);
  if (code != 0 && place.path != NULL) {
    lint_print(&report, LINT_ERROR, place, "%s", error.text);
    result = print_summary(&files, &report);
  } else if (code != 0) {
    result = command_fail("%s", error.text);
  } else {
    const char *plugin_dir = line->flags[FLAG_PLUGIN_DIR];
    code = check_files(&files, plugin_dir == NULL ? PLUGIN_DIR : plugin_dir,
                       &report);
    result = code == 0 ? print_summary(&files, &report)
                       : command_fail("%s", strerror(-code));
  }
  config_files_fini(&files);
  return result;
}

const struct command check_command = {
    .name = "check",
    .operands = "[FILE]",
    .operands_max = 1,
    .summary = "check a collectd.conf and everything it includes",
    .help =
        "Reads I<FILE> (default: F</etc/collectd/collectd.conf>) and its "
        "Includes as collectd does. It reports every mistake in the blocks of "
        "these plugins, each in one line with file, line and column: syntax "
        "errors, unknown or misspelt options, values out of range, rules whose "
        "metrics no configured plugin sends, responses that name an unknown "
        "rule, filter chains that keep values away from the rules, files and "
        "directories that do not exist, blocks that collectd ignores because "
        "the plugin is not loaded "
        "before them, plugins whose file does not exist, values that collectd "
        "reads otherwise than they are meant because they have no quotes, and "
        "types that no TypesDB file defines. It starts "
        "nothing and connects to nothing.\n\n"
        "Exit code: 0 if there is no problem, 1 if there are warnings, 2 if "
        "there are errors that would keep collectd from starting, 3 if the "
        "file cannot be read.",
    .flags = {[FLAG_PLUGIN_DIR] =
                  {"plugin-dir", "PATH",
                   "the directory of the plugins where the file has no "
                   "PluginDir (default: " PLUGIN_DIR ")"}},
    .run = run_check,
};
