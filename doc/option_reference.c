/* SPDX-License-Identifier: MIT */
/* option_reference: prints what the plugins' option tables say, for the manual
 * and for the checks that keep manual, sample files and tables together. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "core/file_util.h"
#include "core/option.h"
#include "dbpool/options.h"
#include "option_doc.h"
#include "resource_alert/options.h"
#include "session_log/options.h"
#include "statgrab/options.h"

#define FILE_BYTES_MAX ((size_t)4 << 20)

static const struct option_block *const plugins[] = {
    &dbpool_options,
    &resource_alert_options,
    &session_log_options,
    &statgrab_options,
};

static const struct option_block *find_plugin(const char *name) {
  for (size_t i = 0; i < OPTION_COUNT(plugins); i++) {
    if (strcmp(plugins[i]->name, name) == 0) {
      return plugins[i];
    }
  }
  return NULL;
}

static int print_failure(const char *text) {
  (void)fprintf(stderr, "option_reference: %s\n", text);
  return EXIT_FAILURE;
}

/* A line for each option: the path of blocks that leads to it, and what the
 * manual says of it. */
static void list_options(const struct option_block *block, const char *path) {
  for (size_t i = 0; i < block->options_len; i++) {
    const struct option *option = &block->options[i];
    const char *help =
        option->block != NULL ? option->block->help : option->help;
    printf("%s/%s\t%s\n", path, option->name, help == NULL ? "" : help);
    if (option->block != NULL && option->block->amends == NULL) {
      char deeper[256];
      (void)snprintf(deeper, sizeof(deeper), "%s/%s", path, option->name);
      list_options(option->block, deeper);
    }
  }
}

static int print_all_options(void) {
  for (size_t i = 0; i < OPTION_COUNT(plugins); i++) {
    list_options(plugins[i], plugins[i]->name);
  }
  return EXIT_SUCCESS;
}

/* Copies the template, a plugin's options for each line "@OPTIONS name@". */
static int print_manual(const char *path) {
  FILE *in = fopen(path, "re");
  if (in == NULL) {
    return print_failure(path);
  }
  char line[4096];
  int status = EXIT_SUCCESS;
  while (fgets(line, sizeof(line), in) != NULL) {
    char name[64];
    if (sscanf(line, "@OPTIONS %63[a-z_]@", name) != 1) {
      (void)fputs(line, stdout);
      continue;
    }
    const struct option_block *plugin = find_plugin(name);
    if (plugin == NULL) {
      status = print_failure(line);
    } else {
      printf("=over 4\n\n");
      option_doc_print(plugin, stdout);
      printf("=back\n\n");
    }
  }
  (void)fclose(in);
  return status;
}

/* Parses FILE and hands each <Plugin> block of ours to VISIT. */
static int read_and_visit_blocks(const char *path,
                                 int (*visit)(const struct option_block *,
                                              const struct config_item *,
                                              struct error *)) {
  struct error error = {{0}};
  char *text = NULL;
  size_t bytes = 0;
  struct config_item root = {0};
  int code = file_read(path, FILE_BYTES_MAX, &text, &bytes, &error);
  if (code == 0) {
    code = config_text_parse(text, bytes, &root, &error);
  }
  for (size_t i = 0; i < root.children_len && code == 0; i++) {
    const struct config_item *item = &root.children[i];
    bool is_plugin = strcmp(item->key, "Plugin") == 0 &&
                     item->values_len == 1 &&
                     item->values[0].kind == CONFIG_STRING;
    const struct option_block *plugin =
        is_plugin ? find_plugin(item->values[0].string) : NULL;
    if (plugin != NULL) {
      code = visit(plugin, item, &error);
    }
  }
  config_item_fini(&root);
  free(text);
  if (code != 0) {
    (void)fprintf(stderr, "%s: %s\n", path, error.text);
  }
  return code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int check_options_shown(const struct option_block *plugin,
                               const struct config_item *item,
                               struct error *error) {
  return option_doc_check_sample(plugin, item, error);
}

static int try_parse_block(const struct option_block *plugin,
                           const struct config_item *item,
                           struct error *error) {
  void *target = malloc(plugin->size);
  int code = target == NULL ? -ENOMEM : option_init(plugin, target);
  if (code == 0) {
    code = option_parse(plugin, item, target, error);
    option_fini(plugin, target);
  }
  free(target);
  return code;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "list") == 0) {
    return print_all_options();
  }
  if (argc == 3 && strcmp(argv[1], "manual") == 0) {
    return print_manual(argv[2]);
  }
  if (argc == 3 && strcmp(argv[1], "shown") == 0) {
    return read_and_visit_blocks(argv[2], check_options_shown);
  }
  if (argc == 3 && strcmp(argv[1], "parse") == 0) {
    return read_and_visit_blocks(argv[2], try_parse_block);
  }
  return print_failure(
      "usage: option_reference list | manual TEMPLATE | shown FILE | "
      "parse FILE");
}
