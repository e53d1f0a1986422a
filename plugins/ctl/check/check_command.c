/* SPDX-License-Identifier: MIT */
/* check_command: reads a collectd.conf as the daemon would, starts nothing, and
 * reports what is wrong with the part that concerns our plugins.
 *
 * The plugins' option tables are linked into this program, so it accepts
 * exactly what the daemon accepts. Only what collectd itself does with a
 * file (Include, LoadPlugin, TypesDB) is written again here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/option.h"
#include "core/text.h"
#include "ctl/check/config_files.h"
#include "ctl/check/lint.h"
#include "ctl/check/types_db.h"
#include "ctl/check/unmatched_rules.h"
#include "ctl/command.h"
#include "dbpool/options.h"
#include "resource_alert/options.h"
#include "session_log/options.h"
#include "statgrab/options.h"

#define STOCK_TYPES "/usr/share/collectd/types.db"

/* ---- collectd's own statements ---- */

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

/* An unknown name is a warning: another release of collectd may know it. */
static void check_global_option(const struct config_files_place *statement,
                                struct lint_report *report) {
  const char *name = statement->item->key;
  struct text_nearest nearest = text_nearest_begin(name);
  for (size_t i = 0; i < OPTION_COUNT(global_options); i++) {
    if (strcasecmp(global_options[i], name) == 0) {
      return;
    }
    text_nearest_offer(&nearest, global_options[i]);
  }
  lint_print(report, LINT_WARNING, *statement, "unknown option %s%s%s%s", name,
             nearest.name == NULL ? "" : "; did you mean ",
             nearest.name == NULL ? "" : nearest.name,
             nearest.name == NULL ? "" : "?");
}

/* The last statement counts, as in collectd. */
static bool has_auto_load(const struct config_files *files) {
  bool is_on = false;
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_item *item = files->statements[i].item;
    if (strcasecmp(item->key, "AutoLoadPlugin") == 0 && item->values_len == 1) {
      is_on = item->values[0].kind == CONFIG_BOOLEAN && item->values[0].boolean;
    }
  }
  return is_on;
}

/* collectd passes a block on when it reads it, so the plugin must be loaded
 * before. */
static void check_load_order(const struct config_files *files, size_t index,
                             struct lint_report *report) {
  const struct config_files_place *statement = &files->statements[index];
  const char *name = config_files_get_name(statement->item);
  if (name == NULL || !config_files_is_plugin(statement->item, name)) {
    return;
  }
  size_t loaded_at = 0;
  if (!config_files_find_load_plugin(files, name, &loaded_at)) {
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

/* True if one of the TypesDB files that are named, or the default one, has
 * TYPE. *ret_last: the last TypesDB statement, NULL where there is none. */
static bool read_types_and_find(const struct config_files *files,
                                const char *type,
                                const struct config_files_place **ret_last) {
  struct types_db types = {0};
  *ret_last = NULL;
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_item *item = files->statements[i].item;
    if (strcasecmp(item->key, "TypesDB") != 0) {
      continue;
    }
    *ret_last = &files->statements[i];
    for (size_t j = 0; j < item->values_len; j++) {
      if (item->values[j].kind == CONFIG_STRING) {
        (void)types_db_read(&types, item->values[j].string, NULL);
      }
    }
  }
  if (*ret_last == NULL) {
    (void)types_db_read(&types, STOCK_TYPES, NULL);
  }
  bool has = types_db_find(&types, type) != NULL;
  types_db_fini(&types);
  return has;
}

/* Reports that PLUGIN is loaded and its type TYPE is not known. */
static void check_type_is_known(const struct config_files *files,
                                const char *plugin, const char *type,
                                struct lint_report *report) {
  size_t loaded_at = 0;
  const struct config_files_place *last = NULL;
  if (!config_files_find_load_plugin(files, plugin, &loaded_at) ||
      read_types_and_find(files, type, &last)) {
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
                                    struct lint_report *report) {
  bool loads_all = has_auto_load(files);
  for (size_t i = 0; i < files->statements_len; i++) {
    check_global_option(&files->statements[i], report);
    if (!loads_all) {
      check_load_order(files, i, report);
    }
  }
  check_type_is_known(files, "statgrab", "percent", report);
  check_type_is_known(files, "session_log", "log_rate", report);
  check_type_is_known(files, "resource_alert", "alert_state", report);
}

/* ---- our plugins ---- */

/* Checks each block alone, then parses the good ones together, as the daemon
 * does. target: initialized. */
static int check_plugin_blocks(const struct option_block *plugin,
                               const struct config_files *files, void *target,
                               struct lint_report *report) {
  int code = 0;
  char prefix[64];
  (void)snprintf(prefix, sizeof(prefix), "<Plugin %s>: ", plugin->name);
  for (size_t i = 0; i < files->statements_len && code == 0; i++) {
    const struct config_files_place *statement = &files->statements[i];
    if (!config_files_is_plugin(statement->item, plugin->name)) {
      continue;
    }
    int mistakes = lint_block(plugin, *statement, prefix, report);
    if (mistakes != 0) {
      code = mistakes < 0 ? mistakes : 0;
      continue;
    }
    struct error error = {{0}};
    code = option_parse(plugin, statement->item, target, &error);
    if (code == -EINVAL) {
      lint_print(report, LINT_ERROR, *statement, "%s%s", prefix, error.text);
      code = 0;
    }
  }
  return code;
}

struct parsed_options {
  struct statgrab_options statgrab;
  struct dbpool_options dbpool;
  struct session_log_options session_log;
  struct resource_alert_options resource_alert;
};

/* Rules are compared with the blocks of a plugin only if those are without
 * mistakes; otherwise one mistake would be reported twice. */
static int check_files(const struct config_files *files,
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
  int code = 0;
  memset(&options, 0, sizeof(options));
  check_daemon_statements(files, report);
  for (size_t i = 0; i < OPTION_COUNT(plugins) && code == 0; i++) {
    unsigned errors = report->counts[LINT_ERROR];
    code = option_init(plugins[i].block, plugins[i].target);
    if (code == 0) {
      code = check_plugin_blocks(plugins[i].block, files, plugins[i].target,
                                 report);
    }
    is_good[i] = code == 0 && errors == report->counts[LINT_ERROR];
  }
  const struct unmatched_rules_input rules = {
      .files = files,
      .dbpool = is_good[1] ? &options.dbpool : NULL,
      .session_log = is_good[2] ? &options.session_log : NULL,
      .resource_alert = is_good[3] ? &options.resource_alert : NULL,
  };
  if (code == 0) {
    code = unmatched_rules_check(&rules, report);
  }
  for (size_t i = 0; i < OPTION_COUNT(plugins); i++) {
    option_fini(plugins[i].block, plugins[i].target);
  }
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
    code = check_files(&files, &report);
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
        "rule, blocks that collectd ignores because the plugin is not loaded "
        "before them, and types that no TypesDB file defines. It starts "
        "nothing and connects to nothing.\n\n"
        "Exit code: 0 if there is no problem, 1 if there are warnings, 2 if "
        "there are errors that would keep collectd from starting, 3 if the "
        "file cannot be read.",
    .run = run_check,
};
