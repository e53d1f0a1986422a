/* SPDX-License-Identifier: MIT */
/* daemon_check: collectd's own statements, as far as they decide whether our
 * plugins are heard: globals, LoadPlugin, TypesDB. */
#include "ctl/check/daemon_check.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/file_util.h"
#include "core/option.h"

#define TYPES_BYTES_MAX ((size_t)4 << 20)
#define STOCK_TYPES "/usr/share/collectd/types.db"

/* What collectd 5.12 takes outside of blocks. */
static const struct option globals[] = {
    {.name = "AutoLoadPlugin"},
    {.name = "BaseDir"},
    {.name = "Chain"},
    {.name = "CollectInternalStats"},
    {.name = "FQDNLookup"},
    {.name = "Hostname"},
    {.name = "Include"},
    {.name = "Interval"},
    {.name = "LoadPlugin"},
    {.name = "MaxReadInterval"},
    {.name = "PIDFile"},
    {.name = "Plugin"},
    {.name = "PluginDir"},
    {.name = "PostCacheChain"},
    {.name = "PreCacheChain"},
    {.name = "ReadThreads"},
    {.name = "Timeout"},
    {.name = "TypesDB"},
    {.name = "WriteQueueLimitHigh"},
    {.name = "WriteQueueLimitLow"},
    {.name = "WriteThreads"},
};

static const struct option_block globals_block = {.name = "collectd",
                                                  .options = globals,
                                                  .options_len =
                                                      OPTION_COUNT(globals)};

const char *daemon_name_of(const struct config_item *item) {
  return item->values_len == 1 && item->values[0].kind == CONFIG_STRING
             ? item->values[0].string
             : NULL;
}

bool daemon_loads(const struct config_files *files, const char *name,
                  size_t *ret_index) {
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_item *item = files->statements[i].item;
    const char *loaded = daemon_name_of(item);
    if (strcasecmp(item->key, "LoadPlugin") == 0 && loaded != NULL &&
        strcasecmp(loaded, name) == 0) {
      *ret_index = i;
      return true;
    }
  }
  return false;
}

static void check_global(const struct config_statement *statement,
                         struct findings *findings) {
  for (size_t i = 0; i < OPTION_COUNT(globals); i++) {
    if (strcasecmp(globals[i].name, statement->item->key) == 0) {
      return;
    }
  }
  struct error error = {{0}};
  (void)option_refuse_name(&globals_block, statement->item->key, &error);
  const struct config_place place = config_place_of(statement, statement->item);
  findings_warn(findings, &place, "%s", error.text);
}

static bool loads_by_itself(const struct config_files *files) {
  bool does = false;
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_item *item = files->statements[i].item;
    if (strcasecmp(item->key, "AutoLoadPlugin") == 0 && item->values_len == 1) {
      does = item->values[0].kind == CONFIG_BOOLEAN && item->values[0].boolean;
    }
  }
  return does;
}

/* collectd hands a block over when it meets it: to whoever is there by then. */
static void check_loaded(const struct config_files *files, size_t index,
                         struct findings *findings) {
  const struct config_statement *statement = &files->statements[index];
  const char *name = daemon_name_of(statement->item);
  if (strcasecmp(statement->item->key, "Plugin") != 0 || name == NULL) {
    return;
  }
  const struct config_place place = config_place_of(statement, statement->item);
  size_t loaded_at = 0;
  if (!daemon_loads(files, name, &loaded_at)) {
    findings_warn(findings, &place,
                  "<Plugin %s>: the plugin is not loaded, collectd passes over "
                  "this block; write LoadPlugin %s before it",
                  name, name);
  } else if (loaded_at > index) {
    findings_warn(
        findings, &place,
        "<Plugin %s>: LoadPlugin %s stands behind this block (%s:%d), "
        "collectd passes over it; write it before",
        name, name, files->statements[loaded_at].path,
        files->statements[loaded_at].item->line);
  }
}

/* ---- types ---- */

static bool file_has_type(const char *path, const char *type) {
  char *text = NULL;
  size_t bytes = 0;
  if (file_read(path, TYPES_BYTES_MAX, &text, &bytes, NULL) != 0) {
    return false;
  }
  size_t length = strlen(type);
  bool has = false;
  for (const char *line = text; line != NULL && !has;) {
    has = strncmp(line, type, length) == 0 &&
          (line[length] == ' ' || line[length] == '\t');
    line = strchr(line, '\n');
    line = line == NULL ? NULL : line + 1;
  }
  free(text);
  return has;
}

/* Returns false if no TypesDB that is named, nor the default one, has TYPE. */
static bool has_type(const struct config_files *files, const char *type,
                     const struct config_statement **ret_last) {
  bool has = false;
  *ret_last = NULL;
  for (size_t i = 0; i < files->statements_len; i++) {
    const struct config_item *item = files->statements[i].item;
    if (strcasecmp(item->key, "TypesDB") != 0) {
      continue;
    }
    *ret_last = &files->statements[i];
    for (size_t j = 0; j < item->values_len; j++) {
      has = has || (item->values[j].kind == CONFIG_STRING &&
                    file_has_type(item->values[j].string, type));
    }
  }
  return has || (*ret_last == NULL && file_has_type(STOCK_TYPES, type));
}

static void check_type(const struct config_files *files, const char *plugin,
                       const char *type, struct findings *findings) {
  size_t loaded_at = 0;
  const struct config_statement *last = NULL;
  if (!daemon_loads(files, plugin, &loaded_at) ||
      has_type(files, type, &last)) {
    return;
  }
  last = last == NULL ? &files->statements[loaded_at] : last;
  const struct config_place place = config_place_of(last, last->item);
  findings_error(findings, &place,
                 "%s needs the type %s, which no TypesDB has; naming one "
                 "TypesDB switches the default off, so name both: "
                 "TypesDB \"" STOCK_TYPES "\" and TypesDB "
                 "\"/usr/share/collectd-resource-alert/types.db\"",
                 plugin, type);
}

void daemon_check(const struct config_files *files, struct findings *findings) {
  bool loads_all = loads_by_itself(files);
  for (size_t i = 0; i < files->statements_len; i++) {
    check_global(&files->statements[i], findings);
    if (!loads_all) {
      check_loaded(files, i, findings);
    }
  }
  check_type(files, "statgrab", "percent", findings);
  check_type(files, "session_log", "log_rate", findings);
  check_type(files, "resource_alert", "alert_state", findings);
}
