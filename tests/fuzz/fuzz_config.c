/* SPDX-License-Identifier: MIT */
/* fuzz_config: any text as a configuration, through the grammar and every
 * plugin's option table. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/config.h"
#include "core/option.h"
#include "dbpool/options.h"
#include "option_doc.h"
#include "resource_alert/options.h"
#include "session_log/options.h"
#include "statgrab/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_as(const struct option_block *plugin,
                     const struct config_item *item) {
  void *target = malloc(plugin->size);
  if (target == NULL) {
    return;
  }
  struct error error = {{0}};
  if (option_init(plugin, target) == 0) {
    (void)option_parse(plugin, item, target, &error);
    (void)option_doc_check_sample(plugin, item, &error);
    option_fini(plugin, target);
  }
  free(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct config_item root = {0};
  struct error error = {{0}};
  if (config_text_parse((const char *)data, size, &root, &error) != 0) {
    return 0;
  }
  for (size_t i = 0; i < root.children_len; i++) {
    parse_as(&dbpool_options, &root.children[i]);
    parse_as(&resource_alert_options, &root.children[i]);
    parse_as(&session_log_options, &root.children[i]);
    parse_as(&statgrab_options, &root.children[i]);
  }
  config_item_fini(&root);
  return 0;
}
