/* SPDX-License-Identifier: MIT */
/* check_command: reads a collectd.conf as the daemon would, starts nothing, and
 * says what is wrong with our part of it and where. */
#include "ctl/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/option.h"
#include "ctl/check/config_files.h"
#include "ctl/check/daemon_check.h"
#include "ctl/check/diagnostics.h"
#include "ctl/check/lint.h"
#include "ctl/check/unmatched_rules.h"
#include "dbpool/options.h"
#include "resource_alert/options.h"
#include "session_log/options.h"
#include "statgrab/options.h"

static const struct option_block *const plugins[] = {
    &statgrab_options,
    &dbpool_options,
    &session_log_options,
    &resource_alert_options,
};

struct listening {
  struct findings *findings;
  const struct config_statement *statement;
  const char *plugin;
};

static void found(void *context, const struct config_item *where,
                  const char *text) {
  const struct listening *listening = context;
  const struct config_place place =
      config_place_of(listening->statement, where);
  findings_error(listening->findings, &place, "<Plugin %s>: %s",
                 listening->plugin, text);
}

static bool is_block_of(const struct config_statement *statement,
                        const struct option_block *plugin) {
  const char *name = daemon_name_of(statement->item);
  return strcasecmp(statement->item->key, "Plugin") == 0 && name != NULL &&
         strcasecmp(name, plugin->name) == 0;
}

/* Each block alone, then all good ones together as the daemon takes them.
 * target: initialized. */
static int check_plugin(const struct option_block *plugin,
                        const struct config_files *files, void *target,
                        struct findings *findings) {
  int code = 0;
  for (size_t i = 0; i < files->statements_len && code == 0; i++) {
    const struct config_statement *statement = &files->statements[i];
    if (!is_block_of(statement, plugin)) {
      continue;
    }
    struct listening listening = {findings, statement, plugin->name};
    const struct lint_listener listener = {found, &listening};
    int mistakes = lint_block(plugin, statement->item, &listener);
    if (mistakes != 0) {
      code = mistakes < 0 ? mistakes : 0;
      continue;
    }
    struct error error = {{0}};
    code = option_parse(plugin, statement->item, target, &error);
    if (code == -EINVAL) {
      found(&listening, statement->item, error.text);
      code = 0;
    }
  }
  return code;
}

/* The options of all plugins, side by side with the table of plugins. */
struct targets {
  void *of[OPTION_COUNT(plugins)];
  bool is_good[OPTION_COUNT(plugins)];
};

static int check_plugins(const struct config_files *files,
                         struct targets *targets, struct findings *findings) {
  int code = 0;
  for (size_t i = 0; i < OPTION_COUNT(plugins) && code == 0; i++) {
    unsigned errors = findings->errors;
    targets->of[i] = calloc(1, plugins[i]->size);
    code = targets->of[i] == NULL ? -ENOMEM
                                  : option_init(plugins[i], targets->of[i]);
    if (code == 0) {
      code = check_plugin(plugins[i], files, targets->of[i], findings);
    }
    targets->is_good[i] = code == 0 && errors == findings->errors;
  }
  return code;
}

static const void *good_options(const struct targets *targets,
                                const struct option_block *plugin) {
  for (size_t i = 0; i < OPTION_COUNT(plugins); i++) {
    if (plugins[i] == plugin && targets->is_good[i]) {
      return targets->of[i];
    }
  }
  return NULL;
}

static int check_all(const struct config_files *files,
                     struct findings *findings) {
  struct targets targets = {0};
  daemon_check(files, findings);
  int code = check_plugins(files, &targets, findings);
  const struct rule_check rules = {
      .files = files,
      .dbpool = good_options(&targets, &dbpool_options),
      .session_log = good_options(&targets, &session_log_options),
      .resource_alert = good_options(&targets, &resource_alert_options),
  };
  if (code == 0) {
    code = rule_check(&rules, findings);
  }
  for (size_t i = 0; i < OPTION_COUNT(plugins); i++) {
    if (targets.of[i] != NULL) {
      option_fini(plugins[i], targets.of[i]);
    }
    free(targets.of[i]);
  }
  return code;
}

static int judge(const struct config_files *files,
                 const struct findings *findings) {
  if (findings->errors == 0 && findings->warnings == 0) {
    (void)printf("%zu file%s, nothing is wrong\n", files->files_len,
                 files->files_len == 1 ? "" : "s");
    return COMMAND_OKAY;
  }
  (void)printf("%u error%s, %u warning%s\n", findings->errors,
               findings->errors == 1 ? "" : "s", findings->warnings,
               findings->warnings == 1 ? "" : "s");
  return findings->errors > 0 ? COMMAND_FAILURE : COMMAND_WARNING;
}

static int run(const struct command_line *line) {
  const char *path = line->operands_len > 0 ? line->operands[0]
                                            : "/etc/collectd/collectd.conf";
  struct findings findings = {.file = stdout};
  struct config_files files = {0};
  struct config_place place;
  struct error error = {{0}};
  int result;
  int code = config_files_read(path, &files, &place, &error);
  if (code != 0 && place.path != NULL) {
    findings_error(&findings, &place, "%s", error.text);
    result = judge(&files, &findings);
  } else if (code != 0) {
    result = command_fail("%s", error.text);
  } else {
    code = check_all(&files, &findings);
    result = code == 0 ? judge(&files, &findings)
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
        "Includes as collectd would, and says in one line each, with file, "
        "line and column, what is wrong with the part that concerns these "
        "plugins: mistakes of the grammar, unknown or misspelt options, values "
        "out of range, rules that no configured plugin can feed, responses "
        "that "
        "name no rule, blocks that collectd passes over because the plugin is "
        "not loaded before them, types that no TypesDB has. All of the "
        "mistakes, not only the first. Starts nothing, connects to nothing.\n\n"
        "Exit code: 0 where nothing is wrong, 1 with warnings, 2 with errors "
        "that would keep collectd from starting, 3 where the file cannot be "
        "read",
    .run = run,
};
